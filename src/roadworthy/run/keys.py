"""Keys that were refused: read again until another one stands in their place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from roadworthy._clock import Clock
from roadworthy._events import LaneChanged, Listener, Noted
from roadworthy._settings import Settings
from roadworthy.call.lane import Lane
from roadworthy.call.rung import EndpointRung, LaneOf, Rung

_NEEDS_KEY: Final = attrgetter("needs_key")


class KeyWatch:
    """Opens what was closed for its key, once there is another key.

    A variable of a command's environment cannot change while it runs, a file can: so a run waits for a file alone.

    Args:
        rungs: every model that the app asks.
        lanes: their lanes by name; nearly always they tell at a glance that no key was refused.
        environ: where keys, or the files that hold them, are named.
        settings: `key_look_s`, `patience_s`.
        lane_of: the lane of a name.
    """

    def __init__(
        self,
        rungs: Callable[[], Sequence[Rung]],
        lanes: Mapping[str, Lane],
        environ: Mapping[str, str],
        settings: Settings,
        clock: Clock,
        lane_of: LaneOf,
        tell: Listener,
    ) -> None:
        self._rungs = rungs
        self._lanes = lanes
        self._environ = environ
        self._settings = settings
        self._clock = clock
        self._lane_of = lane_of
        self._tell = tell
        self._looked_at = -math.inf
        self._waits_since: float | None = None

    def look(self) -> None:
        """Read the keys again whose lanes are closed for them; not more often than `key_look_s`."""
        refused = self._refused()
        if not refused:
            return
        now = self._clock.monotonic()
        if now - self._looked_at < self._settings.key_look_s:
            return
        self._looked_at = now
        for rung in refused:
            if rung.renew(self._environ, self._lane_of):
                self._waits_since = None
                self._tell(LaneChanged(rung.lane.name, "opened", "its key was replaced"))

    @property
    def wanted(self) -> bool:
        """Whether any lane is closed for its key; every record asks, and hardly ever one is."""
        return any(map(_NEEDS_KEY, self._lanes.values()))

    @property
    def may_come(self) -> bool:
        """Whether nobody can be asked now, and a file may yet bring a key: true for as long as patience lasts."""
        refused = self._refused()
        places = {rung.key_place for rung in refused} - {""} if refused else set()
        if not places:
            self._waits_since = None
            return False
        if not all(rung.lane.closed for rung in self._rungs()):
            return False  # the same key may only be tried again: patience goes on
        now = self._clock.monotonic()
        if self._waits_since is None:
            self._waits_since = now
            self._tell(
                Noted(f"the key in {', '.join(sorted(places))} is refused; waiting for another one there")
            )
        return now - self._waits_since < self._settings.patience_s

    async def wait(self) -> None:
        """Return when somebody can be asked again, or when waiting is in vain."""
        while self.may_come:
            self.look()
            if self.may_come:
                await self._clock.sleep(self._settings.key_look_s)

    def _refused(self) -> list[EndpointRung]:
        if not self.wanted:
            return []
        return [rung for rung in self._rungs() if rung.lane.needs_key and isinstance(rung, EndpointRung)]
