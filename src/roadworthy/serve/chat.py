"""The door for any OpenAI client: a step is a model. Chat completions as OpenAI documents them, answered once accepted.

Source: https://platform.openai.com/docs/api-reference/chat (requests, responses, streams, errors).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

import orjson
from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel, Field, ValidationError

from roadworthy.accept.document import read_document
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Json
from roadworthy.keep.record import Kept
from roadworthy.run.entry import Entry
from roadworthy.serve.body import read_json
from roadworthy.serve.caller import Caller, MaySubmit
from roadworthy.serve.problem import Problem
from roadworthy.serve.service import Service
from roadworthy.serve.standing import standing_without_answer
from roadworthy.serve.terms import DEADLINE, TOKEN_CHARS_MAX, Terms

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "headers": {
            "Roadworthy-Key": {
                "description": "The record's key, percent-encoded.",
                "schema": {"type": "string"},
            },
            "Roadworthy-Cost-Usd": {
                "description": "What all attempts for the record have cost so far, exact.",
                "schema": {"type": "string"},
            },
        },
    },
    409: {"description": "The Idempotency-Key came before with another body."},
    429: {
        "description": "As many records as it takes are being worked on; Retry-After says when to come again."
    },
}
_WAITS: Final = {
    "review": (HTTPStatus.UNPROCESSABLE_ENTITY, "a person has to look at it"),
    "budget": (HTTPStatus.SERVICE_UNAVAILABLE, "the budget has no room for it now"),
    "provider": (HTTPStatus.SERVICE_UNAVAILABLE, "no model could be asked"),
    "batch": (HTTPStatus.SERVICE_UNAVAILABLE, "it waits for a provider's batch"),
}
"""OpenAI's clients try again by themselves after 408, 409, 429 and 5xx: right where waiting helps, wrong for a person."""


_ELSEWHERE: Final = frozenset(
    {"api_base", "api_key", "api_version", "base_url", "custom_llm_provider", "extra_headers"}
)
"""Fields of other gateways by which a caller would have a request, and the key with it, sent to an address of theirs."""
_EXAMPLE: Final = '{"model": "STEP", "messages": [{"role": "user", "content": "TEXT"}]}'
_WRONG: Final = {
    "missing": "is missing",
    "too_short": "is empty",
    "model_type": "is no JSON object",
    "model_attributes_type": "is no JSON object",
}
_TOLD_CHARS_MAX: Final = 300
_TOOL_NAME: Final = r"^[A-Za-z0-9_-]{1,64}$"


class _Message(BaseModel):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Named(BaseModel):
    name: str = Field(pattern=_TOOL_NAME)


class _Tool(BaseModel):
    function: _Named | None = None


class _Asked(BaseModel):
    """What is read of a request; the rest (temperature and the like) is the step's own business and is left unread."""

    model: str
    messages: list[_Message] = Field(min_length=1)
    stream: bool | None = False
    stream_options: dict[str, Any] | None = None
    n: int | None = 1
    tools: list[_Tool] | None = None
    tool_choice: str | _Tool | None = None


def add_chat(http: FastAPI, service: Service) -> None:
    """The routes of the OpenAI-compatible door."""

    @http.get("/v1/models", tags=["openai"])
    async def models(_caller: Annotated[Caller, Depends(MaySubmit)]) -> dict[str, object]:
        """Every step and workflow, as models."""
        return {"object": "list", "data": [_model(name) for name in service.entries]}

    @http.get("/v1/models/{step}", tags=["openai"])
    async def model(step: str, _caller: Annotated[Caller, Depends(MaySubmit)]) -> dict[str, object]:
        """One step or workflow, as a model."""
        return _model(service.entry(step).name)

    @http.post("/v1/chat/completions", tags=["openai"], responses=_ANSWERS)
    async def complete(
        request: Request,
        caller: Annotated[Caller, Depends(MaySubmit)],
        _token: Annotated[str, Header(alias="Idempotency-Key", max_length=TOKEN_CHARS_MAX)] = "",
        _deadline: Annotated[float | None, Header(alias=DEADLINE, gt=0, allow_inf_nan=False)] = None,
    ) -> Response:
        """One record through a step, for a client that only knows chat completions."""
        return await complete_chat(service, request, caller)


async def complete_chat(service: Service, request: Request, caller: Caller) -> Response:
    """One chat completion request; errors as OpenAI words them."""
    settings = service.runtime.settings
    try:
        service.admit()
        terms = Terms.of(request.scope, settings.record_deadline_s)
        asked = _read(await read_json(request, settings))
        entry = service.entry(asked.model)
        record = service.record(entry, _body(entry, _last_user_text(asked), settings.json_depth_max))
        taken = await service.submit(entry, record, caller, terms)
    except Problem as problem:
        # OpenAI's clients try a 409 again by themselves; another body under the same token stays another body.
        never = {"x-should-retry": "false"} if problem.status == HTTPStatus.CONFLICT else {}
        return _error(problem.status, problem.detail, problem.headers | never)
    kept = taken.kept
    if kept.outcome != "accepted":
        return _not_accepted(kept)
    completion = _completion(asked, kept, service.tokens(kept))
    # Most clients drop fields of the body that OpenAI has not, and take what stands in `usage` for tokens.
    told = {"Roadworthy-Cost-Usd": completion["roadworthy"]["cost_usd"], "Roadworthy-Key": quote(kept.key)}
    if not asked.stream:
        return Response(orjson.dumps(completion), headers=told, media_type="application/json")
    return Response(b"".join(_burst(asked, completion)), headers=told, media_type="text/event-stream")


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "roadworthy"}


