"""The breaker: a lane that only fails is left alone for a while, then tried with one request."""

from __future__ import annotations

from roadworthy._settings import Settings
from roadworthy.call.ending import TREATMENT
from roadworthy.call.reply import Ending


class Breaker:
    """Closed, open or half-open. Fed only by what may pass by itself.

    While it is open, requests that were sent before are still on the wire; that they fail too is no news, so their
    failures are counted off before one is taken for the probe's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failures = 0
        self._opened = 0
        self.until = 0.0
        """While it is open: monotonic seconds before which nothing is tried."""
        self._stale = 0
        self._probing = False
        self.open = False

    def wait(self, now: float) -> float:
        """0 and a request may go (while half-open: one alone); else seconds until the next look."""
        if not self.open:
            return 0.0
        if now < self.until:
            return self.until - now
        return 1.0 if self._probing else 0.0

    def probe(self) -> None:
        """A request goes; while half-open it is the probe."""
        self._probing = self.open

    def forget_probe(self) -> None:
        """The request did not go after all."""
        self._probing = False

    def follow(self, until: float, in_flight: int = 0) -> None:
        """Another process found that the provider only fails: be open until then; `in_flight` requests are on the wire."""
        self.open, self._probing = True, False
        self.until = until
        self._stale = in_flight

    def heal(self) -> None:
        """Another process got an answer."""
        self._failures = self._opened = self._stale = 0
        self.open = self._probing = False

    def saw(self, ending: Ending, now: float, in_flight: int = 0) -> None:
        """A request ended. Any answer shows that the provider lives; a throttled one says nothing of its health.

        Args:
            ending: how.
            now: monotonic seconds.
            in_flight: requests that are still on the wire.
        """
        trips = TREATMENT[ending].trips
        # What went back instead of out brings no ending: no more can be old than is on the wire, the probe apart.
        self._stale = min(self._stale, in_flight + (not self._probing))
        if not trips and ending is not Ending.THROTTLED:
            if self.open or self._failures:
                self.heal()
        elif self.open and self._stale > 0:
            self._stale -= 1
        elif not trips:
            self._probing = False
        else:
            self._failures += 1
            if self.open or self._failures >= self._settings.breaker_failures:
                self._trip(now, in_flight)

    def _trip(self, now: float, in_flight: int) -> None:
        """Open, or open again for twice as long."""
        span = min(self._settings.breaker_open_cap_s, self._settings.breaker_open_s * 2.0**self._opened)
        self.until = now + span
        self._opened = min(self._opened + 1, 16)
        self._stale = in_flight
        self.open, self._probing = True, False
