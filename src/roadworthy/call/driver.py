"""The one driver: it performs what the policies decide. Nothing else sends, sleeps or retries."""

from __future__ import annotations

import asyncio
import math
from itertools import islice
from typing import Protocol

from roadworthy._clock import Clock
from roadworthy._edge import is_interrupted
from roadworthy._events import AttemptEnded, LaneChanged, Listener, Retried, hears
from roadworthy._failpoints import failpoint
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.call.ending import TREATMENT
from roadworthy.call.lane import Lane
from roadworthy.call.meter import BATCH_OWNER, RECORD_SCOPE, Ask, Busy, Meter, NoMoney, Opened, Settlement
from roadworthy.call.reply import Ending, Outcome, Reply
from roadworthy.call.retry import Park, Retry, Wait
from roadworthy.call.rung import Rung
from roadworthy.call.sharing import Sharing
from roadworthy.call.turnstile import Turnstile

REPLIES = frozenset({Ending.OK, Ending.TRUNCATED, Ending.REFUSED, Ending.FILTERED, Ending.EMPTY})
_NEVER_LEFT = frozenset({Ending.UNSENT, Ending.UNTRUSTED})
_POLL_S = 0.1
_TURN_S = 5.0


@quick(frozen=True, slots=True)
class NoReply:
    """Nothing came of it.

    Attributes:
        kind: `closed` (the lane: next model, else wait for the provider), `parked` (out of retries or time:
            wait for the provider), `budget` (a cap has no room), `batch` (a provider's batch will bring it),
            `unusable` (this model cannot take this request: next model).
    """

    kind: str
    detail: str


class Buyer(Protocol):
    """Gets replies, now or from a batch later."""

    async def buy(self, rung: Rung, ask: Ask, meter: Meter, deadline: float) -> Reply | NoReply:
        """The reply to `ask`, or why there is none; `deadline` in monotonic seconds."""