def _first(error: ValidationError) -> str:
    """The first thing that is wrong with a request, by its place and without its value or the names of our classes."""
    wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, wrong["loc"])) or "it"
    if said := _WRONG.get(wrong["type"]):
        return f"{place} {said}"
    return f"{place}: {wrong['msg']}"[:_TOLD_CHARS_MAX]


def _read(body: Json) -> _Asked:
    try:
        asked = _Asked.model_validate(body)
    except ValidationError as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST, f"Not a chat completion request: {_first(error)}. Send {_EXAMPLE}."
        ) from error
    if asked.n not in {None, 1}:
        raise Problem(HTTPStatus.BAD_REQUEST, f"n={asked.n}: a record has one answer. Leave n out.")
    if elsewhere := sorted(_ELSEWHERE.intersection(body if isinstance(body, dict) else ())):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"{', '.join(elsewhere)}: which provider is asked, and with which key, is the app's business. Leave it out.",
        )
    return asked


def _last_user_text(asked: _Asked) -> str:
    said = next((one for one in reversed(asked.messages) if one.role == "user"), None)
    if said is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "There is no user message. The last one is the record.")
    if isinstance(said.content, list):
        other = {str(part.get("type")) for part in said.content if not isinstance(part.get("text"), str)}
        if other:  # an answer to half of what was asked would look like one to all of it
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{', '.join(sorted(other))[:200]}: a record is a text or a JSON object. Leave other parts out.",
            )
        return "".join(part["text"] for part in said.content)
    return said.content or ""


def _body(entry: Entry[Any, Any], text: str, depth_max: int) -> Json:
    """A message that is a JSON object is the record; else it fills the only required text field besides the key."""
    if text.lstrip().startswith("{"):
        try:
            return read_document(text, depth_max)
        except WrongRecord:
            pass  # it only began like one
    schema = entry.record_schema
    if schema.is_text:
        return text
    fields = schema.text_fields
    if len(fields) != 1:
        named = ", ".join(fields) or "none"
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"The step {entry.name!r} has no single text field that a message could fill ({named}). Send the record as JSON.",
        )
    key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return {schema.key_field: key, fields[0]: text}


def _completion(asked: _Asked, kept: Kept, tokens: tuple[int, int]) -> dict[str, Any]:
    """A `chat.completion`; a client that wants its answer by a tool call gets it so."""
    text = kept.value or ""
    tool = _tool(asked)
    message: dict[str, Any] = {"role": "assistant", "content": _plain(text), "refusal": None}
    if tool is not None:
        call = {"id": f"call_{kept.id}", "type": "function", "function": {"name": tool, "arguments": text}}
        message |= {"content": None, "tool_calls": [call]}
    standing = standing_without_answer(kept)
    return {
        "id": f"chatcmpl-{kept.id}-{kept.version}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "stop" if tool is None else "tool_calls",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
        },
        "roadworthy": standing,
    }


def _plain(text: str) -> str:
    """An answer that is one text is said as it is; any other as JSON."""
    value = orjson.loads(text) if text else ""
    return value if isinstance(value, str) else text


def _tool(asked: _Asked) -> str | None:
    """The one function that the client has its answer passed to; None where it is free to be a message."""
    if isinstance(asked.tool_choice, _Tool):
        return asked.tool_choice.function.name if asked.tool_choice.function is not None else None
    names = [one.function.name for one in asked.tools or () if one.function is not None]
    return names[0] if asked.tool_choice == "required" and len(names) == 1 else None


def _burst(asked: _Asked, completion: dict[str, Any]) -> Iterator[bytes]:
    """The whole answer as a stream of server-sent events: it leaves once it is accepted, in one burst."""
    choice = completion["choices"][0]
    message = choice["message"]
    delta = {"role": "assistant", "content": message["content"] or ""}
    if "tool_calls" in message:
        delta = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"index": 0, **message["tool_calls"][0]}],
        }
    head = {name: completion[name] for name in ("id", "created", "model")} | {
        "object": "chat.completion.chunk"
    }
    wants_usage = bool((asked.stream_options or {}).get("include_usage"))
    for said, finish in ((delta, None), ({}, choice["finish_reason"])):
        chunk = {**head, "choices": [{"index": 0, "delta": said, "finish_reason": finish, "logprobs": None}]}
        if wants_usage:
            chunk["usage"] = None
        if finish is not None:
            chunk["roadworthy"] = completion["roadworthy"]
        yield _event(chunk)
    if wants_usage:
        yield _event({**head, "choices": [], "usage": completion["usage"]})
    yield b"data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _not_accepted(kept: Kept) -> Response:
    """No answer is better than one that is not accepted; the error says where the record stands."""
    reason = kept.reason or kept.outcome
    if kept.outcome == "waiting":
        status, words = _WAITS.get(kept.waiting_for, (HTTPStatus.SERVICE_UNAVAILABLE, "it waits"))
        return _error(status, f"Not answered yet: {words}. {reason}", {"Retry-After": "10"}, kept)
    if kept.outcome == "pending":
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, "It is being worked on.", {"Retry-After": "2"}, kept)
    return _error(HTTPStatus.UNPROCESSABLE_ENTITY, f"The record is {kept.outcome}: {reason}", {}, kept)


def _error(status: int, words: str, headers: dict[str, str], kept: Kept | None = None) -> Response:
    """An error as OpenAI words one."""
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    code = None if kept is None else f"{kept.outcome}_{kept.waiting_for}".strip("_")
    said: dict[str, Any] = {"error": {"message": words, "type": kind, "param": None, "code": code}}
    if kept is not None:
        said["roadworthy"] = standing_without_answer(kept)
    return Response(orjson.dumps(said), status, headers, "application/json")
