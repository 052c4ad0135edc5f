"""Anthropic messages: what a request says, and how an answer, an error and a stream look on the wire.

Source: https://platform.claude.com/docs/en/api/messages, .../errors, .../rate-limits, and the official SDK's types.
"""

from __future__ import annotations

import re
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

_STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_LIMIT = re.compile(rb"x-ratelimit-(limit|remaining)-(requests|tokens): (\d+)\r\n")


def read_request(body: bytes, model: str, *, stream: bool) -> ChatRequest:
    """The request in the body of a `POST /v1/messages`, or of Vertex's `rawPredict` with the model in its path.

    Raises:
        BadRequest: a field is missing or of the wrong type.
    """
    said = read_object(body)
    name = model or said.get("model")
    if not isinstance(name, str) or not name:
        raise BadRequest("model: Field required", "model")
    cap = whole_number(said, "max_tokens")
    if cap is None:
        raise BadRequest("max_tokens: Field required", "max_tokens")
    rows = said.get("messages")
    turns = [
        (str(row.get("role")), text_of(row.get("content")))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping)
    ]
    if any(role not in {"user", "assistant"} for role, _ in turns):
        raise BadRequest(
            "messages: Unexpected role. The Messages API accepts a top-level `system` parameter."
        )
    if system := text_of(said.get("system")):
        turns.insert(0, ("system", system))
    config = said.get("output_config")
    form = config.get("format") if isinstance(config, Mapping) else None
    schema = form.get("schema") if isinstance(form, Mapping) else None
    return asked_of(
        name, turns, schema, cap, json_wanted=schema is not None, stream=stream or said.get("stream") is True
    )


def whole(asked: ChatRequest, answer: Answer, envelope: Envelope) -> bytes:
    """The body of a `message`."""
    del asked
    said = {**_message(envelope), "content": _blocks(answer), **_stop(answer)}
    if envelope.usage is not None:
        said["usage"] = _usage(*envelope.usage)
    return orjson.dumps(said)


def events(asked: ChatRequest, answer: Answer, envelope: Envelope) -> Sequence[bytes]:
    """The events of a stream. A refusal has no block."""
    del asked
    start = {**_message(envelope), "content": [], "stop_reason": None, "stop_sequence": None}
    if envelope.usage is not None:
        start["usage"] = _usage(envelope.usage[0], 1)
    said: list[dict[str, object]] = [{"type": "message_start", "message": start}]
    if blocks := _blocks(answer):
        said.append(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        )
        said.append({"type": "ping"})
        said += [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in pieces(str(blocks[0]["text"]))
        ]
        said.append({"type": "content_block_stop", "index": 0})
    last: dict[str, object] = {"type": "message_delta", "delta": _stop(answer)}
    if envelope.usage is not None:
        last["usage"] = {"output_tokens": envelope.usage[1]}
    said += [last, {"type": "message_stop"}]
    return [_event(one) for one in said]


def failed(status: int, error: Mapping[str, object], headers: bytes) -> tuple[bytes, bytes]:
    """An error in this dialect, and its header lines."""
    return orjson.dumps({"type": "error", **_error(status, error), "request_id": None}), headers


def error_event(error: Mapping[str, object]) -> bytes:
    """An error inside a stream."""
    return _event({"type": "error", **_error(500, error)})


def limit_lines(headers: bytes) -> bytes:
    """The rate limits of a grant, in this provider's headers."""
    return b"".join(
        b"anthropic-ratelimit-%b-%b: %b\r\n" % (kind, what, value)
        for what, kind, value in _LIMIT.findall(headers)
    )


def named(request_id: bytes) -> bytes:
    """The header line that names a response."""
    return b"request-id: %b\r\n" % request_id


def _error(status: int, error: Mapping[str, object]) -> dict[str, object]:
    said: dict[str, object] = {"type": _TYPES.get(status, "api_error"), "message": error.get("message")}
    if error.get("code") == "insufficient_quota":
        said["details"] = {"error_code": "enforced_spend_limit_reached"}
    elif status == 200 and error.get("code") in {429, 529}:
        said["type"] = _TYPES[429 if error["code"] == 429 else 529]
    return {"error": said}


def _message(envelope: Envelope) -> dict[str, object]:
    return {
        "id": f"msg_{envelope.name}",
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
    }


def _blocks(answer: Answer) -> list[dict[str, object]]:
    return [] if not answer.content else [{"type": "text", "text": answer.content, "citations": None}]


def _stop(answer: Answer) -> dict[str, object]:
    stop = "refusal" if answer.refusal is not None else _STOPS[answer.finish]
    refused = {"type": "refusal", "category": "general_harms", "explanation": answer.refusal}
    return {
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": refused if stop == "refusal" else None,
    }


def _usage(given: int, produced: int) -> dict[str, object]:
    return {
        "input_tokens": given,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": produced,
        "service_tier": "standard",
    }


def _event(said: Mapping[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(said["type"]).encode(), orjson.dumps(said))
