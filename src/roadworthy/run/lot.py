"""The part of the command `learn` that certifies a finished run whole: peel the worst answers, prove the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
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
    is_overtaken,
    item_of,
    lots,
    open_lot,
)
from roadworthy.keep.record import Kept
from roadworthy.keep.records import fates, find_record
from roadworthy.keep.reviews import Doubt, ask_person
from roadworthy.keep.rulings import BATCH, PERSON, find_ruling, rule
from roadworthy.keep.transaction import Transaction, as_int, as_text, text_or_none
from roadworthy.learn.coin import coin
from roadworthy.learn.gate import share_of_delta
from roadworthy.learn.judgement import Judgement, forms_of, same_answer
from roadworthy.learn.peel import SLICE, LogisticRanker, Peel, sample_of, signals_of
from roadworthy.observe.lots import Batched
from roadworthy.run.correction import fault_of
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
        certifier = _Certifier(store, step, batch, settings)
        return certifier.go_on() if batch.state == OPEN else certifier.as_it_ended()


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
    """One batch at work. The labels so far are played to `Peel` from the start: its way does not depend on when.

    What `learn.peel` promises holds of final answers, and only where the oracle's answer stands in the place of each
    wrong one that was told to it. So a row is told as wrong once the ledger has another answer there, or none, and not
    because somebody said so. A label with the right answer is therefore applied as a person's ruling is, with the same
    checks; where a label says `correct: false` and no more, or its answer does not pass them, the row goes to a person.
    Neither moves the proof: whether a row is wrong is the same either way, no matter whether it was drawn, and only when
    it becomes known differs. To count such rows as wrong and leave them would need another test, since `Peel` allows
    for errors among the rows that are left and for none among those it has peeled.
    """

    def __init__(self, store: Ledger, step: Step[Any, Any], batch: Lot, settings: Settings) -> None:
        self._store = store
        self._step = step
        self._batch = batch
        self._settings = settings
        self._answers = store.read(lambda tx: answers_of(tx, batch.id))
        self._known: dict[int, bool | None] = {}
        self._subjects: dict[int, bytes | None] = {}

    def go_on(self) -> Batched:
        """As far as labels reach; then the next questions, or the ending."""
        if self._is_overtaken():
            return self._end(OVERTAKEN, self._peel())
        peel = self._peel()
        while rows := peel.ask():
            self._put_right([row for row in rows if self._label(row) is None])
            labels = {row: self._label(row) for row in rows}
            known = {row: wrong for row, wrong in labels.items() if wrong is not None}
            if len(known) < len(rows):
                return self._ask([row for row in rows if labels[row] is None], peel)
            peel.tell(known)
        return self._end(CERTIFIED if peel.certified else EXHAUSTED, peel)

    def as_it_ended(self) -> Batched:
        """What an ended batch says, as long as the answers that it speaks of stand."""
        ended = Batched.of(self._batch)
        if not self._is_overtaken():
            return ended
        self._store.write_now(lambda tx: decide_lot(tx, self._batch, OVERTAKEN, self._batch.figures))
        return replace(ended, state=OVERTAKEN)

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
        return self._store.read(lambda tx: is_overtaken(tx, self._batch))

    def _label(self, row: int) -> bool | None:
        """Whether a row's answer was wrong, and stands no more; None where nobody has said, or where it still stands.

        What was forgotten counts as wrong.
        """
        if row not in self._known:
            answer, subject = self._answers[row], self._subject(row)
            self._known[row] = self._store.read(lambda tx: self._judged(tx, answer, subject))
        return self._known[row]

    def _judged(self, tx: Transaction, answer: Answer, subject: bytes | None) -> bool | None:
        kept = find_record(tx, answer.record_id)
        if kept is None or subject is None:
            return True
        ruling = find_ruling(tx, kept.id, self._step.name, subject)
        right = None if ruling is None else ruling.answer
        if not _stands(kept, answer):
            return None if ruling is None else right is None or item_of(right) != answer.item
        assert kept.value is not None
        if right is not None and same_answer(kept.value, right, self._step.apart):
            return False
        labelled = self._labelled(tx, kept)
        return False if labelled is not None and labelled[0].of(kept.value) else None

    def _labelled(self, tx: Transaction, kept: Kept) -> tuple[Judgement, str] | None:
        """What a label says of a record, and where it comes from."""
        row = tx.row("label", app=self._batch.app, entry=self._step.name, key=kept.key, record_id=kept.id)
        if row is None:
            return None
        correct = None if row[1] is None else bool(row[1])
        said = Judgement(text_or_none(row[0]), correct, text_or_none(row[4]), self._step.apart)
        return said, as_text(row[2])

    def _put_right(self, rows: Sequence[int]) -> None:
        """Put the right answer in a wrong one's place where a label gives it and it passes the step's checks."""
        found = {row: right for row in rows if (right := self._right_answer(row)) is not None}

        def change(tx: Transaction) -> None:
            for row, (right, source) in found.items():
                answer = self._answers[row]
                kept = find_record(tx, answer.record_id)
                if kept is None or not _stands(kept, answer):
                    continue
                self._question(tx, row, kept)
                for (number,) in tx.rows("open_reviews_of_record", record_id=kept.id):
                    review = tx.row("review", review_id=as_int(number))
                    if review is not None and review[6] == BATCH:
                        rule(tx, as_int(number), "wrong", right, f"a label ({source})")

        if found:
            self._store.write_now(change)
            for row in found:
                del self._known[row]

    def _right_answer(self, row: int) -> tuple[str, str] | None:
        """The right answer that a label gives for a row, in a form that passes the step's checks, and its source.

        None while an audit asks about the record: its reader's ruling is the one that counts.
        """
        answer, subject = self._answers[row], self._subject(row)

        def look(tx: Transaction) -> tuple[str, Judgement, str] | None:
            kept = find_record(tx, answer.record_id)
            found = None if kept is None else self._labelled(tx, kept)
            if kept is None or kept.value is None or found is None or not _stands(kept, answer):
                return None
            return None if is_audit_open(tx, kept.id, self._step.name) else (kept.value, *found)

        seen = None if subject is None else self._store.read(look)
        if seen is None or seen[1].right is None:
            return None
        step, said = self._step, seen[0]
        for form in forms_of(seen[1].right, said, step.apart):
            if fault_of(step, step.name, answer.record_id, form, self._store, self._settings) is None:
                return form, seen[2]
        return None

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
        for row in rows:
            self._subject(row)  # it may have to read, which a change does not

        def change(tx: Transaction) -> None:
            for row in rows:
                kept = find_record(tx, self._answers[row].record_id)
                if kept is not None and kept.stored is not None:
                    self._question(tx, row, kept)

        self._store.write_now(change)
        return self._said(peel, waiting=len(rows))

    def _question(self, tx: Transaction, row: int, kept: Kept) -> None:
        """Ask about a row's answer, unless an audit does. A ruling on another answer stays beside the question."""
        subject = self._subject(row)
        if subject is None or is_audit_open(tx, kept.id, self._step.name):
            return
        grounds = f"batch: {_DRAWN if self._answers[row].sampled else _WORST}"
        asked = Doubt(self._step.name, subject, BATCH, grounds, kept.value, kept.confidence)
        if find_ruling(tx, kept.id, self._step.name, subject) is not None:
            count = tx.row("rulings", record_id=kept.id)
            asked = replace(asked, reader=0 if count is None else as_int(count[0]))
        ask_person(tx, kept.id, asked)

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
            "put_right": sum(bool(wrong) and self._is_put_right(row) for row, wrong in labelled.items()),
            "at_most": peel.allowed,
            "unlabelled": len(self._answers) - len(labelled),
            "waiting": waiting,
        }
        return Batched.of(self._batch, figures)

    def _is_put_right(self, row: int) -> bool:
        """Whether a person's answer stands where a row's answer stood."""
        answer = self._answers[row]
        kept = self._store.read(lambda tx: find_record(tx, answer.record_id))
        return kept is not None and kept.outcome == "accepted" and not _stands(kept, answer)


def _stands(kept: Kept, answer: Answer) -> bool:
    """Whether an answer of the batch is still its record's, and no person has given it."""
    return kept.value is not None and kept.model != PERSON and item_of(kept.value) == answer.item
