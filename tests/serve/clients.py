"""Three libraries that talk to OpenAI, each behind the same few words; nothing but the base URL is ours."""

from __future__ import annotations

import asyncio
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
    """An answer in words, and the tokens that the library counted."""

    text: str
    tokens: int


class Client(Protocol):
    """What the shared script asks of a library."""

    def plain(self, text: str) -> Said:
        """One message, one answer."""

    def typed(self, text: str) -> Mood:
        """The same as a type, by the library's own way to get one."""

    def streamed(self, text: str) -> str:
        """The same as a stream, put together."""

    def refused(self, text: str) -> int:
        """The HTTP status that the library's own error tells, without trying again."""


class Openai:
    """The official client."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._openai = pytest.importorskip("openai", reason=REASON)
        self._client = self._openai.OpenAI(base_url=url, api_key=key)
        self._model = model

    def plain(self, text: str) -> Said:
        found = self._client.chat.completions.create(model=self._model, messages=self._messages(text))
        return Said(found.choices[0].message.content, found.usage.total_tokens)

    def typed(self, text: str) -> Mood:
        found = self._client.chat.completions.parse(
            model=self._model, messages=self._messages(text), response_format=Mood
        )
        parsed: Mood = found.choices[0].message.parsed
        return parsed

    def streamed(self, text: str) -> str:
        parts = self._client.chat.completions.create(
            model=self._model, messages=self._messages(text), stream=True
        )
        return "".join(part.choices[0].delta.content or "" for part in parts if part.choices)

    def refused(self, text: str) -> int:
        client = self._client.with_options(max_retries=0)
        with pytest.raises(self._openai.APIStatusError) as told:
            client.chat.completions.create(model=self._model, messages=self._messages(text))
        status: int = told.value.status_code
        return status

    @staticmethod
    def _messages(text: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": text}]


class Langchain:
    """LangChain's chat model for OpenAI."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._openai = pytest.importorskip("openai", reason=REASON)
        self._library = pytest.importorskip("langchain_openai", reason=REASON)
        self._given = {"base_url": url, "api_key": key, "model": model}
        self._chat = self._library.ChatOpenAI(**self._given)

    def plain(self, text: str) -> Said:
        found = self._chat.invoke(text)
        return Said(found.content, found.usage_metadata["total_tokens"])

    def typed(self, text: str) -> Mood:
        found: Mood = self._chat.with_structured_output(Mood).invoke(text)
        return found

    def streamed(self, text: str) -> str:
        return "".join(part.content for part in self._chat.stream(text))

    def refused(self, text: str) -> int:
        chat = self._library.ChatOpenAI(**self._given, max_retries=0)
        with pytest.raises(self._openai.APIStatusError) as told:
            chat.invoke(text)
        status: int = told.value.status_code
        return status


class PydanticAi:
    """An agent of pydantic-ai; it takes its typed answers by a tool call."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._library = pytest.importorskip("pydantic_ai", reason=REASON)
        models = pytest.importorskip("pydantic_ai.models.openai", reason=REASON)
        providers = pytest.importorskip("pydantic_ai.providers.openai", reason=REASON)
        self._errors = pytest.importorskip("pydantic_ai.exceptions", reason=REASON)
        self._models, self._providers = models, providers
        self._url, self._key, self._model = url, key, model

    def _agent(self, **given: Any) -> Any:
        provider = self._providers.OpenAIProvider(base_url=self._url, api_key=self._key)
        return self._library.Agent(self._models.OpenAIChatModel(self._model, provider=provider), **given)

    def plain(self, text: str) -> Said:
        found = asyncio.run(self._agent().run(text))
        usage = found.usage() if callable(found.usage) else found.usage
        return Said(found.output, usage.total_tokens)

    def typed(self, text: str) -> Mood:
        found: Mood = asyncio.run(self._agent(output_type=Mood).run(text)).output
        return found

    def streamed(self, text: str) -> str:
        async def listen() -> str:
            async with self._agent().run_stream(text) as found:
                return "".join([part async for part in found.stream_text(delta=True)])

        return asyncio.run(listen())

    def refused(self, text: str) -> int:
        with pytest.raises(self._errors.ModelHTTPError) as told:
            self.plain(text)
        status: int = told.value.status_code
        return status


CLIENTS: dict[str, type[Openai | Langchain | PydanticAi]] = {
    "openai": Openai,
    "langchain": Langchain,
    "pydantic-ai": PydanticAi,
}
