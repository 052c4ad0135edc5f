"""Bedrock Converse: what a request says, and how an answer, an error and a stream of frames look on the wire.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html; Smithy's event stream encoding.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import orjson

from roadworthy.vet.dialect import (
    BadRequest,
    ChatRequest,
    Envelope,
    asked_of,
    pieces,
    read_object,
    text_of,
    whole_number,
)
from roadworthy.vet.recording import Answer

FRAMES = b"content-type: application/vnd.amazon.eventstream\r\n"
_STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "content_filtered"}
_KINDS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


def read_request(body: bytes, model: str, *, stream: bool) -> ChatRequest:
    """The request in the body of a `POST /model/MODEL/converse`.

    Raises:
        BadRequest: a field is missing or of the wrong type.
    """
    said = read_object(body)
    rows = said.get("messages")
    turns = [
        (str(row.get("role")), text_of(row.get("content")))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping)
    ]
    if system := text_of(said.get("system")):
        turns.insert(0, ("system", system))
    config = said.get("inferenceConfig")
    schema = _schema(said.get("outputConfig"))
    cap = whole_number(config, "maxTokens") if isinstance(config, Mapping) else None
    return asked_of(model, turns, schema, cap, json_wanted=schema is not None, stream=stream)


def _schema(config: object) -> object:
    """The schema goes along as text, three objects deep."""
    for name in ("textFormat", "structure", "jsonSchema"):
        config = config.get(name) if isinstance(config, Mapping) else None
    if config is None:
        return None
    text = config.get("schema") if isinstance(config, Mapping) else None
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The schema is not JSON: {error}", "outputConfig") from error


def whole(asked: ChatRequest, answer: Answer, envelope: Envelope) -> bytes:
    """The body of a `ConverseResponse`."""
    del asked
    content = [{"text": answer.content}] if answer.content else []
    said: dict[str, object] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _stop(answer),
        "metrics": {"latencyMs": 1},
    }
    if envelope.usage is not None:
        said["usage"] = _usage(*envelope.usage)
    return orjson.dumps(said)


def events(asked: ChatRequest, answer: Answer, envelope: Envelope) -> Sequence[bytes]:
    """The frames of a stream; the usage comes last."""
    del asked
    said: list[tuple[str, dict[str, object]]] = [("messageStart", {"role": "assistant"})]
    if answer.content:
        said += [
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
            for piece in pieces(answer.content)
        ]
        said.append(("contentBlockStop", {"contentBlockIndex": 0}))
    said.append(("messageStop", {"stopReason": _stop(answer)}))
    usage = {} if envelope.usage is None else {"usage": _usage(*envelope.usage)}
    said.append(("metadata", {**usage, "metrics": {"latencyMs": 1}}))
    return [frame({":message-type": "event", ":event-type": name}, one) for name, one in said]


def failed(status: int, error: Mapping[str, object], headers: bytes) -> tuple[bytes, bytes]:
    """An error in this dialect, and its header lines: its kind stands in one of them."""
    quota = error.get("code") == "insufficient_quota"
    kind = "ServiceQuotaExceededException" if quota else _KINDS.get(status, "InternalServerException")
    if status == 200:
        return orjson.dumps({"__type": kind, "message": error.get("message")}), headers
    named = f"x-amzn-errortype: {kind}:http://internal.amazon.com/coral/com.amazon.bedrock/\r\n"
    return orjson.dumps({"message": error.get("message")}), headers + named.encode()


def error_event(error: Mapping[str, object]) -> bytes:
    """An error inside a stream."""
    named = {":message-type": "exception", ":exception-type": "internalServerException"}
    return frame(named, {"message": error.get("message")})


def named(request_id: bytes) -> bytes:
    """The header line that names a response."""
    return b"x-amzn-requestid: %b\r\n" % request_id


def frame(named: Mapping[str, str], said: Mapping[str, object]) -> bytes:
    """One frame of an event stream: lengths, checksum, headers of text, JSON, checksum."""
    head = b"".join(
        b"%c%b\x07%b%b" % (len(name), name.encode(), len(value).to_bytes(2, "big"), value.encode())
        for name, value in named.items()
    )
    payload = orjson.dumps(said)
    start = (16 + len(head) + len(payload)).to_bytes(4, "big") + len(head).to_bytes(4, "big")
    message = start + zlib.crc32(start).to_bytes(4, "big") + head + payload
    return message + zlib.crc32(message).to_bytes(4, "big")


def _stop(answer: Answer) -> str:
    """Bedrock has no stop reason for a refusal in its service model; models say it as theirs do."""
    return "refusal" if answer.refusal is not None else _STOPS[answer.finish]


def _usage(given: int, produced: int) -> dict[str, object]:
    return {
        "inputTokens": given,
        "outputTokens": produced,
        "totalTokens": given + produced,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
    }
