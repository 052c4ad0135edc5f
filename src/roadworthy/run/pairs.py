"""Pairs: what an app's step and its candidate say of one record, judged anew from stored replies, free of charge."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import orjson

from roadworthy._errors import Failed, Rejected, Waiting
from roadworthy._quick import quick
from roadworthy.accept.reason import WrongRecord
from roadworthy.decide.confidence import SelfReported
from roadworthy.decide.verdict import Accept, Verdict
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record
from roadworthy.keep.reviews import Doubt
from roadworthy.keep.rulings import GATE
from roadworthy.keep.transaction import Transaction, as_int, as_text, text_or_none
from roadworthy.learn.judgement import Judgement, same_answer
from roadworthy.run.bug import bugs_told
from roadworthy.run.candidate import Candidate, shadow_records
from roadworthy.run.desk import Desk
from roadworthy.run.entry import Step
from roadworthy.run.revive import revived
from roadworthy.run.runtime import Runtime
from roadworthy.run.session import WouldAsk
from roadworthy.run.split import ask_step
from roadworthy.run.subject import subject_of
from roadworthy.run.work import begin

R = TypeVar("R")
T = TypeVar("T")


@quick(frozen=True, slots=True)
class Said:
    """What a step says of a record.

    Attributes:
        known: whether the ledger holds enough to tell.
        answer: the answer as JSON text; None where it gives none that may leave.
    """

    known: bool
    answer: str | None = None


NOT_KNOWN = Said(known=False)


@quick(frozen=True, slots=True)
class Pair:
    """What both say of one record of the app.

    Attributes:
        entry: the job's entry, for labels.
        about: the hash of what the step was asked about.
        a: the answer that is shown first, by a hash: which one that is says nothing of which one is new.
    """

    record_id: int
    step: str
    entry: str
    key: str
    old: str | None
    new: str | None
    about: bytes | None = None

    @property
    def subject(self) -> bytes:
        """32 bytes: a question of its own for these two answers, whoever gives which."""
        return hashlib.sha256(
            b"gate\0" + "\0".join(sorted(map(_text, (self.old, self.new)))).encode()
        ).digest()

    @property
    def a(self) -> str | None:
        """The answer that is shown first."""
        return min((self.old, self.new), key=lambda answer: _rank(self.key, answer))

    @property
    def b(self) -> str | None:
        """The answer that is shown second."""
        return self.new if self.a == self.old else self.old

    def question(self) -> Doubt:
        """The question to a person, who is not told which answer is whose."""
        shown = b'{"a":%s,"b":%s}' % (_text(self.a).encode(), _text(self.b).encode())
        none = (
            ""
            if self.a is not None and self.b is not None
            else "; null is no answer: a person would be asked"
        )
        grounds = f"two versions of the step differ{none}"
        return Doubt(self.step, self.subject, GATE, grounds, shown.decode(), about=self.about)

    def wrong(self, ruling: str) -> tuple[bool, bool]:
        """(whether the new one is wrong, whether the old one is), by a person's ruling."""
        right = {"a": {self.a}, "b": {self.b}, "both": {self.a, self.b}}.get(ruling, set())
        return self.new is None or self.new not in right, self.old is None or self.old not in right


class _Unruled(Desk):
    """A desk that hears no person: what counts is what the models said."""

    def ruled(self, step: Step[R, T], value: R) -> Verdict[T] | None:
        """Nothing."""
        del step, value
        return None


async def said(step: Step[Any, Any], kept: Kept, runtime: Runtime) -> Said:
    """What a step says of a kept record, from stored replies alone."""
    if kept.stored is None or (kept.outcome == "pending" and not kept.attempts):
        return NOT_KNOWN
    if kept.outcome == "failed":
        return Said(known=True)
    verdict: Verdict[Any] | None = None
    try:
        value = revived(step.record_schema, kept, runtime.store)
        session = begin(runtime, kept, 0, offline=True)
        session.learned = session.learned.untrusting()
        with bugs_told(session, step.name, "gives no answer"):
            verdict = await ask_step(step, value, _Unruled(session, step.name, value))
    except (WouldAsk, Waiting):
        return NOT_KNOWN
    except (Failed, Rejected, WrongRecord):
        return Said(known=True)
    return Said(known=True, answer=verdict.valid.body.decode() if isinstance(verdict, Accept) else None)


