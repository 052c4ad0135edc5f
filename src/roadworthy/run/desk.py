"""The desk: everything a step of one record does that touches ledger, money or models."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import orjson

from roadworthy._errors import Rejected, Waiting
from roadworthy._events import Noted
from roadworthy.ask.build import build_question, question_body, question_from
from roadworthy.ask.question import Question
from roadworthy.ask.template import resolve
from roadworthy.call.driver import NoReply
from roadworthy.call.meter import Ask, Busy, NoMoney, Opened, Settlement
from roadworthy.call.reply import Ending, Reply
from roadworthy.call.rung import Rung
from roadworthy.check.checked import Valid
from roadworthy.decide.verdict import Accept, Fail, Verdict
from roadworthy.keep.attempts import Pin, find_reply, key64, open_attempt, settle_attempt
from roadworthy.keep.jobs import note, set_cap
from roadworthy.keep.reviews import find_ruling
from roadworthy.keep.transaction import Change, Transaction, as_int, as_text
from roadworthy.run.entry import Step
from roadworthy.run.session import Session, WouldAsk

R = TypeVar("R")
T = TypeVar("T")

__all__ = ["Desk", "Rung"]


@dataclass(slots=True)
class _Refusals:
    """Why rungs of the ladder could not be asked."""

    closed: list[str]
    unusable: list[str]


class Desk:
    """One step of one record. Implements `call.meter.Meter`.

    What it owes the ledger (the settlement of a reply) is written with the record's next change: the next
    intent, or the outcome. So reply, cost and outcome are one commit, and a call costs two.

    Args:
        session: the record being worked on.
        step: the step's name.
        subject: 32 bytes: the hash of what the step is asked about; finds rulings and questions again.
    """

    def __init__(self, session: Session, step: str, subject: bytes) -> None:
        self.session = session
        self.step = step
        self.subject = subject
        self._owed: list[Settlement] = []
        self._remarks: list[str] = []
        self._refusals = _Refusals([], [])
        self._question: Question | None = None
        self._pin: Pin | None = None
        self._value: object = None
        self._version: Change[None] | None = None

    def ruled(self, step: Step[R, T], value: R) -> Verdict[T] | None:
        """What a person decided about this step of this record, checked like any other answer."""
        if self.session.fresh:
            return None
        store = self.session.runtime.store
        ruling = store.read(lambda tx: find_ruling(tx, self.session.kept.id, self.step, self.subject))
        if ruling is None:
            return None
        who = f"{ruling.ruling} by {ruling.ruled_by}" + (f": {ruling.note}" if ruling.note else "")
        if ruling.answer is None:
            raise Rejected(self.session.kept.key, f"ruled {who}")
        reply = Reply(
            attempt=0, model="person", ending=Ending.OK, text=ruling.answer, finish="stop", reused=True
        )
        checked = step.prepared.checker.check(reply, value)
        if isinstance(checked, Valid):
            return Accept(checked, 1.0, f"ruled {who}")
        return Fail(f"ruled {who}, but that answer is not valid: {checked.fault.message}")

    def pin(self, step: Step[R, T], value: R) -> None:
        """Build the question, or take the one that was pinned for the same words and data."""
        prepared = step.prepared
        prompt = step.prompt(value)
        template = resolve(prompt, prepared.folder, self.session.runtime.settings)
        question = build_question(prompt, prepared.schema, template=template)
        record_id = self.session.kept.id
        row = None
        if not self.session.fresh:
            row = self.session.runtime.store.read(
                lambda tx: tx.row("question", record_id=record_id, step=self.step, fixed=question.fixed)
            )
        pin = Pin(record_id, self.step, question.version, question.fixed, question_body(question).decode())
        if row is not None:
            question_id, version, body, sample = row
            question = question_from(as_text(body).encode(), as_text(version), question.fixed)
            pin = replace(pin, question_id=as_int(question_id), sample=as_int(sample))
            self.session.question_id = pin.question_id
        self._question, self._pin, self._value = question, pin, value
        self._version = self.session.runtime.unseen_version(step, question)

    def ladder(self, step: Step[R, T]) -> Iterator[Rung]:
        """The models of the step, cheapest first."""
        self.session.runtime.keys.look()
        for place, rung in enumerate(self.session.runtime.rungs(step)):
            if place:
                self.session.escalated = True
            yield rung

    async def replies(self, rung: Rung, *, words: str = "", room: int = 1, samples: int = 1) -> list[Reply]:
        """One model's replies to the pinned question; empty where it cannot be asked.

        Raises:
            Waiting: for budget or provider.
            WouldAsk: in a session that may not buy.
        """
        if (words or room > 1) and not self.session.offline:
            self.session.repaired = True
        if room > 1 and not rung.grows:
            return []
        found = await asyncio.gather(*(self._reply(rung, words, room, number) for number in range(samples)))
        return [reply for reply in found if isinstance(reply, Reply)]

    def no_model_left(self) -> None:
        """Say what to wait for, where a closed lane is why no model is left.

        Raises:
            Waiting: for the provider.
        """
        if self._refusals.closed:
            raise Waiting("provider", "; ".join(self._refusals.closed))

    @property
    def refusals(self) -> list[str]:
        """Why models could not take this request."""
        return self._refusals.unusable

    async def _reply(self, rung: Rung, words: str, room: int, number: int) -> Reply | None:
        assert self._question is not None
        assert self._pin is not None
        runtime = self.session.runtime
        sample = self._pin.sample * 1_000 + number
        ask = rung.ask(
            self._question, self._value, words=words, room=room, namespace=runtime.namespace, sample=sample
        )
        # A fresh record's reply is looked for with the intent; only an offline session must know before.
        known = None
        if self.session.offline or not self.session.fresh:
            known = runtime.store.read(lambda tx: find_reply(tx, ask.key))
        if known is not None:
            runtime.tally.reused += 1
            return known
        if self.session.offline:
            tried = runtime.store.read(lambda tx: tx.row("tried_by_key", key64=key64(ask.key), key=ask.key))
            raise WouldAsk(
                self.step,
                rung.name,
                worst_pico=ask.worst_pico,
                request_bytes=len(ask.body),
                output_cap=ask.output_cap,
                tried=tried is not None,
            )
        found = await runtime.driver.buy(rung, ask, self, self.session.deadline)
        if isinstance(found, Reply):
            if found.reused:
                runtime.tally.reused += 1
            return found
        self._refused(found)
        return None

    def _refused(self, found: NoReply) -> None:
        match found.kind:
            case "closed":
                self._refusals.closed.append(found.detail)
            case "unusable":
                self._refusals.unusable.append(found.detail)
            case "budget":
                raise Waiting("budget", found.detail)
            case _:
                raise Waiting("provider", found.detail)

    async def open(self, ask: Ask) -> Opened | Reply | Busy | NoMoney:
        """Write what is owed, look up, claim, reserve and note the intent: one transaction."""
        pin = self._pin
        assert pin is not None
        owed = self._take_owed()
        version, self._version = self._version, None
        payer, cap = self.session.payer, self.session.runtime.plan.record_budget_pico

        def change(tx: Transaction) -> Opened | Reply | Busy | NoMoney:
            self._pay(tx, owed)
            if version is not None:
                version(tx)
            if cap is not None:
                set_cap(tx, payer.scopes[-1], cap)
            return open_attempt(tx, ask, pin, payer)

        opened = await self.session.runtime.store.write(change)
        self.session.runtime.settled(len(owed))
        if isinstance(opened, Opened):
            self.session.asked = True
            self._pin = replace(pin, question_id=opened.question_id)
            self.session.question_id = opened.question_id
            self.session.runtime.tally.attempts += 1
        return opened

    async def settle(self, settlement: Settlement) -> None:
        """Write how an attempt ended, now."""
        self._count(settlement)
        await self.session.runtime.store.write(lambda tx: self._pay(tx, [settlement]))
        self.session.runtime.settled(1)

    def owe(self, settlement: Settlement) -> None:
        """Write it with the record's next change."""
        self._count(settlement)
        self._owed.append(settlement)

    async def changed(self, seconds: float) -> None:
        """Return when some attempt of this process was settled, or after `seconds`."""
        await self.session.runtime.wait_for_settlement(seconds)

    async def finish(self, change: Callable[[Transaction], None] | None = None) -> None:
        """Write what is owed together with `change`, durable on return.

        Where an attempt was taken from this process meanwhile, because it was held for dead, the outcome that came of
        it is not written: whoever took it over decides.
        """
        owed = self._take_owed()
        if not owed and change is None:
            return

        def last(tx: Transaction) -> None:
            if self._pay(tx, owed) and change is not None:
                change(tx)

        await self.session.runtime.store.write(last)
        self.session.runtime.settled(len(owed))

    def _take_owed(self) -> list[Settlement]:
        owed, self._owed = self._owed, []
        return owed

    def _pay(self, tx: Transaction, owed: list[Settlement]) -> bool:
        """Write settlements; False where one of them came too late."""
        in_time = True
        remarks, self._remarks = self._remarks, []
        for words in remarks:
            note(tx, "served_model", words, run_id=self.session.payer.run_id, record_id=self.session.kept.id)
        for settlement in owed:
            in_time &= settle_attempt(tx, settlement, self.session.kept.id, self.session.payer.scopes)
            if settlement.cost_pico > settlement.reserved_pico:
                note(
                    tx,
                    "overrun",
                    f"attempt {settlement.attempt_id} billed {settlement.cost_pico}, reserved {settlement.reserved_pico}",
                    run_id=self.session.payer.run_id,
                    record_id=self.session.kept.id,
                )
        return in_time

    def _count(self, settlement: Settlement) -> None:
        tally = self.session.runtime.tally
        tally.cost_pico += settlement.cost_pico
        tally.unknown += settlement.state == "unknown"
        if words := self.session.runtime.served.saw(settlement.model, settlement.served_model):
            self.session.runtime.tell(Noted(words))
            self._remarks.append(words)


def subject_of(step: str, value: object) -> bytes:
    """The identity of what a step is asked about, for rulings: SHA-256 of the step's name and its input."""
    text = orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(step.encode() + b"\0" + text).digest()


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else repr(value)
