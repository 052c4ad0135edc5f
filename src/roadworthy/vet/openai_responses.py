"""OpenAI responses: what a request says, and how an answer and a stream look on the wire.

Source: the API reference (https://platform.openai.com/docs/api-reference/responses) and the official SDK's types.
"""

from __future__ import annotations

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
    token_logprobs,
    whole_number,
)
from roadworthy.vet.recording import Answer

_LOGPROBS = "message.output_text.logprobs"
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


def read_request(body: bytes, model: str, *, stream: bool) -> ChatRequest:
    """The request in the body of a `POST /v1/responses`.

    Raises:
        BadRequest: a field is missing or of the wrong type.
    """
    del model, stream
    said = read_object(body)
    name, given = said.get("model"), said.get("input")
    if not isinstance(name, str) or not name:
        raise BadRequest("Missing required parameter: 'model'.", "model")
    rows = given if isinstance(given, list) else [{"role": "user", "content": given}]
    turns = [(str(row.get("role")), text_of(row.get("content"))) for row in rows if isinstance(row, Mapping)]
    if isinstance(instructions := said.get("instructions"), str):
        turns.insert(0, ("system", instructions))
    config = said.get("text")
    form = config.get("format") if isinstance(config, Mapping) else None
    kind = form.get("type") if isinstance(form, Mapping) else None
    return asked_of(
        name,
        turns,
        form.get("schema") if isinstance(form, Mapping) and kind == "json_schema" else None,
        whole_number(said, "max_output_tokens"),
        json_wanted=kind in {"json_schema", "json_object"},
        stream=said.get("stream") is True,
        logprobs=isinstance(include := said.get("include"), list) and _LOGPROBS in include,
    )


def whole(asked: ChatRequest, answer: Answer, envelope: Envelope) -> bytes:
    """The body of a `response`."""
    return orjson.dumps(_response(asked, answer, envelope, ended=True))


def events(asked: ChatRequest, answer: Answer, envelope: Envelope) -> Sequence[bytes]:
    """The events of a stream; the last one holds the whole response."""
    begun, done = (_response(asked, answer, envelope, ended=ended) for ended in (False, True))
    item = _message(asked, answer, envelope)
    said: list[tuple[str, dict[str, object]]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]
    if item is not None:
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        part = _part(asked, answer, envelope)
        kind = "output_text" if part["type"] == "output_text" else "refusal"
        text = str(part.get("text", part.get("refusal", "")))
        logprobs: dict[str, object] = {"logprobs": []} if kind == "output_text" else {}
        empty = {**part, ("text" if kind == "output_text" else "refusal"): "", **logprobs}
        bare = {**item, "status": "in_progress", "content": []}
        said += [
            ("response.output_item.added", {"output_index": 0, "item": bare}),
            ("response.content_part.added", {**place, "part": empty}),
        ]
        said += [(f"response.{kind}.delta", {**place, "delta": piece, **logprobs}) for piece in pieces(text)]
        named = {"text": text} if kind == "output_text" else {"refusal": text}
        said += [
            (f"response.{kind}.done", {**place, **named, **logprobs}),
            ("response.content_part.done", {**place, "part": part}),
            ("response.output_item.done", {"output_index": 0, "item": item}),
        ]
    said.append((f"response.{done['status']}", {"response": done}))
    return [
        b"event: %b\ndata: %b\n\n"
        % (name.encode(), orjson.dumps({"type": name, "sequence_number": number, **more}))
        for number, (name, more) in enumerate(said)
    ]


def _response(asked: ChatRequest, answer: Answer, envelope: Envelope, *, ended: bool) -> dict[str, object]:
    reason = _REASONS.get(answer.finish)
    status = ("incomplete" if reason else "completed") if ended else "in_progress"
    item = _message(asked, answer, envelope) if ended else None
    said: dict[str, object] = {
        "id": f"resp_{envelope.name}",
        "object": "response",
        "created_at": envelope.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if ended and reason else None,
        "instructions": None,
        "max_output_tokens": asked.output_tokens_max,
        "model": envelope.model,
        "output": [] if item is None else [item],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "truncation": "disabled",
        "usage": None,
        "metadata": {},
    }
    if ended and envelope.usage is not None:
        given, produced = envelope.usage
        said["usage"] = {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": produced,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": given + produced,
        }
    return said


def _message(asked: ChatRequest, answer: Answer, envelope: Envelope) -> dict[str, object] | None:
    if answer.content is None and answer.refusal is None:
        return None
    status = "incomplete" if answer.finish in _REASONS else "completed"
    named = {"id": f"msg_{envelope.name}", "type": "message", "status": status, "role": "assistant"}
    return {**named, "content": [_part(asked, answer, envelope)]}


def _part(asked: ChatRequest, answer: Answer, envelope: Envelope) -> dict[str, object]:
    if answer.refusal is not None:
        return {"type": "refusal", "refusal": answer.refusal}
    logprobs = token_logprobs(answer, envelope.chance) if asked.logprobs else []
    return {"type": "output_text", "text": answer.content or "", "annotations": [], "logprobs": logprobs}


def error_event(error: Mapping[str, object]) -> bytes:
    """An error inside a stream."""
    said = {
        "type": "error",
        "sequence_number": 0,
        "param": None,
        **error,
        "code": error.get("code") or error["type"],
    }
    return b"event: error\ndata: " + orjson.dumps({**said, "type": "error"}) + b"\n\n"
