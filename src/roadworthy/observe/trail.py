"""A trace, made of events: one record is one trace; steps, calls and checks are its spans.

Events are told in the task that works on the record, so the span that is open now is a context variable: questions of
one record that are asked at the same time each have their own. Nothing here knows OpenTelemetry, reads the ledger or
waits; a log uses the same trail for its ids.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import field
from typing import Final, Literal, TypeAlias

import orjson

from roadworthy._events import (
    AttemptEnded,
    CallBegan,
    CallEnded,
    Checked,
    Event,
    LaneChanged,
    RecordBegan,
    RecordEnded,
    RequestBegan,
    RequestEnded,
    Retried,
    StepBegan,
    StepEnded,
)
from roadworthy._quick import quick
from roadworthy.ask.question import Question
from roadworthy.call.price import usd
from roadworthy.observe import names

Value: TypeAlias = str | bool | int | float | tuple[str, ...]
Kind: TypeAlias = Literal["request", "record", "step", "call", "check"]
GOOD: Final = frozenset({"ok", "accept", "accepted", "waiting", "hold", "review"})
_NANO: Final = 1_000_000_000
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_EVENTS_MAX: Final = 128
_NAME: Final = re.compile(r"[\w.:/@+-]{1,128}", re.ASCII)
"""What a provider's name, id or reason looks like; where it says anything else there, that is words and stays here."""


@quick(slots=True)
class Span:
    """A stretch of work, under way or ended.

    Attributes:
        parent_id: 0 for the first of its trace.
        sampled: whether it is handed on.
        events: (name, nanoseconds since 1970, attributes), in order.
        error: the kind of error that it ended with; "" for none.
        up: the span around it in this process.
    """

    kind: Kind
    name: str
    trace_id: int
    span_id: int
    parent_id: int
    sampled: bool
    began_ns: int
    up: Span | None
    attributes: dict[str, Value] = field(default_factory=dict)
    events: list[tuple[str, int, dict[str, Value]]] = field(default_factory=list)
    ended_ns: int = 0
    error: str = ""

    def note(self, name: str, at_ns: int, attributes: dict[str, Value]) -> None:
        """Something that happened in it; what comes after very many is left out."""
        if len(self.events) < _EVENTS_MAX:
            self.events.append((name, at_ns, attributes))


_here: ContextVar[Span | None] = ContextVar("roadworthy_span", default=None)


def here() -> Span | None:
    """The span that is open in this task."""
    return _here.get()


def read_traceparent(text: str) -> tuple[int, int, bool] | None:
    """Trace, parent and whether it is sampled, of a `traceparent` header (W3C Trace Context); None where it is none."""
    found = _TRACEPARENT.fullmatch(text.strip())
    if found is None:
        return None
    trace_id, span_id = int(found[1], 16), int(found[2], 16)
    return (trace_id, span_id, bool(int(found[3], 16) & 1)) if trace_id and span_id else None


