"""Progress on standard error: done/total, rate, spent of budget, time left."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from roadworthy._events import AttemptEnded, Event, LaneChanged, Noted, RecordEnded
from roadworthy.call.price import usd

_EVERY_S = 0.5
_PLAIN_EVERY_S = 5.0


class Progress:
    """A listener that says how far a run is.

    Args:
        total: records expected; 0 where nobody knows.
        budget_pico: the job's cap in pico-dollars; None for none.
        out: where to; a terminal gets one line rewritten, anything else plain lines.
    """

    def __init__(self, total: int, budget_pico: int | None, out: TextIO | None = None) -> None:
        self._total = total
        self._budget = budget_pico
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._began = time.monotonic()
        self._last = self._began
        self._done = 0
        self._spent = 0
        self._shown = False

    def __call__(self, event: Event) -> None:
        """Hear an event; print now and then."""
        match event:
            case RecordEnded():
                self._done += 1
            case AttemptEnded(cost_pico=cost):
                self._spent += cost
            case LaneChanged(lane, state, reason):
                self._say(f"{lane} {state}: {reason}")
            case Noted(message):
                self._say(message)
        now = time.monotonic()
        if now - self._last >= (_EVERY_S if self._live else _PLAIN_EVERY_S):
            self._last = now
            self._show(now)

    def close(self) -> None:
        """End the line."""
        if self._shown and self._live:
            self._out.write("\n")
            self._out.flush()

    def _show(self, now: float) -> None:
        self._shown = True
        rate = self._done / max(now - self._began, 1e-9)
        parts = [f"{self._done}/{self._total}" if self._total else f"{self._done} records", f"{rate:.0f}/s"]
        budget = "" if self._budget is None else f" of {usd(self._budget):.2f}"
        parts.append(f"{usd(self._spent):.4f}{budget} USD")
        if self._total > self._done and rate > 0:
            parts.append(f"{(self._total - self._done) / rate:.0f} s left")
        line = "  ".join(parts)
        self._out.write(f"\r\x1b[K{line}" if self._live else line + "\n")
        self._out.flush()

    def _say(self, message: str) -> None:
        self._out.write(("\r\x1b[K" if self._live and self._shown else "") + message + "\n")
        self._out.flush()
