"""Gemini generateContent, from Google's API for developers and from Vertex.

Source: ai.google.dev/api/generate-content, and the official SDK's types.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from roadworthy.accept.image import Image
from roadworthy.ask.question import Form, Message
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.vision import gemini_image_tokens
from roadworthy.call.wire.error import as_name, as_word, find_error, one_line
from roadworthy.call.wire.stream import Assembly
from roadworthy.call.wire.value import as_count, as_text, at, first_object, objects, part_of
from roadworthy.call.wire.wire import Terms, Wire, apart, provider_id_of

_FINISHES: Mapping[str, tuple[Ending, str]] = {
    "STOP": (Ending.OK, ""),
    "MAX_TOKENS": (Ending.TRUNCATED, "cut off at the output cap"),
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
        (Ending.FILTERED, "held back by the content filter"),
    ),
    **dict.fromkeys(
        ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
        (Ending.EMPTY, "a tool call instead of an answer"),
    ),
}


class GeminiContent(Wire):
    """generateContent; the model and the way it is read are part of the address.

    Args:
        folder: what stands between the base and `models/`.
    """

    name = "gemini generateContent"
    dialect = "gemini"

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """The model's own address."""
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"{base}/{self._folder}models/{quote(model_id, safe='')}:{verb}"

    def frame(self, terms: Terms, form: Form) -> dict[str, object]:
        """Cap and schema; the address names the model."""
        config: dict[str, object] = {
            "maxOutputTokens": terms.output_cap,
            "responseMimeType": "application/json",
        }
        if form.schema is not None:
            config["responseJsonSchema"] = orjson.Fragment(form.schema)
        if terms.model.temperature is not None:
            config["temperature"] = terms.model.temperature
        if terms.logprobs:
            config["responseLogprobs"] = True
        return {"generationConfig": config}

    def said(self, messages: Sequence[Message]) -> dict[str, object]:
        """System instruction and contents."""
        system, given = apart(messages)
        said: dict[str, object] = {
            "contents": [{"role": "user", "parts": _said(message)} for message in given]
        }
        return {"systemInstruction": {"parts": [{"text": system}]}, **said} if system else said

    def image_tokens(self, image: Image) -> int:
        """Gemini's own."""
        return gemini_image_tokens(image)

    def streamed(self, body: dict[str, object]) -> dict[str, object]:
        """The address says it."""
        return body

    def answer(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
        """The first candidate; a blocked prompt has none."""
        usage = self.usage(said)
        candidate = first_object(said.get("candidates"))
        block = at(said, "promptFeedback").get("blockReason")
        finish = (candidate or {}).get("finishReason")
        text = _text(objects(at(candidate, "content").get("parts")))
        ending, detail = _ending(candidate, block, finish, text)
        if ending is Ending.TRANSIENT and usage is None:
            ending = Ending.UNKNOWN
        average = (candidate or {}).get("avgLogprobs")
        probability = math.exp(min(0.0, average)) if isinstance(average, int | float) else None
        return Outcome(
            ending,
            text=text,
            finish=as_name(finish) or as_name(block),
            served_model=as_name(said.get("modelVersion")),
            usage=usage,
            token_probability=probability,
            provider_id=as_word(said.get("responseId")) or provider_id_of(headers),
            detail=detail,
        )

    def usage(self, said: Mapping[str, Any]) -> Usage | None:
        """Cached is part of the prompt; thoughts are billed as output and not part of the candidates; tools are input."""
        usage = at(said, "usageMetadata")
        prompt = as_count(usage.get("promptTokenCount"))
        if prompt is None:
            return None
        thoughts = part_of(usage, "thoughtsTokenCount")
        given = prompt + part_of(usage, "toolUsePromptTokenCount")
        return Usage(
            input_tokens=given,
            output_tokens=part_of(usage, "candidatesTokenCount") + thoughts,
            cached_tokens=part_of(usage, "cachedContentTokenCount", given),
            reasoning_tokens=thoughts,
        )

    def assembly(self) -> Assembly:
        """Responses that each hold a piece."""
        return _ContentAssembly()


def _said(message: Message) -> list[object]:
    pictures: list[object] = [
        {"inlineData": {"mimeType": one.media_type, "data": one.base64}} for one in message.images
    ]
    return [*pictures, {"text": message.text}]


class VertexGemini(GeminiContent):
    """The same behind Vertex."""

    name = "gemini generateContent on vertex"

    def __init__(self) -> None:
        super().__init__("publishers/google/")


class _ContentAssembly(Assembly):
    """Usage grows from piece to piece; the last one counts. The marker is the piece with a finish reason and usage."""

    def __init__(self) -> None:
        super().__init__()
        self._head: dict[str, Any] = {}
        self._candidate: dict[str, Any] = {}
        self._parts: list[Mapping[str, Any]] = []

    def take(self, name: str, said: Mapping[str, Any]) -> None:
        """Take one piece."""
        error = find_error(said) or (said if name == "error" else None)
        if error is not None:
            self.error, self.failed = error, said
            return
        kept = ("usageMetadata", "modelVersion", "responseId", "promptFeedback")
        self._head |= {field: said[field] for field in kept if said.get(field)}
        if at(said, "promptFeedback").get("blockReason"):
            self.may_end = True
        for candidate in objects(said.get("candidates")):
            if candidate.get("index", 0) == 0:
                self._parts += objects(at(candidate, "content").get("parts"))
                self._candidate |= {field: value for field, value in candidate.items() if value is not None}
        self.begun = self.begun or bool(self._parts)
        self.may_end = self.may_end or bool(self._candidate.get("finishReason"))
        self.ended = self.may_end and "usageMetadata" in said

    def whole(self) -> dict[str, Any]:
        """A `GenerateContentResponse`."""
        if not self._candidate:
            return self._head
        return {**self._head, "candidates": [{**self._candidate, "content": {"parts": self._parts}}]}


def _ending(
    candidate: Mapping[str, Any] | None, block: object, finish: object, text: str
) -> tuple[Ending, str]:
    if candidate is None:
        if block:
            return Ending.FILTERED, one_line(f"the prompt was blocked: {block}")
        return Ending.EMPTY, "no candidates"
    unknown = (Ending.TRANSIENT, one_line(f"finishReason is {finish!r}: the answer may be cut off"))
    ending, detail = _FINISHES.get(finish if isinstance(finish, str) else "", unknown)
    if ending is Ending.FILTERED:
        return ending, one_line(f"{detail}: {finish}")
    if ending is Ending.OK and not text.strip():
        return Ending.EMPTY, "no text"
    return ending, detail


def _text(parts: Iterable[Mapping[str, Any]]) -> str:
    """The text of the parts; a thought is no answer."""
    return "".join(as_text(part.get("text")) for part in parts if part.get("thought") is not True)
