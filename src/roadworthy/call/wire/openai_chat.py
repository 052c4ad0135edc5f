"""OpenAI chat completions, and every endpoint compatible with it: vLLM, Ollama, llama.cpp, gateways; Azure's too.

Source: platform.openai.com/docs/api-reference/chat; docs.vllm.ai, "OpenAI-compatible server" (`reasoning_content`, finish
reasons `abort` and `error`); docs.z.ai (`sensitive`, `model_context_window_exceeded`); huggingface.co/docs,
"Text generation inference" (`eos_token`, `stop_sequence`). Unknown fields and values are read leniently, except where
leniency would take a broken answer for a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from roadworthy.accept.image import Image
from roadworthy.ask.part import storable
from roadworthy.ask.question import Form, Message
from roadworthy.ask.union import OPENAI
from roadworthy.call.reply import Ending, Exchange, Outcome, Usage
from roadworthy.call.vision import any_image_tokens, data_url, openai_image_tokens
from roadworthy.call.wire.completion import plain_completion
from roadworthy.call.wire.error import as_name, as_word, find_error, one_line
from roadworthy.call.wire.stream import Assembly
from roadworthy.call.wire.value import as_count, as_text, at, mean_probability, object_in, objects, part_of
from roadworthy.call.wire.wire import Terms, Wire, provider_id_of

_FINISHES: Mapping[str, Ending] = {
    **dict.fromkeys(("stop", "end_turn", "eos", "eos_token", "stop_sequence"), Ending.OK),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), Ending.TRUNCATED),
    "model_context_window_exceeded": Ending.TRUNCATED,
    **dict.fromkeys(
        ("content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"), Ending.FILTERED
    ),
    **dict.fromkeys(("content_filtered", "guardrail_intervened", "sensitive"), Ending.FILTERED),
    **dict.fromkeys(("tool_calls", "function_call", "tool_use"), Ending.EMPTY),
    "refusal": Ending.REFUSED,
}
_TEXT_PARTS = ("text", "output_text")
_REASONING = ("reasoning_content", "reasoning")


class OpenAIChat(Wire):
    """Chat completions as OpenAI speaks them.

    Args:
        cap_field: `max_completion_tokens`, or the older `max_tokens` that compatible servers know.
    """

    name = "openai chat completions"
    dialect = OPENAI

    def __init__(self, cap_field: str = "max_completion_tokens") -> None:
        self._cap_field = cap_field

    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """One address for all models."""
        del model_id, stream
        return f"{base}/chat/completions"

    def frame(self, terms: Terms, form: Form) -> dict[str, object]:
        """Model, cap and schema."""
        own: dict[str, object] = {"model": terms.model_id, self._cap_field: terms.output_cap}
        if form.schema is not None:
            own["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": terms.schema.name,
                    "schema": orjson.Fragment(form.schema),
                    "strict": terms.schema.speaks_strict,
                },
            }
        if terms.model.temperature is not None:
            own["temperature"] = terms.model.temperature
        if terms.logprobs:
            own["logprobs"] = True
        return own

    def said(self, messages: Sequence[Message]) -> dict[str, object]:
        """The messages; text alone as text, which every compatible endpoint takes."""
        return {
            "messages": [
                {"role": one.role, "content": _parts(one) if one.images else one.text} for one in messages
            ]
        }

    def streamed(self, body: dict[str, object]) -> dict[str, object]:
        """A stream that ends with its usage."""
        return {**body, "stream": True, "stream_options": {"include_usage": True}}

    def image_tokens(self, image: Image) -> int:
        """OpenAI's own where it is asked, else whatever a compatible endpoint serves."""
        own = self._cap_field == "max_completion_tokens"
        return openai_image_tokens(image) if own else any_image_tokens(image)

    def plain(self, exchange: Exchange) -> Outcome | None:
        """In one pass, as nearly every answer is."""
        return plain_completion(exchange.body, exchange.headers)

    def answer(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
        """The first choice."""
        usage = chat_usage(said.get("usage"))
        choice = _first(said.get("choices"))
        message, logprobs = object_in(choice, "message"), choice.get("logprobs")
        finish = choice.get("finish_reason")
        text, refusal = _content(message)
        ending, detail = _ending(finish, message, text, refusal) if choice else (Ending.EMPTY, "no choices")
        if ending is not Ending.OK:
            if ending is Ending.TRANSIENT and usage is None:
                ending = Ending.UNKNOWN
            elif ending is Ending.FILTERED:
                detail += _categories(choice)
            elif ending is Ending.REFUSED:
                text = refusal or text
        return Outcome(
            ending,
            text,
            as_name(finish),
            as_name(said.get("model")),
            usage,
            mean_probability(at(logprobs).get("content")) if logprobs else None,
            provider_id=as_word(said.get("id")) or provider_id_of(headers),
            detail=detail,
        )

    def usage(self, said: Mapping[str, Any]) -> Usage | None:
        """Cached is part of the prompt. Some servers leave reasoning out of `completion_tokens`, never out of the total."""
        return chat_usage(said.get("usage"))

    def assembly(self) -> Assembly:
        """Chunks of choices."""
        return _ChatAssembly()


class AzureChat(OpenAIChat):
    """The same behind Azure: a deployment in the path, and a dated API."""

    name = "azure openai chat completions"

    def __init__(self, api_version: str) -> None:
        super().__init__()
        self._api_version = api_version

    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """The deployment's own address."""
        del stream
        return f"{base}/openai/deployments/{quote(model_id, safe='')}/chat/completions?api-version={self._api_version}"


class _ChatAssembly(Assembly):
    """Whichever chunk reports usage last is believed, wherever it stands: it counts once."""

    def __init__(self) -> None:
        super().__init__()
        self._head: dict[str, Any] = {}
        self._usage: object = None
        self._finish: object = None
        self._texts: dict[str, list[str]] = {"content": [], "refusal": []}
        self._calls = False
        self._reasoned = False
        self._logprobs: list[object] = []

    def take(self, name: str, said: Mapping[str, Any]) -> None:
        """Take one chunk. `event: error` and an object with an error are both errors."""
        error = find_error(said) or (said if name == "error" else None)
        if error is not None:
            self.error, self.failed = error, said
            return
        for field in ("id", "model"):
            self._head[field] = said.get(field) or self._head.get(field)
        if chat_usage(said.get("usage")) is not None:
            self._usage = said["usage"]
        for choice in objects(said.get("choices")):
            if choice.get("index", 0) == 0:
                self._choice(choice)

    def _choice(self, choice: Mapping[str, Any]) -> None:
        delta = at(choice, "delta") or at(choice, "message")
        for field, parts in self._texts.items():
            value = delta.get(field)
            if isinstance(value, list):
                value = _text(value)
            if isinstance(value, str) and value:
                parts.append(value)
        self._calls = self._calls or bool(delta.get("tool_calls"))
        self._reasoned = self._reasoned or any(delta.get(field) for field in _REASONING)
        self._logprobs += objects(at(choice, "logprobs").get("content"))
        if choice.get("finish_reason") is not None:
            self._finish = choice["finish_reason"]
            self.may_end = True
        self.begun = self.begun or self._reasoned or any(self._texts.values())

    def whole(self) -> dict[str, Any]:
        """A `chat.completion`."""
        message: dict[str, object] = {
            "content": "".join(self._texts["content"]),
            "refusal": "".join(self._texts["refusal"]),
            "tool_calls": self._calls,
            "reasoning": self._reasoned,
        }
        choice = {"message": message, "finish_reason": self._finish, "logprobs": {"content": self._logprobs}}
        return {**self._head, "choices": [choice], "usage": self._usage}


def chat_usage(usage: object) -> Usage | None:
    """Usage with `prompt_tokens` and `completion_tokens` in the normal form; None where it cannot be read."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    total = usage.get("total_tokens")
    if total != prompt + completion:
        completion = max(completion, (as_count(total) or 0) - prompt)
    given = usage.get("prompt_tokens_details")
    cached = part_of(given, "cached_tokens", prompt)
    written = part_of(given, "cache_write_tokens", prompt - cached)
    reasoning = part_of(usage.get("completion_tokens_details"), "reasoning_tokens")
    return Usage(prompt, completion, cached, written, reasoning)


def _ending(finish: object, message: Mapping[str, Any], text: str, refusal: str) -> tuple[Ending, str]:
    """Truncation is told before content is looked at: a cut answer may look whole.

    A finish reason that nobody documented (vLLM says `abort`, gateways say `error`) does not say that the answer is
    whole, so it is not taken for one; what a model writes before it calls a tool is not its answer either.
    """
    meant = _FINISHES.get(finish.lower()) if isinstance(finish, str) else None
    if meant is Ending.OK and not refusal and not message.get("tool_calls") and text.strip():
        return Ending.OK, ""
    if meant is Ending.TRUNCATED:
        return Ending.TRUNCATED, "cut off at the output cap"
    if meant is Ending.FILTERED:
        return Ending.FILTERED, "held back by the content filter"
    if refusal or meant is Ending.REFUSED:
        return Ending.REFUSED, one_line(refusal) or "the model refused"
    if meant is Ending.EMPTY or message.get("tool_calls"):
        return Ending.EMPTY, "a tool call instead of an answer"
    if meant is None:
        return Ending.TRANSIENT, one_line(f"finish_reason is {finish!r}: the answer may be cut off")
    reasoned = any(message.get(field) for field in _REASONING)
    return Ending.EMPTY, "reasoning, and no text" if reasoned else "no text"


def _categories(choice: Mapping[str, Any]) -> str:
    """What a filter found, where it says so (Azure's `content_filter_results`)."""
    results = at(choice, "content_filter_results")
    named = [name for name in results if at(results, name).get("filtered") is True]
    return one_line(f": {', '.join(named)}") if named else ""


def _content(message: Mapping[str, Any]) -> tuple[str, str]:
    """What the model said, and what it said instead of an answer: a field of its own, or a part of the content."""
    content, refusal = message.get("content"), message.get("refusal")
    text = storable(content) if isinstance(content, str) else _text(content)
    if isinstance(refusal, str) and refusal.strip():
        return text, storable(refusal)
    if isinstance(content, list):
        return text, "".join([as_text(part.get("refusal")) for part in objects(content)])
    return text, ""


def _text(parts: object) -> str:
    """The text of an answer in parts, joined; a part that is reasoning is no answer."""
    said = [part for part in objects(parts) if part.get("type", "text") in _TEXT_PARTS]
    return "".join(as_text(part.get("text")) for part in said)


def _parts(message: Message) -> list[object]:
    """A message with images."""
    pictures = [{"type": "image_url", "image_url": {"url": data_url(one)}} for one in message.images]
    return [*pictures, {"type": "text", "text": message.text}]


def _first(choices: object) -> Mapping[str, Any]:
    """The first choice; an empty one where there is none."""
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
