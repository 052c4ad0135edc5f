"""Three libraries that talk to OpenAI, each behind the same few words; nothing but the base URL is ours."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from pydantic import BaseModel

REASON = "install the group sdks: make sdks"


class Mood(BaseModel):
    """What a caller wants back."""

    mood: str
    sure: float


@dataclass(frozen=True)
class Said:
    """An answer in words, the tokens that the library counted, and the headers where it shows them."""

    text: str
    tokens: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Refusal:
    """What the library's own error tells."""

    status: int
    code: str | None
    words: str
    retry_after: str | None


class Client(Protocol):
    """What the shared script asks of a library. Every call may carry an Idempotency-Key."""

    def plain(self, text: str, token: str = "") -> Said:
        """One message, one answer; the headers are seen by the library's own way to see them."""

    def typed(self, text: str) -> Mood:
        """The same as a type, by the library's own way to get one."""

    def streamed(self, text: str, token: str = "") -> Said:
        """The same as a stream, put together."""

    def refused(self, text: str, token: str = "", *, streamed: bool = False, tries: int = 1) -> Refusal:
        """The library's own error. With more than one try, it may try again where it takes that for right."""

    @property
    def broken(self) -> type[Exception]:
        """What the library raises where an answer breaks off."""


def _told(error: Any) -> Refusal:
    """An error of the official client, which LangChain hands on."""
    return Refusal(error.status_code, error.code, str(error), error.response.headers.get("retry-after"))


def _sent(token: str) -> dict[str, str]:
    return {"Idempotency-Key": token} if token else {}


class Openai:
    """The official client."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._openai = pytest.importorskip("openai", reason=REASON)
        self._client = self._openai.OpenAI(base_url=url, api_key=key)
        self._model = model

    @property
    def broken(self) -> type[Exception]:
        found: type[Exception] = self._openai.APIConnectionError
        return found

    def plain(self, text: str, token: str = "") -> Said:
        return self._plain(self._client, text, token)

    def typed(self, text: str) -> Mood:
        found = self._client.chat.completions.parse(
            model=self._model, messages=self._messages(text), response_format=Mood
        )
        parsed: Mood = found.choices[0].message.parsed
        return parsed

    def streamed(self, text: str, token: str = "") -> Said:
        return self._streamed(self._client, text, token)

    def refused(self, text: str, token: str = "", *, streamed: bool = False, tries: int = 1) -> Refusal:
        client = self._client.with_options(max_retries=tries - 1)
        ask = self._streamed if streamed else self._plain
        with pytest.raises(self._openai.APIStatusError) as told:
            ask(client, text, token)
        return _told(told.value)

    def _plain(self, client: Any, text: str, token: str) -> Said:
        raw = client.chat.completions.with_raw_response.create(
            model=self._model, messages=self._messages(text), extra_headers=_sent(token)
        )
        found = raw.parse()
        return Said(found.choices[0].message.content, found.usage.total_tokens, raw.headers)

    def _streamed(self, client: Any, text: str, token: str) -> Said:
        parts = client.chat.completions.create(
            model=self._model,
            messages=self._messages(text),
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=_sent(token),
        )
        headers, words, tokens = parts.response.headers, "", 0
        for part in parts:
            words += "".join(choice.delta.content or "" for choice in part.choices)
            tokens = tokens if part.usage is None else part.usage.total_tokens
        return Said(words, tokens, headers)

    @staticmethod
    def _messages(text: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": text}]


class Langchain:
    """LangChain's chat model for OpenAI."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._openai = pytest.importorskip("openai", reason=REASON)
        self._library = pytest.importorskip("langchain_openai", reason=REASON)
        self._given = {"base_url": url, "api_key": key, "model": model}
        self._chat = self._library.ChatOpenAI(**self._given, include_response_headers=True, stream_usage=True)

    @property
    def broken(self) -> type[Exception]:
        found: type[Exception] = self._openai.APIConnectionError
        return found

    def plain(self, text: str, token: str = "") -> Said:
        return self._plain(self._chat, text, token)

    def typed(self, text: str) -> Mood:
        found: Mood = self._library.ChatOpenAI(**self._given).with_structured_output(Mood).invoke(text)
        return found

    def streamed(self, text: str, token: str = "") -> Said:
        return self._streamed(self._chat, text, token)

    def refused(self, text: str, token: str = "", *, streamed: bool = False, tries: int = 1) -> Refusal:
        chat = self._library.ChatOpenAI(**self._given, max_retries=tries - 1)
        ask = self._streamed if streamed else self._plain
        with pytest.raises(self._openai.APIStatusError) as told:
            ask(chat, text, token)
        return _told(told.value)

    def _plain(self, chat: Any, text: str, token: str) -> Said:
        found = chat.invoke(text, extra_headers=_sent(token))
        headers = found.response_metadata.get("headers", {})
        return Said(found.content, found.usage_metadata["total_tokens"], headers)

    def _streamed(self, chat: Any, text: str, token: str) -> Said:
        words, tokens = "", 0
        headers: dict[str, str] = {}
        for part in chat.stream(text, extra_headers=_sent(token)):
            words += part.content
            tokens += (part.usage_metadata or {}).get("total_tokens", 0)
            headers |= part.response_metadata.get("headers", {})
        return Said(words, tokens, headers)


