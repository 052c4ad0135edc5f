"""The breaker: a lane that only fails is left alone for a while, then tried with one request."""

from __future__ import annotations

from roadworthy._settings import Settings
from roadworthy.call.ending import TREATMENT
from roadworthy.call.reply import Ending


class Breaker:
    """Closed, open or half-open. Fed only by what may pass by itself; a refusal or a 4xx says nothing of health."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failures = 0
        self._opened = 0
        self._until = 0.0
        self._probing = False
        self.open = False

    def wait(self, now: float) -> float:
        """0 and a request may go (while half-open: one alone); else seconds until the next look."""
        if not self.open:
            return 0.0
        if now < self._until:
            return self._until - now
        return 1.0 if self._probing else 0.0

    def probe(self) -> None:
        """A request goes; while half-open it is the probe."""
        self._probing = self.open

    def saw(self, ending: Ending, now: float) -> None:
        """A request ended."""
        self._probing = False
        if not TREATMENT[ending].trips:
            self._failures = 0
            self.open, self._opened = False, 0
            return
        self._failures += 1
        if self.open or self._failures >= self._settings.breaker_failures:
            span = min(self._settings.breaker_open_cap_s, self._settings.breaker_open_s * 2**self._opened)
            if not self.open or now >= self._until:
                self._until = now + span
                self._opened = min(self._opened + 1, 16)
            self.open = True

    def forget_probe(self) -> None:
        """The probe did not go after all."""
        self._probing = False