class Driver:
    """Buys replies: admission, intent, send, settlement, retry.

    Args:
        settings: timeouts, patience.
        clock: time and chance.
        tell: hears of attempts.
        sharing: the other processes that ask the same providers; None for none.
    """

    def __init__(
        self, settings: Settings, clock: Clock, tell: Listener, sharing: Sharing | None = None
    ) -> None:
        self._sharing = sharing
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._tells_attempts = hears(tell, AttemptEnded)
        self._turnstile = Turnstile(settings.turn_replies_max)
        self._queues: dict[str, dict[asyncio.Future[None], None]] = {}  # in order; whoever leaves is removed

    async def buy(self, rung: Rung, ask: Ask, meter: Meter, deadline: float) -> Reply | NoReply:
        """The reply to `ask`: from the ledger, from another's flight, or bought with at most `attempts_max` sends.

        Args:
            deadline: monotonic seconds after which nothing is sent.
        """
        if ask.refused:
            return NoReply("unusable", f"{ask.model}: {ask.refused}")
        lane = rung.lane  # a key that is replaced meanwhile gives the rung another one
        retry: Retry | None = None
        opened: Opened | Reply | Busy | NoMoney | None = None
        while True:
            refused = await self._admit(lane, ask, deadline)
            if refused is not None:
                return _out_of_time(refused, opened)
            opened = None
            try:
                opened = await meter.open(ask)
            finally:
                if not isinstance(opened, Opened):
                    self._release(lane, ask)
            if not isinstance(opened, Opened):
                found = await self._unopened(ask, opened, meter)
                if found is not None:
                    return found
                continue
            if self._clock.monotonic() >= deadline:
                await self._take_back(lane, ask, meter, opened)
                return NoReply("parked", f"{lane.name}: out of time before it was sent")
            outcome = await self._send(rung, lane, ask, meter, opened, deadline)
            if outcome.ending in REPLIES:
                return _reply(ask, opened, outcome)
            retry = retry or Retry(self._settings, lane.retry_tokens)
            refused = await self._again(retry, lane, ask, outcome, deadline)
            if refused is not None:
                return refused

    async def _again(
        self, retry: Retry, lane: Lane, ask: Ask, outcome: Outcome, deadline: float
    ) -> NoReply | None:
        """Wait until the same request may be sent again; or why it is not."""
        match retry.after(outcome, self._clock.monotonic(), self._clock.random(), deadline):
            case Wait(seconds):
                self._tell(Retried(ask.model, outcome.ending.value, seconds))
                await self._clock.sleep(seconds)
                return None
            case Park(reason):
                return NoReply("parked", reason)
            case _:
                kind = "closed" if lane.closed or outcome.ending is Ending.GONE else "unusable"
                return NoReply(kind, f"{ask.model}: {outcome.ending.value}: {outcome.detail}")

    async def _admit(self, lane: Lane, ask: Ask, deadline: float) -> NoReply | None:
        """Wait until the lane lets one more request go; it then holds a slot and has spent its tokens."""
        while not lane.closed or self._opens(lane):
            now = self._clock.monotonic()
            if self._sharing is not None:
                self._sharing.look()
            if now >= deadline:
                return NoReply("parked", f"{lane.name}: out of time before it could be asked")
            wait = lane.admit(now, ask.tokens_likely)
            if wait <= 0 and self._sharing is not None and lane.needs_turn:
                wait = await self._shared_turn(self._sharing, lane, ask)
            if wait <= 0:
                return None
            silent = lane.silent_s(now)
            if silent > 0 and silent >= self._settings.patience_s:
                self._close(lane, f"no answer for {self._settings.patience_s:g} s", now)
                break
            patience = self._settings.patience_s - silent if silent > 0 else math.inf
            look = self._settings.share_look_s if lane.down and self._sharing is not None else math.inf
            await self._turn(lane, min(wait, deadline - now, patience, look))
        return NoReply("closed", f"{lane.name}: {lane.closed}")

    async def _shared_turn(self, sharing: Sharing, lane: Lane, ask: Ask) -> float:
        """Spend what all processes share; where it is not this one's turn, the lane has its slot and tokens back."""
        wait: float | None = None
        try:
            wait = await sharing.turn(lane, ask.tokens_likely)
        finally:
            if wait is None:
                self._release(lane, ask)
        if wait > 0:
            lane.give_back(self._clock.monotonic(), ask.tokens_likely)
        return wait

    async def _turn(self, lane: Lane, seconds: float) -> None:
        """Wait for a time, or, where only a slot is missing, for one to come free."""
        if not math.isinf(seconds) and seconds > 0 and not lane.full:
            await self._clock.sleep(seconds)
            return
        queue = self._queues.setdefault(lane.name, {})
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue[turn] = None
        try:
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes together with the turn.
            async with asyncio.timeout(_TURN_S):
                await turn
        except TimeoutError:
            return
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake(lane)  # the turn is the next one's
            raise
        finally:
            queue.pop(turn, None)

    def _wake(self, lane: Lane) -> None:
        """As many as there are free slots: an answer may have won one more than it freed."""
        if queue := self._queues.get(lane.name):
            for turn in list(islice(queue, lane.free)):
                del queue[turn]
                if not turn.done():
                    turn.set_result(None)

    async def _unopened(
        self, ask: Ask, found: Reply | Busy | NoMoney, meter: Meter
    ) -> Reply | NoReply | None:
        """What comes instead of an intent. None: look again."""
        match found:
            case Reply():
                return found
            case Busy(owner=owner) if owner == BATCH_OWNER:
                return NoReply("batch", f"{ask.model}: the same request is in a batch")
            case NoMoney(reserved_pico=0, scope=scope):
                return NoReply("unusable" if scope.startswith(RECORD_SCOPE) else "budget", _no_money(found))
        await meter.changed(_POLL_S)
        if isinstance(found, NoMoney):
            # Whoever waits in the process that frees the money hears of it first; chance leaves some to the others.
            await self._clock.sleep(self._clock.random() * _POLL_S)
        return None

    def _release(self, lane: Lane, ask: Ask) -> None:
        """The request that the lane let go does not go after all."""
        lane.give_back(self._clock.monotonic(), ask.tokens_likely)
        self._wake(lane)

    async def _take_back(self, lane: Lane, ask: Ask, meter: Meter, opened: Opened) -> None:
        """An intent that came too late to be followed."""
        self._release(lane, ask)
        await meter.settle(never_sent(ask, opened, "the deadline passed before it was sent"))

    def _opens(self, lane: Lane) -> bool:
        """Whether a lane that is closed may be tried again by now: an account is topped up, an outage ends."""
        opens = lane.try_again(self._clock.monotonic())
        if opens:
            self._tell(LaneChanged(lane.name, "opened", "it is tried again, with one request at first"))
        return opens

    def _close(self, lane: Lane, reason: str, now: float = math.inf) -> None:
        """Send nothing more through a lane, and say so once. Without `now` it is not tried again."""
        lane.close(reason, now)
        self._tell(LaneChanged(lane.name, "closed", lane.closed))

    async def _send(
        self, rung: Rung, lane: Lane, ask: Ask, meter: Meter, opened: Opened, deadline: float
    ) -> Outcome:
        """Send once and settle. A reply's settlement is owed to the record's next change; all else is written now."""
        began = self._clock.monotonic()
        timeout_s = max(0.001, min(self._settings.attempt_timeout_s, deadline - began))
        failpoint("before_send")
        try:
            outcome = await rung.send(ask, timeout_s, self._clock.now())
        except asyncio.CancelledError:
            outcome = Outcome(Ending.UNKNOWN, detail="interrupted before the answer came")
            if is_interrupted():
                now = self._clock.monotonic()
                lane.saw(outcome, now, ask.tokens_likely)
                self._wake(lane)
                await asyncio.shield(meter.settle(settle(rung, ask, opened, outcome, now - began)))
                raise
        failpoint("after_send")
        now = self._clock.monotonic()
        self._saw(lane, outcome, now, ask)
        settlement = settle(rung, ask, opened, outcome, now - began)
        if settlement.cost_pico > ask.worst_pico:
            self._close(
                lane,
                f"it billed {settlement.cost_pico} pico-dollars where {ask.worst_pico} was the most it was allowed",
            )
        if outcome.ending in REPLIES:
            meter.owe(settlement)
            failpoint("reply_owed")
        else:
            await meter.settle(settlement)
        if self._tells_attempts:
            self._tell(_ended(settlement))
        if self._turnstile.full():
            await self._turnstile.wait()
        return outcome

    def _saw(self, lane: Lane, outcome: Outcome, now: float, ask: Ask) -> None:
        """The lane learns from an ending; a person hears when it closes, when it goes down and when it is back."""
        if outcome.ending in REPLIES and not lane.down:  # an answer changes no lane that is up
            lane.saw(outcome, now, ask.tokens_likely)
            self._wake(lane)
            return
        before = lane.health
        lane.saw(outcome, now, ask.tokens_likely)
        self._wake(lane)
        if lane.health != before:
            self._say(lane, before, outcome)

    def _say(self, lane: Lane, before: tuple[str, bool, float], outcome: Outcome) -> None:
        was_closed, was_down, was_tried_at = before
        if self._sharing is not None and (was_down, was_tried_at) != (lane.down, lane.tried_at):
            self._sharing.changed(lane)
        if lane.closed and not was_closed:
            self._tell(LaneChanged(lane.name, "closed", f"{outcome.ending.value}: {outcome.detail}"))
        elif lane.down and not was_down:
            words = f"{outcome.ending.value}: {outcome.detail}; what waits for it goes on by itself"
            self._tell(LaneChanged(lane.name, "does not answer", words))
        elif was_down and not lane.down:
            self._tell(LaneChanged(lane.name, "answers again", "its breaker is closed"))


