"""The log: one JSON object a line, with the ids that lead to the ledger; never what a record or a model said."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, TextIO

import orjson

from roadworthy._events import (
    AttemptEnded,
    Event,
    LaneChanged,
    Noted,
    RecordEnded,
    RequestEnded,
    Retried,
)
from roadworthy.call.price import usd
from roadworthy.observe import names
from roadworthy.observe.sink import LibraryLine, Sink
from roadworthy.observe.trail import Span, here
from roadworthy.observe.visible import visible

_LEVELS: Final = {"failed": "error", "rejected": "warning"}


class Log(LibraryLine):
    """A listener that writes lines. It needs the trail for its ids: `follows` says so to whoever joins listeners.

    Args:
        out: where to; standard error.
        now: seconds since 1970.
    """

    follows: Final = True

    def __init__(self, out: TextIO | None = None, now: Callable[[], float] = time.time) -> None:
        self._sink = Sink(out or sys.stderr)
        self._now = now

    def __call__(self, event: Event) -> None:
        """Write what is worth a line: ends of records, what went wrong on the way, what changed for everybody."""
        match event:
            case RecordEnded(_key, outcome, reused, waiting_for):
                level = _LEVELS.get(outcome, "info")
                self._line(level, "record", outcome=outcome, waiting_for=waiting_for, reused=reused)
            case AttemptEnded() if event.ending != "ok":
                self._line(
                    "warning",
                    "attempt",
                    call=event.attempt,
                    model=event.model,
                    ending=event.ending,
                    seconds=round(event.latency_s, 3),
                    cost_usd=float(usd(event.cost_pico)),
                )
            case Retried(model, ending, seconds):
                self._line("info", "retry", model=model, ending=ending, in_s=round(seconds, 3))
            case LaneChanged(lane, state, reason):
                level = "info" if state in {"answers again", "opened"} else "error"
                self._line(level, "lane", lane=lane, state=state, why=why(reason))
            case Noted():
                self._line("warning", "note", message=event.plain or event.message)
            case RequestEnded(status, route, seconds):
                span = here()
                if span is not None and span.kind == "request":
                    level = "error" if status >= 500 else "info"
                    name = f"{span.name} {route}"
                    self._line(level, "request", request=name, status=status, seconds=round(seconds, 3))
            case _:
                pass

    def library(self, level: str, name: str, message: str, error: str) -> None:
        """A line of a library's."""
        self._line(level, "library", logger=name, message=message, error=error)

    def close(self) -> None:
        """Nothing is held back."""

    def _line(self, level: str, event: str, **said: object) -> None:
        row = {"at": round(self._now(), 3), "level": level, "event": event, **dict(_ids(here()))}
        row |= {
            name: visible(value) if isinstance(value, str) else value
            for name, value in said.items()
            if value not in ("", None)
        }
        self._sink.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE).decode())


def why(reason: str) -> str:
    """Why a lane changed, without a provider's words: what stands before the first colon is ours."""
    return reason.partition(":")[0]


def _ids(span: Span | None) -> Iterator[tuple[str, object]]:
    """What leads from a line to the ledger and to the trace."""
    if span is None:
        return
    yield "trace", f"{span.trace_id:032x}"
    while span is not None:
        for name, attribute in (("run", names.RUN), ("record", names.RECORD), ("step", names.STEP)):
            if attribute in span.attributes:
                yield name, span.attributes[attribute]
        span = span.up
