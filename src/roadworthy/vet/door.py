"""The doors of the simulated provider: which dialect is spoken behind which path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

import orjson

from roadworthy._quick import quick
from roadworthy.vet import (
    anthropic_messages,
    bedrock_converse,
    dialect,
    gemini_content,
    openai_responses,
)
from roadworthy.vet.dialect import ChatRequest, Envelope
from roadworthy.vet.exchange import EVENTS
from roadworthy.vet.recording import Answer

Failed = Callable[[int, Mapping[str, Any], bytes], tuple[bytes, bytes]]


def _same(status: int, error: Mapping[str, Any], headers: bytes) -> tuple[bytes, bytes]:
    del status
    return orjson.dumps({"error": error}), headers


def _chat_error_event(error: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps({"error": error}) + b"\n\n"


def _chat_request(body: bytes, model: str, *, stream: bool) -> ChatRequest:
    del model, stream
    return dialect.read_request(body)


def _request_id(request_id: bytes) -> bytes:
    return b"x-request-id: %b\r\nopenai-version: 2020-10-01\r\n" % request_id


def _limits(headers: bytes) -> bytes:
    return headers


def _no_limits(_headers: bytes) -> bytes:
    return b""


@quick(frozen=True, slots=True)
class Door:
    """One dialect.

    Attributes:
        read: a request's body, with the model and the wish for a stream where they stand in the path.
        whole: the body of an answer.
        events: the events of a streamed answer.
        failed: an error as OpenAI words it, its status and its header lines, in this dialect.
        error_event: an error inside a stream.
        named: the header lines that name a response.
        limits: the header lines of the rate limits.
        events_type: the header lines of a stream.
        ping: what keeps a stream open and says nothing.
    """

    read: Callable[..., ChatRequest]
    whole: Callable[[ChatRequest, Answer, Envelope], bytes]
    events: Callable[[ChatRequest, Answer, Envelope], Sequence[bytes]]
    failed: Failed = _same
    error_event: Callable[[Mapping[str, Any]], bytes] = _chat_error_event
    named: Callable[[bytes], bytes] = _request_id
    limits: Callable[[bytes], bytes] = _limits
    events_type: bytes = EVENTS
    ping: bytes = b": ping\n\n"


CHAT: Final = Door(_chat_request, dialect.completion, dialect.stream)
RESPONSES: Final = Door(
    openai_responses.read_request,
    openai_responses.whole,
    openai_responses.events,
    error_event=openai_responses.error_event,
)
MESSAGES: Final = Door(
    anthropic_messages.read_request,
    anthropic_messages.whole,
    anthropic_messages.events,
    anthropic_messages.failed,
    anthropic_messages.error_event,
    anthropic_messages.named,
    anthropic_messages.limit_lines,
    ping=b'event: ping\ndata: {"type": "ping"}\n\n',
)
CONTENT: Final = Door(
    gemini_content.read_request,
    gemini_content.whole,
    gemini_content.events,
    gemini_content.failed,
    gemini_content.error_event,
    limits=_no_limits,
)
CONVERSE: Final = Door(
    bedrock_converse.read_request,
    bedrock_converse.whole,
    bedrock_converse.events,
    bedrock_converse.failed,
    bedrock_converse.error_event,
    bedrock_converse.named,
    _no_limits,
    bedrock_converse.FRAMES,
    bedrock_converse.frame({":message-type": "event", ":event-type": "ping"}, {}),
)

_PLAIN: Mapping[bytes, Door] = MappingProxyType(
    {b"/v1/chat/completions": CHAT, b"/v1/responses": RESPONSES, b"/v1/messages": MESSAGES}
)
_IN_PATH: tuple[tuple[re.Pattern[bytes], Door], ...] = (
    (re.compile(rb"/openai/deployments/([^/]+)/chat/completions"), CHAT),
    (re.compile(rb"(?:/[^/]+)*/models/([^/:]+):(generateContent|streamGenerateContent)"), CONTENT),
    (
        re.compile(rb"(?:/[^/]+)*/publishers/anthropic/models/([^/:]+):(rawPredict|streamRawPredict)"),
        MESSAGES,
    ),
    (re.compile(rb"/model/([^/]+)/(converse|converse-stream)"), CONVERSE),
)


@quick(frozen=True, slots=True)
class Knock:
    """A path at which somebody is.

    Attributes:
        model: where the path names it, else "".
        stream: whether the path asks for a stream.
    """

    door: Door
    model: str = ""
    stream: bool = False


def find_door(path: bytes) -> Knock | None:
    """Who is behind a path; None for nobody."""
    if (door := _PLAIN.get(path)) is not None:
        return Knock(door)
    for pattern, door in _IN_PATH:
        if found := pattern.fullmatch(path):
            verb = found[2] if pattern.groups > 1 else b""
            return Knock(door, unquote(found[1].decode("ascii", "replace")), b"tream" in verb)
    return None
