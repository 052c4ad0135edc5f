"""Progress on standard error: done/total, rate, spent of budget, time left."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

from roadworthy._events import Event, LaneChanged, Noted, RecordEnded
from roadworthy.call.price import usd
from roadworthy.observe.log import why
from roadworthy.observe.sink import LibraryLine, Sink
from roadworthy.observe.visible import visible

_EVERY_S = 0.5
_PLAIN_EVERY_S = 5.0


class Progress(LibraryLine):
    """A listener that says how far a run is.

    Args:
        total: records expected; 0 where nobody knows.
        budget_pico: the job's cap in pico-dollars; None for none.
        out: where to; a terminal gets one line rewritten, anything else plain lines.
        details: whether a provider's own words are shown: to whoever runs a command, and in no log.
    """

    hears: Final = frozenset({RecordEnded, LaneChanged, Noted})

    def __init__(
        self, total: int, budget_pico: int | None, out: TextIO | None = None, *, details: bool = True
    ) -> None:
        self._total = total
        self._budget = budget_pico
        out = out or sys.stderr
        self._sink = Sink(out)
        self._live = out.isatty()
        self._details = details
        self._began = time.monotonic()
        self._every_s = _EVERY_S if self._live else _PLAIN_EVERY_S
        self._next = self._began + self._every_s
        self._done = 0
        self._spent = 0
        self._shown = False

    def __call__(self, event: Event) -> None:
        """Hear an event; print now and then."""
        if isinstance(event, RecordEnded):
            self._done += 1
            self._spent = event.spent_pico
        elif isinstance(event, LaneChanged):
            reason = event.reason if self._details else why(event.reason)
            self._say(f"{event.lane} {event.state}: {reason}")
        elif isinstance(event, Noted):
            self._say(event.message if self._details or not event.plain else event.plain)
        else:
            return
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._every_s
            self._show(now)

    def close(self) -> None:
        """End the line."""
        if self._shown and self._live:
            self._sink.write("\n")

    def _show(self, now: float) -> None:
        self._shown = True
        rate = self._done / max(now - self._began, 1e-9)
        parts = [f"{self._done}/{self._total}" if self._total else f"{self._done} records", f"{rate:.0f}/s"]
        budget = "" if self._budget is None else f" of {usd(self._budget):f}"
        parts.append(f"{usd(self._spent):.4f}{budget} USD")
        if self._total > self._done and rate > 0:
            parts.append(f"{(self._total - self._done) / rate:.0f} s left")
        line = "  ".join(parts)
        self._sink.write(f"\r\x1b[K{line}" if self._live else line + "\n")

    def _say(self, message: str) -> None:
        self._sink.write(("\r\x1b[K" if self._live and self._shown else "") + visible(message) + "\n")

    def library(self, level: str, name: str, message: str, error: str) -> None:
        """A line of a library's."""
        self._say(" ".join(filter(None, (f"{level}: {name}: {message}", error))))
