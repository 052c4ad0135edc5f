"""Anthropic messages, from Anthropic itself and from Vertex.

Source: platform.claude.com/docs (Messages, Streaming, Errors, Versioning), and the official SDK's types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from roadworthy.accept.image import Image
from roadworthy.ask.question import Form, Message
from roadworthy.call.model import Model
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.vision import anthropic_image_tokens
from roadworthy.call.wire.error import as_name, as_word, find_error, one_line
from roadworthy.call.wire.stream import Assembly
from roadworthy.call.wire.value import as_count, as_text, at, objects, part_of
from roadworthy.call.wire.wire import Terms, Wire, apart, provider_id_of

VERSION = "2026-10-21"
VERSION_WITH_TEMPERATURE = "2023-06-01"
VERTEX_VERSION_WITH_TEMPERATURE = "vertex-2023-10-16"

_STOPS: Mapping[object, tuple[Ending, str]] = {
    "end_turn": (Ending.OK, ""),
    "stop_sequence": (Ending.OK, ""),
    "max_tokens": (Ending.TRUNCATED, "cut off at the output cap"),
    "model_context_window_exceeded": (Ending.TRUNCATED, "cut off at the end of the model's context"),
    "refusal": (Ending.REFUSED, "the model refused"),
    "tool_use": (Ending.EMPTY, "a tool call instead of an answer"),
}


class AnthropicMessages(Wire):
    """Messages. The newest version of the API knows no temperature; a model that sets one gets the version before."""

    name = "anthropic messages"
    dialect = "anthropic"

    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """One address for all models."""
        del model_id, stream
        return f"{base}/v1/messages"

    def headers(self, model: Model) -> dict[str, str]:
        """The version of the API."""
        return {"anthropic-version": VERSION if model.temperature is None else VERSION_WITH_TEMPERATURE}

    def frame(self, terms: Terms, form: Form) -> dict[str, object]:
        """Model, cap and schema."""
        own: dict[str, object] = {"model": terms.model_id, "max_tokens": terms.output_cap}
        if form.schema is not None:
            own["output_config"] = {
                "format": {"type": "json_schema", "schema": orjson.Fragment(form.schema)},
            }
        if terms.model.temperature is not None:
            own["temperature"] = terms.model.temperature
        return own

    def said(self, messages: Sequence[Message]) -> dict[str, object]:
        """System and messages."""
        system, given = apart(messages)
        said: dict[str, object] = {
            "messages": [{"role": "user", "content": _said(message)} for message in given]
        }
        return {"system": system, **said} if system else said

    def image_tokens(self, image: Image) -> int:
        """Claude's own."""
        return anthropic_image_tokens(image)

    def streamed(self, body: dict[str, object]) -> dict[str, object]:
        """Usage comes unasked."""
        return {**body, "stream": True}

    def answer(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
        """The text blocks; thinking is no answer. A refusal may come with a text, or with no block at all."""
        usage = self.usage(said)
        text = "".join(
            as_text(block.get("text"))
            for block in objects(said.get("content"))
            if block.get("type") == "text"
        )
        stop, details = said.get("stop_reason"), at(said, "stop_details")
        unknown = (Ending.TRANSIENT, one_line(f"stop_reason is {stop!r}: the answer may be cut off"))
        ending, detail = _STOPS.get(stop if isinstance(stop, str) else None, unknown)
        if ending is Ending.OK and not text.strip():
            ending, detail = Ending.EMPTY, "no text"
        elif ending is Ending.REFUSED:
            told = [as_word(details.get(name)) for name in ("category", "explanation")]
            detail = one_line(": ".join(filter(None, told))) or detail
        elif ending is Ending.TRANSIENT and usage is None:
            ending = Ending.UNKNOWN
        return Outcome(
            ending,
            text=text,
            finish=as_name(stop),
            served_model=as_name(said.get("model")),
            usage=usage,
            provider_id=as_word(said.get("id")) or provider_id_of(headers),
            detail=detail,
        )

    def usage(self, said: Mapping[str, Any]) -> Usage | None:
        """Here `input_tokens` leaves out what was read from the cache and what was written to it."""
        usage = at(said, "usage")
        plain, produced = as_count(usage.get("input_tokens")), as_count(usage.get("output_tokens"))
        if plain is None or produced is None:
            return None
        cached = part_of(usage, "cache_read_input_tokens")
        written = part_of(usage, "cache_creation_input_tokens")
        an_hour = part_of(usage.get("cache_creation"), "ephemeral_1h_input_tokens", written)
        return Usage(
            input_tokens=plain + cached + written,
            output_tokens=produced,
            cached_tokens=cached,
            cache_write_tokens=written,
            cache_write_1h_tokens=an_hour,
            reasoning_tokens=part_of(usage.get("output_tokens_details"), "thinking_tokens"),
        )

    def assembly(self) -> Assembly:
        """Blocks and their deltas, in whatever order they come."""
        return _MessageAssembly()


def _said(message: Message) -> object:
    if not message.images:
        return message.text
    pictures = [
        {"type": "image", "source": {"type": "base64", "media_type": one.media_type, "data": one.base64}}
        for one in message.images
    ]
    return [*pictures, {"type": "text", "text": message.text}]


class VertexAnthropic(AnthropicMessages):
    """The same behind Vertex: model and version move from the headers and the body to the path and the body."""

    name = "anthropic messages on vertex"

    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """The publisher's model."""
        verb = "streamRawPredict" if stream else "rawPredict"
        return f"{base}/publishers/anthropic/models/{quote(model_id, safe='@')}:{verb}"

    def headers(self, model: Model) -> dict[str, str]:
        """None."""
        del model
        return {}

    def frame(self, terms: Terms, form: Form) -> dict[str, object]:
        """As there, with the version inside."""
        own = super().frame(terms, form)
        del own["model"]
        plain = terms.model.temperature is None
        return {**own, "anthropic_version": VERSION if plain else VERTEX_VERSION_WITH_TEMPERATURE}


class _MessageAssembly(Assembly):
    """Usage is told twice: the input with the start, the output so far with each `message_delta`. The last one counts."""

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._texts: dict[object, list[str]] = {}

    def take(self, name: str, said: Mapping[str, Any]) -> None:
        """Take one event; its name is in its `type` too. What nobody documented is passed over."""
        kind = as_text(said.get("type")) or name
        match kind:
            case "error":
                self.error = find_error(said) or said
            case "message_start":
                self._message = dict(at(said, "message"))
                self._add_usage(at(said, "message", "usage"))
            case "content_block_start":
                self._text(said.get("index"), at(said, "content_block"))
            case "content_block_delta":
                self.begun = True
                self._text(said.get("index"), at(said, "delta"))
            case "message_delta":
                delta = at(said, "delta")
                self._message |= {
                    field: delta[field] for field in ("stop_reason", "stop_details") if field in delta
                }
                self._add_usage(at(said, "usage"))
            case "message_stop":
                self.ended = self.may_end = True

    def _text(self, index: object, part: Mapping[str, Any]) -> None:
        if as_text(part.get("type")) in {"text", "text_delta"}:
            self._texts.setdefault(as_count(index) or 0, []).append(as_text(part.get("text")))

    def _add_usage(self, usage: Mapping[str, Any]) -> None:
        self._usage |= {field: value for field, value in usage.items() if value is not None}

    def whole(self) -> dict[str, Any]:
        """A `message`."""
        texts = [{"type": "text", "text": "".join(parts)} for parts in self._texts.values()]
        return {**self._message, "content": texts, "usage": self._usage}