class PydanticAi:
    """An agent of pydantic-ai; it takes its typed answers by a tool call, and shows headers to a hook of its HTTP client."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._library = pytest.importorskip("pydantic_ai", reason=REASON)
        self._openai = pytest.importorskip("openai", reason=REASON)
        self._http = pytest.importorskip("httpx2", reason=REASON)
        self._models = pytest.importorskip("pydantic_ai.models.openai", reason=REASON)
        self._providers = pytest.importorskip("pydantic_ai.providers.openai", reason=REASON)
        self._errors = pytest.importorskip("pydantic_ai.exceptions", reason=REASON)
        self._url, self._key, self._model = url, key, model
        self._headers: dict[str, str] = {}

    @property
    def broken(self) -> type[Exception]:
        found: type[Exception] = self._errors.ModelAPIError
        return found

    def _agent(self, tries: int = 3, **given: Any) -> Any:
        async def heard(response: Any) -> None:
            self._headers = dict(response.headers)

        http = self._http.AsyncClient(event_hooks={"response": [heard]}, timeout=60)
        client = self._openai.AsyncOpenAI(
            base_url=self._url, api_key=self._key, max_retries=tries - 1, http_client=http
        )
        model = self._models.OpenAIChatModel(
            self._model, provider=self._providers.OpenAIProvider(openai_client=client)
        )
        return self._library.Agent(model, **given)

    def plain(self, text: str, token: str = "") -> Said:
        return self._plain(self._agent(), text, token)

    def typed(self, text: str) -> Mood:
        found: Mood = asyncio.run(self._agent(output_type=Mood).run(text)).output
        return found

    def streamed(self, text: str, token: str = "") -> Said:
        return self._streamed(self._agent(), text, token)

    def refused(self, text: str, token: str = "", *, streamed: bool = False, tries: int = 1) -> Refusal:
        ask = self._streamed if streamed else self._plain
        with pytest.raises(self._errors.ModelHTTPError) as told:
            ask(self._agent(tries), text, token)
        error = told.value
        return Refusal(
            error.status_code,
            (error.body or {}).get("code"),
            str(error),
            (error.headers or {}).get("retry-after"),
        )

    def _plain(self, agent: Any, text: str, token: str) -> Said:
        found = asyncio.run(agent.run(text, model_settings={"extra_headers": _sent(token)}))
        return Said(found.output, found.usage.total_tokens, self._headers)

    def _streamed(self, agent: Any, text: str, token: str) -> Said:
        async def listen() -> Said:
            settings = {"extra_headers": _sent(token)}
            async with agent.run_stream(text, model_settings=settings) as found:
                words = "".join([part async for part in found.stream_text(delta=True)])
                return Said(words, found.usage.total_tokens, self._headers)

        return asyncio.run(listen())


CLIENTS: dict[str, type[Openai | Langchain | PydanticAi]] = {
    "openai": Openai,
    "langchain": Langchain,
    "pydantic-ai": PydanticAi,
}