class Trail:
    """A listener that follows the events and hands on each span when it ends.

    Args:
        emit: takes a span that ended; must not wait.
        share: of traces that are handed on, 0 to 1; a caller's own decision in `traceparent` stands.
        content: whether what is said to models and by them is part of the spans, and a record's key.
        clock_ns: nanoseconds since 1970.
    """

    def __init__(
        self,
        emit: Callable[[Span], None],
        *,
        share: float = 1.0,
        content: bool = False,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._emit = emit
        self._share = share
        self._content = content
        self._clock_ns = clock_ns
        self._random = random.Random()  # noqa: S311 - ids, no secrets

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        match event:
            case RequestBegan():
                self._request(event)
            case RecordBegan():
                self._record(event)
            case StepBegan(step):
                self._inside("step", f"step {step}", {names.STEP: step})
            case CallBegan():
                self._call(event)
            case _:
                span = _here.get()
                if span is not None:
                    self._told(span, event)

    def _told(self, span: Span, event: Event) -> None:
        now = self._clock_ns()
        match event:
            case AttemptEnded():
                _attempt(span, event, now)
            case Retried(_model, ending, seconds):
                span.note(names.EVENT_RETRY, now, {names.ENDING: ending, names.SECONDS: seconds})
            case LaneChanged(lane, state, _reason):
                span.note(names.EVENT_LANE, now, {names.LANE: lane, names.STATE: state})
            case Checked():
                self._check(span, event, now)
            case _:
                self._ended(span, event, now)

    def _ended(self, span: Span, event: Event, now: int) -> None:
        match event:
            case CallEnded() if span.kind == "call":
                self._call_ended(span, event, now)
            case StepEnded(verdict) if span.kind == "step":
                span.attributes[names.VERDICT] = verdict
                self._end(span, now, "" if verdict in GOOD else verdict)
            case RecordEnded(_key, outcome, reused, waiting_for) if span.kind == "record":
                span.attributes |= {names.OUTCOME: outcome, names.REUSED: reused}
                if waiting_for:
                    span.attributes[names.WAITING_FOR] = waiting_for
                self._end(span, now, "" if outcome in GOOD else outcome)
            case RequestEnded(status, route) if span.kind == "request":
                span.attributes[names.HTTP_STATUS] = status
                if route:
                    span.attributes[names.HTTP_ROUTE] = route
                    span.name = f"{span.name} {route}"
                self._end(span, now, str(status) if status >= 500 else "")
            case _:
                pass

    def _request(self, event: RequestBegan) -> None:
        given = read_traceparent(event.traceparent)
        trace_id, parent_id, sampled = given or (*self._new_trace(), False)
        if given is None:
            sampled = self._is_sampled(trace_id)
        span = Span(
            "request",
            event.method,
            trace_id,
            self._span_id(),
            parent_id,
            sampled,
            self._clock_ns(),
            None,
            {names.HTTP_METHOD: event.method, names.URL_SCHEME: "http"},
        )
        _here.set(span)

    def _record(self, event: RecordBegan) -> None:
        around = _here.get()
        request = around if around is not None and around.kind == "request" else None
        trace_id = request.trace_id if request is not None else self._new_trace()[0]
        span = Span(
            "record",
            f"record {event.entry}",
            trace_id,
            self._span_id(),
            request.span_id if request is not None else 0,
            request.sampled if request is not None else self._is_sampled(trace_id),
            self._clock_ns(),
            None,
            {names.RECORD: event.record, names.RUN: event.run, names.ENTRY: event.entry},
        )
        if self._content:
            span.attributes[names.RECORD_KEY] = event.key
        _here.set(span)

    def _inside(self, kind: Kind, name: str, attributes: dict[str, Value]) -> Span | None:
        up = _here.get()
        if up is None or up.kind == "request":
            return None
        span = Span(
            kind,
            name,
            up.trace_id,
            self._span_id(),
            up.span_id,
            up.sampled,
            self._clock_ns(),
            up,
            attributes,
        )
        _here.set(span)
        return span

    def _call(self, event: CallBegan) -> None:
        around = _here.get()
        provider, model, operation = names.named(event.model)
        host, _, port = event.lane.partition("/")[0].partition(":")
        attributes: dict[str, Value] = {
            names.OPERATION: operation,
            names.PROVIDER: provider,
            names.REQUEST_MODEL: model,
            names.PROMPT_VERSION: event.version,
            names.RANK: event.rank,
        }
        if operation != names.EMBEDDINGS:
            attributes |= {names.REQUEST_MAX_TOKENS: event.output_cap, names.OUTPUT_TYPE: "json"}
        if around is not None and names.STEP in around.attributes:
            attributes[names.PROMPT_NAME] = around.attributes[names.STEP]
        if not provider.startswith("roadworthy."):
            attributes |= {
                names.SERVER_ADDRESS: host,
                names.SERVER_PORT: int(port) if port.isdigit() else 443,
            }
        if around is not None and event.rank and around.attributes.get(names.RANK) != event.rank:
            around.attributes[names.RANK] = event.rank
            around.note(
                names.EVENT_FALLBACK, self._clock_ns(), {names.REQUEST_MODEL: model, names.RANK: event.rank}
            )
        if isinstance(event.question, Question):
            if images := len(event.question.images):
                attributes[names.IMAGES] = images
            if self._content:
                attributes |= _said(event.question)
        self._inside("call", f"{operation} {model}", attributes)

    def _call_ended(self, span: Span, event: CallEnded, now: int) -> None:
        span.attributes |= {names.ENDING: event.ending, names.REUSED: event.reused}
        if self._content and event.text is not None:
            parts = [{"type": "text", "content": event.text}]
            finish = span.attributes.get(names.FINISH_REASONS, ("",))
            reason = finish[0] if isinstance(finish, tuple) else ""
            said = [{"role": "assistant", "parts": parts, "finish_reason": reason}]
            span.attributes[names.OUTPUT_MESSAGES] = orjson.dumps(said).decode()
        self._end(span, now, "" if event.ending in GOOD else event.ending)

    def _check(self, span: Span, event: Checked, now: int) -> None:
        began = now - round(event.seconds * _NANO)
        check = Span(
            "check",
            "check",
            span.trace_id,
            self._span_id(),
            span.span_id,
            span.sampled,
            began,
            span,
            {names.FAULT: event.fault} if event.fault else {},
        )
        self._emit_ended(check, now, "")

    def _end(self, span: Span, now: int, error: str) -> None:
        _here.set(span.up)
        self._emit_ended(span, now, error)

    def _emit_ended(self, span: Span, now: int, error: str) -> None:
        span.ended_ns, span.error, span.up = now, error, None
        if error:
            span.attributes[names.ERROR_TYPE] = error
        self._emit(span)

    def _new_trace(self) -> tuple[int, int]:
        return self._random.getrandbits(128) or 1, 0

    def _span_id(self) -> int:
        return self._random.getrandbits(64) or 1

    def _is_sampled(self, trace_id: int) -> bool:
        """By the trace's own bits, so that every process decides alike (W3C: the last seven bytes are random)."""
        return (trace_id & (2**56 - 1)) < self._share * 2**56


def _attempt(span: Span, event: AttemptEnded, now: int) -> None:
    """One attempt is an event of its call; what the last one with an answer said of itself is the call's."""
    cost = float(usd(event.cost_pico))
    span.note(
        names.EVENT_ATTEMPT,
        now,
        {
            names.ATTEMPT: event.attempt,
            names.ENDING: event.ending,
            names.SECONDS: event.latency_s,
            names.COST: cost,
        },
    )
    if span.kind != "call":
        return
    found = span.attributes
    is_vectors = found.get(names.OPERATION) == names.EMBEDDINGS
    earlier = found.get(names.ATTEMPTS, 0), found.get(names.COST, 0.0)
    found[names.ATTEMPTS] = int(str(earlier[0])) + 1
    found[names.COST] = float(str(earlier[1])) + cost
    if event.input_tokens is not None and event.output_tokens is not None:
        found[names.INPUT_TOKENS] = event.input_tokens
        if not is_vectors:
            found[names.OUTPUT_TOKENS] = event.output_tokens
        for name, tokens in (
            (names.CACHE_READ_TOKENS, event.cached_tokens),
            (names.CACHE_WRITE_TOKENS, event.cache_write_tokens),
            (names.REASONING_TOKENS, event.reasoning_tokens),
        ):
            if tokens:
                found[name] = tokens
    if _NAME.fullmatch(event.finish) and not is_vectors:
        found[names.FINISH_REASONS] = (event.finish,)
    if _NAME.fullmatch(event.served_model):
        found[names.RESPONSE_MODEL] = event.served_model
    if _NAME.fullmatch(event.provider_id):
        found[names.RESPONSE_ID] = event.provider_id


def _said(question: Question) -> dict[str, Value]:
    """What a model is told, in the conventions' own shape (gen-ai-input-messages.json); images by their hash alone."""
    system = [{"type": "text", "content": one.text} for one in question.messages if one.role == "system"]
    others = [
        {"role": one.role, "parts": [{"type": "text", "content": one.text}]}
        for one in question.messages
        if one.role != "system"
    ]
    return {
        names.SYSTEM_INSTRUCTIONS: orjson.dumps(system).decode(),
        names.INPUT_MESSAGES: orjson.dumps(others).decode(),
    }