async def pairs(candidate: Candidate, old: Runtime, new: Runtime, job_id: int) -> AsyncIterator[Pair | None]:
    """The pairs of a candidate's job, in its order; None where it has not answered yet, and that is the last.

    A record that the app has forgotten, or whose old answer is not kept, is left out: that says nothing of who is
    right.
    """
    store, app, step = old.store, old.plan.name, candidate.old
    for _line, copied in shadow_records(store, job_id):
        if copied.stored is None:
            continue
        kept = store.read(lambda tx: original(tx, app, step.name, copied))  # noqa: B023 - read at once
        before = NOT_KNOWN if kept is None else await said(step, kept, old)
        if kept is None or not before.known:
            continue
        after = await said(candidate.step, copied, new)
        if not after.known and copied.outcome != "rejected":
            yield None
            return
        yield Pair(
            kept.id, step.name, step.name, kept.key, before.answer, after.answer, _about(step, kept, store)
        )


def _about(step: Step[Any, Any], kept: Kept, store: Ledger) -> bytes | None:
    """What a run finds a ruling on this record's answer by."""
    try:
        return subject_of(step.name, revived(step.record_schema, kept, store))
    except WrongRecord:
        return None


def original(tx: Transaction, app: str, entry: str, copied: Kept) -> Kept | None:
    """The record of the app that a candidate's record is a copy of."""
    row = tx.row("record_with_body", app=app, entry=entry, key=copied.key, body_hash=copied.body_hash)
    return None if row is None or row[0] is None else find_record(tx, as_int(row[0]))


def alike(pair: Pair, apart: str, fields: tuple[str, ...]) -> bool:
    """Whether both say the same, as far as it counts."""
    if pair.old is None or pair.new is None:
        return pair.old is pair.new
    return same_answer(only(pair.old, fields), only(pair.new, fields), apart)


def only(answer: str, fields: tuple[str, ...]) -> str:
    """An answer without the fields that do not count; all of it where none is named."""
    found = orjson.loads(answer)
    if not fields or not isinstance(found, dict):
        return answer
    return orjson.dumps({name: found.get(name) for name in fields}).decode()


def apart_of(step: Step[Any, Any]) -> str:
    """The field that says how sure the model is: it is no part of the answer."""
    source = step.rule.source
    return source.path if isinstance(source, SelfReported) else ""


def ruled(
    tx: Transaction, app: str, pair: Pair, apart: str, fields: tuple[str, ...]
) -> tuple[bool, bool] | None:
    """(whether the new one is wrong, whether the old one is), by a person or a label; None where nobody knows yet."""
    row = tx.row("ruling_on_pair", record_id=pair.record_id, step=pair.step, subject=pair.subject)
    if row is not None:
        return pair.wrong(as_text(row[0]))
    row = tx.row("label", app=app, entry=pair.entry, key=pair.key, record_id=pair.record_id)
    label = None if row is None else text_or_none(row[0])
    if label is None:
        return None
    judgement = Judgement(only(label, fields), apart=apart)

    def is_wrong(answer: str | None) -> bool:
        return answer is None or not judgement.of(only(answer, fields))

    return is_wrong(pair.new), is_wrong(pair.old)


def _text(answer: str | None) -> str:
    return "null" if answer is None else answer


def _rank(key: str, answer: str | None) -> bytes:
    return hashlib.sha256(f"{key}\0{_text(answer)}".encode("utf-8", "surrogatepass")).digest()
