"""The states of an app at work: the newest one for what is to be answered, an older one for what was answered in it."""

from __future__ import annotations

import math

from roadworthy._clock import Clock
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Kept
from roadworthy.keep.states import find_state, newest_number
from roadworthy.keep.transaction import damaged
from roadworthy.learn.learned import Learned


class States:
    """The states of one app, read once each.

    Args:
        app: the app's name.
        store: its ledger.
        clock: when the newest one was last looked for.
        look_s: how old that look may be, in seconds.
        trusting: whether thresholds count; a candidate is compared without.
    """

    def __init__(
        self, app: str, store: Ledger, clock: Clock, look_s: float, *, trusting: bool = True
    ) -> None:
        self._app = app
        self._store = store
        self._clock = clock
        self._look_s = look_s
        self._trusting = trusting
        self._newest = Learned()
        self._look_at = -math.inf
        self._known: dict[int, Learned] = {0: self._newest}

    def newest(self) -> Learned:
        """What is learned by now."""
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + self._look_s
            self._newest = self.at(self._store.read(lambda tx: newest_number(tx, self._app)))
        return self._newest

    def at(self, number: int) -> Learned:
        """What was learned by that state."""
        if number not in self._known:
            state = self._store.read(lambda tx: find_state(tx, self._app, number))
            if state is None:
                raise damaged(f"a state of {self._app}", number)
            learned = Learned.read(state)
            self._known[number] = learned if self._trusting else learned.untrusting()
        return self._known[number]

    def for_record(self, kept: Kept, *, offline: bool) -> Learned:
        """What a record is judged by: its own state while its answer stands, the newest one where it has none.

        Args:
            offline: whether its stored answer is judged; if not, it is asked anew where that answer does not stand.
        """
        stands = kept.outcome == "accepted" and (offline or not kept.stale_run)
        return self.at(kept.state) if stands else self.newest()
