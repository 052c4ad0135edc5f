"""OpenAI responses.

Source: platform.openai.com/docs/api-reference/responses, and the official SDK's types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from roadworthy.accept.image import Image
from roadworthy.ask.question import Form, Message
from roadworthy.ask.union import OPENAI
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.vision import data_url, openai_image_tokens
from roadworthy.call.wire.error import as_name, as_word, find_error, one_line
from roadworthy.call.wire.stream import Assembly
from roadworthy.call.wire.value import as_count, as_text, at, mean_probability, objects, part_of
from roadworthy.call.wire.wire import Terms, Wire, provider_id_of

_INCOMPLETE = {
    "max_output_tokens": (Ending.TRUNCATED, "cut off at the output cap"),
    "content_filter": (Ending.FILTERED, "held back by the content filter"),
}
_NO_ANSWER = frozenset({"message", "reasoning"})


class OpenAIResponses(Wire):
    """Responses, which the provider is asked not to keep."""

    name = "openai responses"
    dialect = OPENAI

    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """One address for all models."""
        del model_id, stream
        return f"{base}/responses"

    def frame(self, terms: Terms, form: Form) -> dict[str, object]:
        """Model, cap and schema."""
        own: dict[str, object] = {
            "model": terms.model_id,
            "max_output_tokens": terms.output_cap,
            "store": False,
        }
        if form.schema is not None:
            own["text"] = {
                "format": {
                    "type": "json_schema",
                    "name": terms.schema.name,
                    "schema": orjson.Fragment(form.schema),
                    "strict": terms.schema.speaks_strict,
                }
            }
        if terms.model.temperature is not None:
            own["temperature"] = terms.model.temperature
        if terms.logprobs:
            own["include"] = ["message.output_text.logprobs"]
        return own

    def said(self, messages: Sequence[Message]) -> dict[str, object]:
        """The input."""
        return {"input": [{"role": one.role, "content": _said(one)} for one in messages]}

    def streamed(self, body: dict[str, object]) -> dict[str, object]:
        """Usage comes with the last event, unasked."""
        return {**body, "stream": True}

    def error(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Mapping[str, Any] | None:
        """A response that failed says so in a 200."""
        del headers
        found = find_error(said)
        if found is None and said.get("status") == "failed":
            return {"message": "the response failed and does not say why"}
        return found

    def image_tokens(self, image: Image) -> int:
        """OpenAI's own."""
        return openai_image_tokens(image)

    def answer(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
        """The output's messages; what the model says by the way, and its reasoning, are no answer."""
        usage = self.usage(said)
        parts = list(_parts(said))
        text = "".join(as_text(part.get("text")) for part in parts if part.get("type") == "output_text")
        refusal = "".join(as_text(part.get("refusal")) for part in parts if part.get("type") == "refusal")
        ending, detail = _ending(said, text, refusal)
        if ending is Ending.TRANSIENT and usage is None:
            ending = Ending.UNKNOWN
        logprobs = [one for part in parts for one in objects(part.get("logprobs"))]
        reason = at(said, "incomplete_details").get("reason")
        return Outcome(
            ending,
            text=refusal or text if ending is Ending.REFUSED else text,
            finish=as_name(reason) or as_name(said.get("status")),
            served_model=as_name(said.get("model")),
            usage=usage,
            token_probability=mean_probability(logprobs),
            provider_id=as_word(said.get("id")) or provider_id_of(headers),
            detail=detail,
        )

    def usage(self, said: Mapping[str, Any]) -> Usage | None:
        """Cached and written are parts of the input, reasoning is a part of the output."""
        usage = at(said, "usage")
        given, produced = as_count(usage.get("input_tokens")), as_count(usage.get("output_tokens"))
        if given is None or produced is None:
            return None
        inner = at(usage, "input_tokens_details")
        cached = part_of(inner, "cached_tokens", given)
        return Usage(
            input_tokens=given,
            output_tokens=produced,
            cached_tokens=cached,
            cache_write_tokens=part_of(inner, "cache_write_tokens", given - cached),
            reasoning_tokens=part_of(usage.get("output_tokens_details"), "reasoning_tokens"),
        )

    def assembly(self) -> Assembly:
        """The last event holds the whole response."""
        return _ResponseAssembly()


class _ResponseAssembly(Assembly):
    def __init__(self) -> None:
        super().__init__()
        self._response: dict[str, Any] = {}

    def take(self, name: str, said: Mapping[str, Any]) -> None:
        """Take one event; its name is in its `type` too."""
        kind = as_text(said.get("type")) or name
        if kind == "error":
            self.error = find_error(said) or said
        elif kind == "response.failed":
            self.failed = at(said, "response")
            self.error = at(self.failed, "error") or {"message": "the response failed and does not say why"}
        elif kind in {"response.completed", "response.incomplete"}:
            self._response = dict(at(said, "response"))
            self.ended = self.may_end = True
        elif kind.endswith(".delta"):
            self.begun = True

    def whole(self) -> dict[str, Any]:
        """The response."""
        return self._response


def _said(message: Message) -> object:
    if not message.images:
        return message.text
    pictures = [{"type": "input_image", "image_url": data_url(one)} for one in message.images]
    return [*pictures, {"type": "input_text", "text": message.text}]


def _parts(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parts of the final answer. Where the model marks its messages, what is only commentary is left out."""
    for item in objects(said.get("output")):
        if item.get("type") == "message" and item.get("phase") != "commentary":
            yield from objects(item.get("content"))


def _ending(said: Mapping[str, Any], text: str, refusal: str) -> tuple[Ending, str]:
    """Truncation is told before content is looked at."""
    status, reason = said.get("status"), at(said, "incomplete_details").get("reason")
    if status == "incomplete":
        unknown = (Ending.TRANSIENT, one_line(f"incomplete because of {reason!r}"))
        return _INCOMPLETE.get(reason if isinstance(reason, str) else "", unknown)
    if refusal:
        return Ending.REFUSED, one_line(refusal)
    if status != "completed":
        return Ending.TRANSIENT, one_line(f"status is {status!r}: the answer may be cut off")
    if text.strip():
        return Ending.OK, ""
    others = {str(item.get("type")) for item in objects(said.get("output"))} - _NO_ANSWER
    return Ending.EMPTY, one_line(
        f"{', '.join(sorted(others))} instead of an answer"
    ) if others else "no text"