def settle(rung: Rung, ask: Ask, opened: Opened, outcome: Outcome, latency_s: float) -> Settlement:
    """What an outcome costs: its usage where it has one, nothing where its ending costs nothing, else the worst case.

    An answer that had begun is billed as far as it came, even where its ending alone would cost nothing.
    """
    charged = TREATMENT[outcome.ending].charged
    if outcome.usage is not None:
        state, cost = "settled", rung.cost_pico(outcome.usage)
    elif charged == "nothing" and not outcome.begun:
        state, cost = ("unsent" if outcome.ending in _NEVER_LEFT else "settled"), 0
    else:
        state, cost = "unknown", ask.worst_pico
    return Settlement(
        opened.attempt_id,
        ask.worst_pico,
        state,
        outcome.ending,
        cost,
        latency_s,
        outcome.usage,
        outcome.text if outcome.ending in REPLIES else None,
        outcome.finish,
        outcome.served_model,
        outcome.token_probability,
        outcome.provider_id,
        outcome.detail,
        ask.model,
    )


def _ended(settlement: Settlement) -> AttemptEnded:
    """What is told of a settled attempt: figures and names, never what was said."""
    usage = settlement.usage
    return AttemptEnded(
        settlement.model,
        str(settlement.ending),
        settlement.cost_pico,
        settlement.latency_s,
        settlement.attempt_id,
        None if usage is None else usage.input_tokens,
        None if usage is None else usage.output_tokens,
        0 if usage is None else usage.cached_tokens,
        0 if usage is None else usage.cache_write_tokens,
        0 if usage is None else usage.reasoning_tokens,
        settlement.finish,
        settlement.served_model,
        settlement.provider_id,
    )


def never_sent(ask: Ask, opened: Opened, detail: str) -> Settlement:
    """An intent that was noted and not followed: it costs nothing."""
    return Settlement(opened.attempt_id, ask.worst_pico, "unsent", Ending.UNSENT, 0, 0.0, detail=detail)


def _reply(ask: Ask, opened: Opened, outcome: Outcome) -> Reply:
    return Reply(
        opened.attempt_id,
        ask.model,
        outcome.ending,
        outcome.text,
        outcome.finish,
        outcome.served_model,
        outcome.token_probability,
    )


def _out_of_time(refused: NoReply, waited_for: object) -> NoReply:
    """Why nothing was sent: where it was money that was waited for until then, that is why, and no provider."""
    if refused.kind == "parked" and isinstance(waited_for, NoMoney):
        return NoReply("parked", f"out of time: {_no_money(waited_for)}")
    return refused


def _no_money(found: NoMoney) -> str:
    dollars = 10**12
    held = f", {found.reserved_pico / dollars:.6f} is held for calls under way" if found.reserved_pico else ""
    return (
        f"the cap of {found.scope} is {found.limit_pico / dollars:.6f} USD, {found.spent_pico / dollars:.6f} is spent{held} "
        f"and the next request could cost {found.needed_pico / dollars:.6f}"
    )
