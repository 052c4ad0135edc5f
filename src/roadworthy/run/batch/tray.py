"""The tray: where calls are queued for the next batch instead of being sent."""

from __future__ import annotations

from functools import partial

from roadworthy.call.batch.rung import BatchRung
from roadworthy.call.driver import NoReply
from roadworthy.call.ending import TREATMENT
from roadworthy.call.meter import RECORD_SCOPE, Ask, Busy, Meter, NoMoney
from roadworthy.call.price import usd
from roadworthy.call.reply import Ending, Reply
from roadworthy.call.rung import Rung
from roadworthy.keep.batches import queue_attempt, rounds_of, tries_of
from roadworthy.run.desk import Desk
from roadworthy.run.runtime import Runtime

_AGAIN = frozenset({Ending.UNSENT, Ending.UNKNOWN, Ending.THROTTLED, Ending.TRANSIENT})
_CLOSED = frozenset({Ending.QUOTA, Ending.AUTH})


class Tray:
    """Queues calls to models that have a batch API, and sends those to others at once.

    Args:
        runtime: the app at work; its models are worded for batches from here on.
        direct_after: a record that has been through so many batches is asked directly, at the full price; 0 for never.
    """

    def __init__(self, runtime: Runtime, direct_after: int = 0) -> None:
        self._runtime = runtime
        self._direct_after = direct_after
        runtime.use_batches()
        runtime.buyer = self

    async def buy(self, rung: Rung, ask: Ask, meter: Meter, deadline: float) -> Reply | NoReply:
        """The reply, where the ledger has it by now; else the call is queued and comes with a batch."""
        driver = self._runtime.driver
        if not isinstance(rung, BatchRung):
            return await driver.buy(rung, ask, meter, deadline)
        assert isinstance(meter, Desk)
        if ask.refused:
            return NoReply("unusable", f"{ask.model}: {ask.refused}")
        if not meter.session.fresh:
            if self._is_direct(meter.kept.id):
                return await driver.buy(rung.direct, rung.unhalved(ask), meter, deadline)
            if (refused := self._tried(ask)) is not None:
                return refused
        if rung.lane.closed:
            return NoReply("closed", f"{rung.lane.name}: {rung.lane.closed}")
        opener = partial(queue_attempt, app=self._runtime.plan.payer, body=rung.body(ask))
        opened = await meter.open(ask, opener)
        match opened:
            case Reply():
                return opened
            case NoMoney(scope=scope, reserved_pico=reserved):
                return _no_room(opened, held=reserved > 0, own=scope.startswith(RECORD_SCOPE))
            case Busy():
                return NoReply("batch", f"{ask.model}: the same request is under way")
            case _:
                return NoReply("batch", f"{ask.model}: a batch brings the answer")

    def _is_direct(self, record_id: int) -> bool:
        return 0 < self._direct_after <= self._runtime.store.read(lambda tx: rounds_of(tx, record_id))

    def _tried(self, ask: Ask) -> NoReply | None:
        """Why this very request goes into no further batch; None where it may."""
        tries = self._runtime.store.read(lambda tx: tries_of(tx, ask.key))
        if not tries:
            return None
        ending, detail = tries[-1]
        if ending not in _AGAIN and not TREATMENT[ending].retries and ending not in _CLOSED:
            return NoReply("unusable", f"{ask.model}: {ending.value}: {detail}")
        counted = [one for one, _ in tries if one is not Ending.UNSENT]
        if len(counted) >= self._runtime.settings.batch_tries_max:
            words = f"no answer in {len(counted)} batches, at last {ending.value}: {detail}"
            return NoReply("unusable", f"{ask.model}: {words}")
        return None


def _no_room(found: NoMoney, *, held: bool, own: bool) -> NoReply:
    """A cap has no room: what batches hold of it may come back."""
    words = (
        f"the cap of {found.scope} is {usd(found.limit_pico):f} USD, {usd(found.spent_pico):f} is spent, "
        f"{usd(found.reserved_pico):f} is held for calls under way and the next one could cost {usd(found.needed_pico):f}"
    )
    if own:
        return NoReply("unusable", words)
    return NoReply("batch" if held else "budget", words)
