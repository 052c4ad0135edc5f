"""The part of the command `learn` that certifies a finished run whole: peel the worst answers, prove the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from roadworthy._errors import WrongUse
from roadworthy.accept.reason import WrongRecord, escaped
from roadworthy.keep.audits import coin_secret
from roadworthy.keep.jobs import find_job
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.lots import (
    CERTIFIED,
    EXHAUSTED,
    OPEN,
    OVERTAKEN,
    Answer,
    Lot,
    answers_at_hand,
    answers_of,
    decide_lot,
    is_audit_open,
    item_of,
    lots,
    open_lot,
)
from roadworthy.keep.record import Kept
from roadworthy.keep.records import fates, find_record
from roadworthy.keep.reviews import Doubt, ask_person
from roadworthy.keep.rulings import BATCH, PERSON, find_ruling
from roadworthy.keep.transaction import Transaction, text_or_none
from roadworthy.learn.coin import coin
from roadworthy.learn.gate import share_of_delta
from roadworthy.learn.judgement import Judgement
from roadworthy.learn.peel import SLICE, LogisticRanker, Peel, sample_of, signals_of
from roadworthy.observe.lots import Batched
from roadworthy.run.entry import Step
from roadworthy.run.load import Loaded
from roadworthy.run.reading import reading
from roadworthy.run.revive import revived
from roadworthy.run.subject import subject_of

_SLICES = 60  # about as many fits of the ranker as a whole batch takes
_DRAWN = "drawn by chance: its label proves something of the answers that nobody looks at"
_WORST = "one of the batch's most doubtful answers"


def certify(loaded: Loaded, given: dict[str, Any]) -> Batched:
    """Go on with the batch of a job, or open one; ask people for the labels that it wants next.

    Raises:
        WrongUse: the entry is no step, the job was never run or is not at its end, or no largest error is named.
    """
    step = loaded.entry()
    if not isinstance(step, Step):
        raise WrongUse(
            f"{step.name!r} is a workflow. A batch is certified of a step that runs alone: APP.py:STEP."
        )
    max_error = given["max_error"] or (step.promise.max_error if step.promise else None)
    if max_error is None:
        raise WrongUse(
            f"Say which share of the batch may be wrong: --max-error .05, or {step.name}'s max_error=."
        )
    settings = loaded.app.start_settings()
    with reading(loaded.app) as store:
        job_id = _finished_job(store, loaded.app.name, step.name, given["batch"])
        found = store.read(lambda tx: lots(tx, job_id))
        batch = found[0] if found and found[0].max_error == max_error else None
        if batch is None or batch.state == OVERTAKEN:
            number = 1 + (found[0].number if found else 0)
            delta = share_of_delta(settings.batch_delta, number)
            size = given["sample"] or settings.batch_sample
            wanted = Lot(
                0, loaded.app.name, step.name, job_id, number, max_error, delta, size, OPEN, "{}", 0.0
            )
            batch = store.write_now(lambda tx: _open(tx, wanted, found[0] if found else None))
        if batch.state != OPEN:
            return Batched.of(batch)
        return _Certifier(store, step, batch).go_on()


def _finished_job(store: Ledger, app: str, step: str, place: str) -> int:
    """The job of an input or of this name.

    Raises:
        WrongUse: there is none, or some of its records were not answered yet.
    """
    given, resolved = escaped(place), escaped(str(Path(place).resolve()))
    job_id = store.read(lambda tx: find_job(tx, app, step, given) or find_job(tx, app, step, resolved))
    if job_id is None:
        raise WrongUse(f"{step} was never run over {place!r}. Name the input, or the --job NAME, of a run.")
    outcomes, waiting = store.read(lambda tx: fates(tx, job_id))
    unasked = outcomes["pending"] + sum(count for reason, count in waiting.items() if reason != "review")
    if unasked:
        raise WrongUse(
            f"{unasked} records of that run have no answer yet. Let it end first: the same run command."
        )
    return job_id


def _open(tx: Transaction, wanted: Lot, before: Lot | None) -> Lot:
    """Draw the sample by the ledger's secret, and keep what the answers are ranked by."""
    if before is not None and before.state == OPEN:
        decide_lot(tx, before, OVERTAKEN, before.figures)
    answers = list(answers_at_hand(tx, wanted.job_id))
    if not answers:
        raise WrongUse("No answer of that run is a model's: there is nothing to certify.")
    secret, size = coin_secret(tx), min(wanted.sampled, len(answers))
    version = f"batch {wanted.job_id} {wanted.number}"
    coins = [coin(secret, f"{answer.record_id} {answer.item}", version) for answer in answers]
    drawn = set(sample_of(coins, size))
    rows = [replace(answer, sampled=place in drawn) for place, answer in enumerate(answers)]
    return open_lot(tx, replace(wanted, sampled=size), rows)


