"""Bedrock Converse, the one format that Bedrock has for all its models.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, and the service model in botocore.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from roadworthy.ask.question import Form, Message
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.wire.error import as_name, find_error, one_line
from roadworthy.call.wire.stream import Assembly
from roadworthy.call.wire.value import as_count, as_text, at, objects, part_of
from roadworthy.call.wire.wire import Terms, Wire, apart, provider_id_of

_STOPS: Mapping[object, tuple[Ending, str]] = {
    "end_turn": (Ending.OK, ""),
    "stop_sequence": (Ending.OK, ""),
    "max_tokens": (Ending.TRUNCATED, "cut off at the output cap"),
    "model_context_window_exceeded": (Ending.TRUNCATED, "cut off at the end of the model's context"),
    "refusal": (Ending.REFUSED, "the model refused"),
    "guardrail_intervened": (Ending.FILTERED, "held back by the account's guardrail"),
    "content_filtered": (Ending.FILTERED, "held back by the content filter"),
    "tool_use": (Ending.EMPTY, "a tool call instead of an answer"),
    "malformed_tool_use": (Ending.EMPTY, "a tool call instead of an answer"),
}


class BedrockConverse(Wire):
    """Converse. The schema goes along as text."""

    name = "bedrock converse"
    dialect = "anthropic"

    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """The model's own address."""
        return f"{base}/model/{quote(model_id, safe='')}/{'converse-stream' if stream else 'converse'}"

    def frame(self, terms: Terms, form: Form) -> dict[str, object]:
        """Cap and schema; the address names the model."""
        config: dict[str, object] = {"maxTokens": terms.output_cap}
        if terms.model.temperature is not None:
            config["temperature"] = terms.model.temperature
        own: dict[str, object] = {"inferenceConfig": config}
        if form.schema is not None:
            schema = {"schema": form.schema.decode(), "name": terms.schema.name}
            own["outputConfig"] = {
                "textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}},
            }
        return own

    def said(self, messages: Sequence[Message]) -> dict[str, object]:
        """System and messages."""
        system, given = apart(messages)
        said: dict[str, object] = {
            "messages": [{"role": "user", "content": _said(message)} for message in given]
        }
        return {"system": [{"text": system}], **said} if system else said

    def streamed(self, body: dict[str, object]) -> dict[str, object]:
        """The address says it."""
        return body

    def error(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The kind of an error stands in a header, its words in the body."""
        kind = headers.get("x-amzn-errortype", "")
        if kind or "__type" in said:
            return {
                **said,
                "code": kind.partition(":")[0] or said.get("__type"),
                "message": said.get("message"),
            }
        return find_error(said)

    def answer(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
        """The message's text blocks; reasoning is no answer. Bedrock does not say which model answered."""
        usage = self.usage(said)
        blocks = objects(at(said, "output", "message").get("content"))
        text = "".join(as_text(block.get("text")) for block in blocks)
        stop = said.get("stopReason")
        unknown = (Ending.TRANSIENT, one_line(f"stopReason is {stop!r}: the answer may be cut off"))
        ending, detail = _STOPS.get(stop if isinstance(stop, str) else None, unknown)
        if ending is Ending.OK and not text.strip():
            ending, detail = Ending.EMPTY, "no text"
        elif ending is Ending.TRANSIENT and usage is None:
            ending = Ending.UNKNOWN
        return Outcome(
            ending,
            text=text,
            finish=as_name(stop),
            usage=usage,
            provider_id=provider_id_of(headers),
            detail=detail,
        )

    def usage(self, said: Mapping[str, Any]) -> Usage | None:
        """Here `inputTokens` leaves out what was read from the cache and what was written to it."""
        usage = at(said, "usage")
        plain, produced = as_count(usage.get("inputTokens")), as_count(usage.get("outputTokens"))
        if plain is None or produced is None:
            return None
        cached = part_of(usage, "cacheReadInputTokens")
        written = part_of(usage, "cacheWriteInputTokens")
        hours = [one for one in objects(usage.get("cacheDetails")) if one.get("ttl") == "1h"]
        return Usage(
            input_tokens=plain + cached + written,
            output_tokens=produced,
            cached_tokens=cached,
            cache_write_tokens=written,
            cache_write_1h_tokens=min(written, sum(part_of(one, "inputTokens") for one in hours)),
        )

    def assembly(self) -> Assembly:
        """Frames, each named in its headers."""
        return _ConverseAssembly()


def _said(message: Message) -> list[object]:
    pictures: list[object] = [
        {"image": {"format": one.media_type.removeprefix("image/"), "source": {"bytes": one.base64}}}
        for one in message.images
    ]
    return [*pictures, {"text": message.text}]


class _ConverseAssembly(Assembly):
    """The stop reason comes before the usage; the usage is the end."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []
        self._stop: object = None
        self._usage: object = None

    def take(self, name: str, said: Mapping[str, Any]) -> None:
        """Take one frame."""
        match name:
            case "contentBlockDelta":
                self.begun = True
                self._texts.append(as_text(at(said, "delta").get("text")))
            case "messageStop":
                self._stop = said.get("stopReason")
                self.may_end = True
            case "metadata":
                self._usage = said.get("usage")
                self.ended = self.may_end
            case _ if name.endswith("Exception"):
                self.error = {**said, "code": name}

    def whole(self) -> dict[str, Any]:
        """A `ConverseResponse`."""
        message = {"content": [{"text": "".join(self._texts)}]}
        return {"output": {"message": message}, "stopReason": self._stop, "usage": self._usage}
