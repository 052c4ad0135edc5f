"""The desk: everything a step of one record does that touches ledger, money or models."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from roadworthy._errors import LedgerUnavailable, Waiting
from roadworthy._events import Noted
from roadworthy._failpoints import failpoint
from roadworthy._quick import quick
from roadworthy.ask.question import Question
from roadworthy.call.driver import NoReply, never_sent
from roadworthy.call.meter import Ask, Busy, NoMoney, Opened, Settlement
from roadworthy.call.reply import Reply
from roadworthy.call.rung import Rung
from roadworthy.call.tokens import PRIOR_TOKENS_A_BYTE
from roadworthy.check.checked import Checked, Valid
from roadworthy.decide.verdict import Verdict
from roadworthy.keep.attempts import (
    NO_CHARGE,
    Charge,
    Opener,
    Pin,
    charge_record,
    key64,
    open_attempt,
    opened_in,
    pin_question,
    settle_attempt,
)
from roadworthy.keep.jobs import note, set_cap
from roadworthy.keep.record import Fate, Kept
from roadworthy.keep.records import keep
from roadworthy.keep.transaction import Change, Transaction
from roadworthy.run.entry import Step
from roadworthy.run.masking import shown
from roadworthy.run.pinning import pinned
from roadworthy.run.ruled import verdict_of_person
from roadworthy.run.session import Session, WouldAsk
from roadworthy.run.subject import subject_of
from roadworthy.run.telling import bought, judged
from roadworthy.run.together import together

if TYPE_CHECKING:
    from roadworthy.accept.personal import Mask

R = TypeVar("R")
T = TypeVar("T")

__all__ = ["Desk", "Rung"]


@quick(frozen=True, slots=True)
class _Owed:
    """What is to be written with the next change: settlements, and what a person should know of them."""

    settlements: tuple[Settlement, ...] = ()
    remarks: tuple[str, ...] = ()


_NOTHING_OWED = _Owed()


class Desk:
    """One step of one record. Implements `call.meter.Meter`.

    What it owes the ledger (the settlement of a reply) is written with the record's next change: the next
    intent, or the outcome. So reply, cost and outcome are one commit, and a call costs two.

    Args:
        session: the record being worked on.
        step: the step's name.
        about: what the step is asked about.
    """

    asked = False
    """Whether something was bought for this step now."""
    vouched: str | None = None
    """The answer, as JSON, that a person has audited and found right."""
    _question: Question | None = None
    _pin: Pin | None = None
    _mask: Mask | None = None
    _value: object = None
    _rank = 0
    _asks: Step[Any, Any] | None = None

    def __init__(self, session: Session, step: str, about: object) -> None:
        self.session = session
        self.step = step
        self._about = about
        self._owed: list[Settlement] = []
        self._reused: set[int] = set()
        self._remarks: list[str] = []
        self._closed: list[str] = []
        self.refusals: list[str] = []  # why models could not take this request
        self.learned = session.learned.of(step)
        """What the app's state holds of the step, for this record."""

    @property
    def kept(self) -> Kept:
        """The record as the ledger held it when work on it began."""
        return self.session.kept

    @property
    def since(self) -> int:
        """The number of the state since which the step's answers come about as this one's."""
        return self.learned.since

    @cached_property
    def subject(self) -> bytes:
        """32 bytes: the hash of what the step is asked about; finds rulings again. Most records never need it."""
        return subject_of(self.step, self._about)

    def ruled(self, step: Step[R, T], value: R) -> Verdict[T] | None:
        """What a person decided about this step of this record, checked like any other answer."""
        if not self.session.may_be_ruled:
            return None
        verdict, self.vouched = verdict_of_person(step, value, self.session, self.step, self.subject)
        return verdict

    def check(self, step: Step[R, T], reply: Reply, value: R) -> Checked[T]:
        """What a reply to the pinned question is worth."""
        assert self._question is not None
        runtime = self.session.runtime
        if runtime.traced:
            return judged(step, reply, value, self._question, runtime)
        return step.prepared.checker.check(reply, value, self._question.passages)

    def case(self, valid: Valid[T], value: object) -> dict[str, object]:
        """What a judge is shown of an answer: the record, the passages where there are some, and the answer."""
        from roadworthy.check.judge import case_of  # noqa: PLC0415 - few steps have a judge

        assert self._question is not None
        return case_of(value, self._question.passages, valid.body)

    async def pin(self, step: Step[R, T], value: R) -> None:
        """Build the question, or take the one that was pinned for the same words and data."""
        found = await pinned(step, value, self.session)
        self._question, self._pin, self._mask, self._value = found.question, found.pin, found.mask, value
        self._asks = step

    def ladder(self, step: Step[R, T], *, buy: bool) -> Iterator[Rung]:
        """The models of the step, cheapest first; `buy` as for `replies`."""
        runtime = self.session.runtime
        if buy and runtime.keys.wanted:
            runtime.keys.look()
        for place, rung in enumerate(runtime.rungs(step, self.learned)):
            self._rank = place
            if place and (buy or self.session.late):
                self.session.escalated = True
            yield rung

    def replies(
        self, rung: Rung, *, words: str = "", room: int = 1, samples: int = 1, buy: bool = True
    ) -> Awaitable[list[Reply]]:
        """One model's replies to the pinned question; empty where it cannot be asked.

        Args:
            rung: the model.
            words: what is added to the question when it is asked again.
            room: how many times the usual output cap.
            samples: how many replies.
            buy: whether one that the ledger does not have is bought; else it is left out.

        Raises:
            Waiting: for budget or provider.
            WouldAsk: in a session that may not buy.
        """
        if (words or room > 1) and ((buy and not self.session.offline) or self.session.late):
            self.session.repaired = True
        if samples == 1 and self._mask is None:
            return self._reply(rung, words, room, 0, buy)
        return self._several(rung, words, room, samples, buy)

    async def _several(self, rung: Rung, words: str, room: int, samples: int, buy: bool) -> list[Reply]:  # noqa: FBT001 - one of `replies`' own
        """The same for several samples, or where something is hidden."""
        mask = self._mask
        words = words if mask is None else mask.hide(words)
        if samples == 1:
            replies = await self._reply(rung, words, room, 0, buy)
        else:
            found = await together(self._reply(rung, words, room, n, buy) for n in range(samples))
            replies = [reply for of_one in found for reply in of_one]
        return replies if mask is None else [shown(reply, mask) for reply in replies]

    def no_model_left(self) -> None:
        """Say what to wait for, where a closed lane is why no model is left.

        Raises:
            Waiting: for the provider.
        """
        if self._closed:
            raise Waiting("provider", "; ".join(self._closed))

    async def _reply(self, rung: Rung, words: str, room: int, number: int, buy: bool) -> list[Reply]:  # noqa: FBT001 - one of `replies`' own
        """One reply, or none."""
        question, pin, session = self._question, self._pin, self.session
        assert question is not None
        assert pin is not None
        if room > 1 and not rung.grows:
            return []
        namespace, sample = session.namespace, pin.sample * 1_000 + number
        # A fresh record's reply is looked for with the intent; only an offline session must know before.
        if session.offline or not session.fresh:
            about = self._value
            key = rung.key(question, about, words=words, room=room, namespace=namespace, sample=sample)
            if (known := session.find_reply(key)) is not None:
                self._reuse(known)
                return [known]
        if not buy:
            return []
        ask = rung.ask(question, self._value, words=words, room=room, namespace=namespace, sample=sample)
        if session.offline:
            if ask.refused:  # it cannot be bought: as in a run, the next model is asked
                self.refusals.append(f"{ask.model}: {ask.refused}")
                return []
            raise self._would_ask(rung, ask)
        runtime = session.runtime
        buying = runtime.buyer.buy(rung, ask, self, session.deadline)
        if runtime.traced:
            buying = bought(buying, rung, ask, self._rank, question, runtime)
        found = await buying
        if isinstance(found, Reply):
            if found.reused:
                self._reuse(found)
            return [found]
        self._refused(found)
        return []

    def _would_ask(self, rung: Rung, ask: Ask) -> WouldAsk:
        store = self.session.runtime.store
        tried = store.read(lambda tx: tx.row("tried_by_key", key64=key64(ask.key), key=ask.key))
        return WouldAsk(
            self.step,
            rung.name,
            worst_pico=ask.worst_pico,
            request_bytes=ask.text_bytes + round(ask.images[0] / PRIOR_TOKENS_A_BYTE),
            output_cap=ask.output_cap,
            tried=tried is not None,
        )

    def _reuse(self, reply: Reply) -> None:
        """Count a reply that was not bought, once."""
        known = reply.attempt <= self.session.runtime.bought_before
        self.session.runtime.tally.reused += known and reply.attempt not in self._reused
        self._reused.add(reply.attempt)

    def _refused(self, found: NoReply) -> None:
        match found.kind:
            case "closed":
                self._closed.append(found.detail)
            case "unusable":
                self.refusals.append(found.detail)
            case "budget" | "batch":
                raise Waiting(found.kind, found.detail)
            case _:
                raise Waiting("provider", found.detail)

    async def open(self, ask: Ask, opener: Opener = open_attempt) -> Opened | Reply | Busy | NoMoney:
        """Write what is owed, look up, claim, reserve and note the intent: one transaction."""
        pin, asks, question = self._pin, self._asks, self._question
        assert pin is not None and asks is not None and question is not None  # noqa: PT018 - of one `pin`
        owed, payer, runtime = self._take_owed(), self.session.payer, self.session.runtime
        version = runtime.unseen_version(asks, question)  # the text behind it, with the first intent
        found: list[Opened | Reply | Busy | NoMoney] = []
        question_ids: list[int] = []

        def change(tx: Transaction) -> Opened | Reply | Busy | NoMoney:
            if owed is not _NOTHING_OWED:
                self._charge(tx, owed)
            if version is not None:
                version(tx)
            if payer.period != runtime.capped:  # a day or month has begun since the work did
                set_cap(tx, payer.scopes[1], runtime.plan.budget_pico)
            if (cap := runtime.plan.record_budget_pico) is not None:
                set_cap(tx, payer.scopes[-1], cap)
            found[:] = [opener(tx, ask, pin, payer)]
            if not pin.question_id and isinstance(found[0], Reply):  # of another record: asked all the same
                question_ids[:] = [pin_question(tx, pin)]
            return found[0]

        try:
            opened = await (self._settling(change, owed) if owed.settlements else runtime.store.write(change))
        except (asyncio.CancelledError, LedgerUnavailable) as stop:
            await asyncio.shield(self._give_back(ask, found, now=not isinstance(stop, LedgerUnavailable)))
            raise
        runtime.capped = payer.period
        runtime.settled(len(owed.settlements))
        if isinstance(opened, Opened):
            failpoint("intent_committed")
            self.session.asked = self.asked = True
            runtime.tally.attempts += 1
            question_ids = [opened.question_id]
        if question_ids:
            self._pin = pin.kept(question_ids[0])
            self.session.question_id = question_ids[0]
        return opened

    async def _give_back(self, ask: Ask, found: list[Opened | Reply | Busy | NoMoney], *, now: bool) -> None:
        """Nobody waits for what was opened any more, if it was: changes are written in order, so it is known after one more."""

        def change(tx: Transaction) -> None:  # its number may be another record's by now
            if (one := opened_in(tx, found, ask.key, self.session.kept.id)) is not None:
                self._charge(tx, _Owed((never_sent(ask, one, "interrupted before it was sent"),)))

        if now:
            await self.session.runtime.late.write(change, change)
            self.session.runtime.settled(1)
        else:
            self.session.runtime.unsure(change if found else None)

    async def settle(self, settlement: Settlement) -> None:
        """Write how an attempt ended, now."""
        self._count(settlement)
        runtime, charge = self.session.runtime, partial(self._charge, owed=_Owed((settlement,)))
        await runtime.late.write(charge, charge)
        failpoint("settlement_committed")
        runtime.settled(1)

    def owe(self, settlement: Settlement) -> None:
        """Write it with the record's next change."""
        self._count(settlement)
        self._owed.append(settlement)

    async def changed(self, seconds: float) -> None:
        """Return when some attempt of this process was settled, or after `seconds`."""
        await self.session.runtime.wait_for_settlement(seconds)

    def finish(self, fate: Fate | None = None, change: Change[None] | None = None) -> Awaitable[None]:
        """Hand over what is owed together with the record's fate and `change`, at once; durable when it is awaited.

        Where an attempt was taken from this process meanwhile, because it was held for dead, the outcome that came of
        it is not written: whoever took it over decides.
        """
        owed, session = self._take_owed(), self.session
        runtime, record_id, recounts = session.runtime, session.kept.id, session.recounts
        if not (owed.settlements or fate or change or recounts):
            return runtime.durable(None, 0)

        def last(tx: Transaction) -> None:
            charge, in_time = self._pay(tx, owed)
            if fate is not None and in_time:
                keep(tx, record_id, fate, charge)
            elif charge.attempts and not session.defers:
                charge_record(tx, record_id, charge)
            if recounts:
                tx.change("recount_record", record_id=record_id)
            if change is not None and in_time:
                change(tx)
            if fate is not None and session.after is not None:
                session.after(tx)

        writing = self._settling(last, owed) if owed.settlements else runtime.store.write(last)
        return runtime.durable(writing, len(owed.settlements))

    def _settling(self, change: Change[R], owed: _Owed) -> Awaitable[R]:
        return self.session.runtime.late.write(change, partial(self._charge, owed=owed))

    def _take_owed(self) -> _Owed:
        if not self._owed and not self._remarks:
            return _NOTHING_OWED
        owed, self._owed, self._remarks = _Owed(tuple(self._owed), tuple(self._remarks)), [], []
        return owed

    def _charge(self, tx: Transaction, owed: _Owed) -> None:
        """Settle attempts, and charge the record for them."""
        charge, _ = self._pay(tx, owed)
        if charge.attempts and not self.session.defers:
            charge_record(tx, self.session.kept.id, charge)

    def _pay(self, tx: Transaction, owed: _Owed) -> tuple[Charge, bool]:
        """Settle attempts: what the record is to be charged, and whether all of them came in time."""
        attempts = cost = 0
        for words in owed.remarks:
            self._note(tx, "served_model", words)
        scopes = self.session.payer.scopes
        for settlement in owed.settlements:
            if not settle_attempt(tx, settlement, scopes):
                continue
            attempts += 1
            cost += settlement.cost_pico
            if settlement.cost_pico > settlement.reserved_pico:
                words = f"billed {settlement.cost_pico}, reserved {settlement.reserved_pico}"
                self._note(tx, "overrun", f"attempt {settlement.attempt_id} {words}")
        return Charge(attempts, cost) if attempts else NO_CHARGE, attempts == len(owed.settlements)

    def _note(self, tx: Transaction, kind: str, words: str) -> None:
        note(tx, kind, words, run_id=self.session.payer.run_id, record_id=self.session.kept.id)

    def _count(self, settlement: Settlement) -> None:
        runtime = self.session.runtime
        runtime.tally.cost_pico += settlement.cost_pico
        runtime.tally.unknown += settlement.state == "unknown"
        if words := runtime.served.saw(settlement.model, settlement.served_model):
            runtime.tell(Noted(words))
            self._remarks.append(words)