class _Certifier:
    """One batch at work. The labels so far are played to `Peel` from the start: its way does not depend on when."""

    def __init__(self, store: Ledger, step: Step[Any, Any], batch: Lot) -> None:
        self._store = store
        self._step = step
        self._batch = batch
        self._answers = store.read(lambda tx: answers_of(tx, batch.id))
        self._known: dict[int, bool | None] = {}
        self._subjects: dict[int, bytes | None] = {}

    def go_on(self) -> Batched:
        """As far as labels reach; then the next questions, or the ending."""
        if self._is_overtaken():
            return self._end(OVERTAKEN, self._peel())
        peel = self._peel()
        while rows := peel.ask():
            labels = {row: self._label(row) for row in rows}
            known = {row: wrong for row, wrong in labels.items() if wrong is not None}
            if len(known) < len(rows):
                return self._ask([row for row in rows if labels[row] is None], peel)
            peel.tell(known)
        return self._end(CERTIFIED if peel.certified else EXHAUSTED, peel)

    def _peel(self) -> Peel:
        rows = self._answers
        signals = signals_of([answer.signals for answer in rows], [answer.model for answer in rows])
        return Peel(
            len(rows),
            [place for place, answer in enumerate(rows) if answer.sampled],
            target=1 - self._batch.max_error,
            ranker=LogisticRanker(signals, surer=(0,)),
            delta=self._batch.delta,
            slice_rows=max(SLICE, len(rows) // _SLICES),
        )

    def _is_overtaken(self) -> bool:
        """Whether an answer became another one, and no person's ruling is why."""
        now = self._store.read(
            lambda tx: {one.record_id: one.item for one in answers_at_hand(tx, self._batch.job_id)}
        )
        changed = [
            one for one in self._answers if now.get(one.record_id) != one.item and one.item != "forgotten"
        ]
        return any(not self._store.read(lambda tx: self._is_ruled(tx, one)) for one in changed)  # noqa: B023 - read at once

    def _is_ruled(self, tx: Transaction, answer: Answer) -> bool:
        kept = find_record(tx, answer.record_id)
        return kept is None or kept.stored is None or kept.model == PERSON or kept.outcome == "rejected"

    def _label(self, row: int) -> bool | None:
        """Whether a row's answer was wrong; None where nobody has said. What was forgotten counts as wrong."""
        if row not in self._known:
            answer, subject = self._answers[row], self._subject(row)
            self._known[row] = self._store.read(lambda tx: self._judged(tx, answer, subject))
        return self._known[row]

    def _judged(self, tx: Transaction, answer: Answer, subject: bytes | None) -> bool | None:
        kept = find_record(tx, answer.record_id)
        if kept is None or subject is None:
            return True
        ruling = find_ruling(tx, kept.id, self._step.name, subject)
        if ruling is not None:
            return ruling.ruling != "right" and (
                ruling.answer is None or item_of(ruling.answer) != answer.item
            )
        row = tx.row("label", app=self._batch.app, entry=self._step.name, key=kept.key)
        if row is None or kept.value is None or item_of(kept.value) != answer.item:
            return None
        correct = None if row[1] is None else bool(row[1])
        right = Judgement(text_or_none(row[0]), correct, text_or_none(row[4]), self._step.apart).of(
            kept.value
        )
        return None if right is None else not right

    def _subject(self, row: int) -> bytes | None:
        """What a run finds rulings on a row's record by; None where its contents are gone. A long text is read once."""
        if row not in self._subjects:
            record_id = self._answers[row].record_id
            kept = self._store.read(lambda tx: find_record(tx, record_id))
            self._subjects[row] = None if kept is None else self._about(kept)
        return self._subjects[row]

    def _about(self, kept: Kept) -> bytes | None:
        if kept.stored is None:
            return None
        try:
            return subject_of(self._step.name, revived(self._step.record_schema, kept, self._store))
        except WrongRecord:
            return None

    def _ask(self, rows: Sequence[int], peel: Peel) -> Batched:
        """Put rows to people; one that an audit asks about already is not asked about twice."""
        subjects = [self._subject(row) for row in rows]

        def change(tx: Transaction) -> None:
            for row, subject in zip(rows, subjects, strict=True):
                answer = self._answers[row]
                kept = find_record(tx, answer.record_id)
                if kept is None or kept.stored is None or subject is None:
                    continue
                if is_audit_open(tx, kept.id, self._step.name):
                    continue
                grounds = _DRAWN if answer.sampled else _WORST
                question = Doubt(
                    self._step.name, subject, BATCH, f"batch: {grounds}", kept.value, kept.confidence
                )
                ask_person(tx, kept.id, question)

        self._store.write_now(change)
        return self._said(peel, waiting=len(rows))

    def _end(self, state: str, peel: Peel) -> Batched:
        ended = replace(self._said(peel), state=state)
        self._store.write_now(lambda tx: decide_lot(tx, self._batch, state, ended.figures()))
        return ended

    def _said(self, peel: Peel, waiting: int = 0) -> Batched:
        labelled = {row: wrong for row, wrong in self._known.items() if wrong is not None}
        sampled = [bool(wrong) for row, wrong in labelled.items() if self._answers[row].sampled]
        figures = {
            "answers": len(self._answers),
            "wrong_in_sample": sum(sampled),
            "peeled": len(labelled) - len(sampled),
            "labels": len(labelled),
            "wrong_found": sum(map(bool, labelled.values())),
            "at_most": peel.allowed,
            "unlabelled": len(self._answers) - len(labelled),
            "waiting": waiting,
        }
        return Batched.of(self._batch, figures)
