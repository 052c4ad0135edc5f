"""What people decide, and what follows at once: the label, the audit, the result.

An audit may have two readers, who do not see each other's ruling; where they disagree a third ruling settles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import orjson

from roadworthy._quick import quick
from roadworthy.keep.audits import DISPUTED, PENDING, RIGHT, WRONG
from roadworthy.keep.jobs import note
from roadworthy.keep.record import Fate, Kept
from roadworthy.keep.records import find_record, keep
from roadworthy.keep.reviews import Doubt, Label, ask_person, put_label, take_label_back
from roadworthy.keep.transaction import Again, Row, Transaction, as_bytes, as_int, as_text, text_or_none

RULINGS = ("right", "wrong", "reject", "skip")
CHOICES = ("a", "b", "both", "neither")
AUDIT, BATCH, GATE = "audit", "batch", "gate"
SOURCES = {
    BATCH: "batch ruling by",
    GATE: "choice by",
}  # what a label says of its origin; "ruling by" for the others
FIRST, SECOND, SETTLER = 0, 1, 2
PERSON = "person"


@quick(frozen=True, slots=True)
class Ruling:
    """What a person decided. `answer` is the right answer as JSON text; None for a rejection."""

    ruling: str
    answer: str | None
    ruled_by: str
    note: str
    kind: str = "doubt"

    @property
    def who(self) -> str:
        """In words."""
        if self.kind == GATE:
            return f"right, and another answer wrong, by {self.ruled_by}" + (
                f": {self.note}" if self.note else ""
            )
        return f"{self.ruling} by {self.ruled_by}" + (f": {self.note}" if self.note else "")


@quick(frozen=True, slots=True)
class _Case:
    """One question to a person, with the record and the job it belongs to."""

    review_id: int
    record_id: int
    step: str
    suggestion: str | None
    key: str
    app: str
    entry: str
    kind: str
    audit_id: int
    subject: bytes
    stood: str | None
    about: bytes | None

    @property
    def source(self) -> str:
        """Where a label that comes of it says it comes from, but for who ruled."""
        return SOURCES.get(self.kind, "ruling by")

    def label(self, source: str, answer: str | None = None) -> Label:
        """What is said of the record, as a label."""
        return Label(self.app, self.entry, self.key, source, answer, record_id=self.record_id, ruled=True)

    @property
    def alone(self) -> bool:
        """Whether the answer is the record's result, and not that of one step of a workflow."""
        return self.entry == self.step and self.kind != "approval"


def find_ruling(tx: Transaction, record_id: int, step: str, subject: bytes) -> Ruling | None:
    """What a person decided about a step of a record."""
    row = tx.row("ruling", record_id=record_id, step=step, subject=subject)
    if row is None:
        return None
    _, ruling, correction, suggestion, ruled_by, words, kind = row
    answer = {"right": suggestion, "wrong": correction, "a": correction, "b": correction}.get(as_text(ruling))
    return Ruling(
        as_text(ruling),
        text_or_none(answer),
        text_or_none(ruled_by) or "",
        text_or_none(words) or "",
        as_text(kind),
    )


def rule(
    tx: Transaction, review_id: int, ruling: str, correction: str | None, ruled_by: str, note: str = ""
) -> bool:
    """A person decides. The ruling becomes a label too, and on an audit it counts at once. False if someone was first.

    Args:
        ruling: `right` (there must be a suggestion), `wrong` (with the correction as JSON text) or `reject`;
            `skip` decides nothing.
    """
    case = _case(tx, review_id)
    if ruling == "skip" or case is None or (ruling == "right" and case.suggestion is None):
        return False
    if case.kind == GATE:
        return False  # two answers are chosen from, `choose` does that
    kept, before = _before(tx, case)
    if not tx.change(
        "rule",
        review_id=review_id,
        ruling=ruling,
        correction=correction,
        note=note or None,
        ruled_by=ruled_by,
        stood=_stood(kept),
        now=tx.now,
    ):
        return False
    answer = correction if ruling == "wrong" else case.suggestion
    if case.kind == AUDIT:
        _weigh(tx, case, kept, before)
    elif case.kind == BATCH:
        found = find_ruling(tx, case.record_id, case.step, case.subject)
        if not _is_labelled(tx, case):
            _label(tx, case, found)
        _replace(tx, case, kept, found, ())
    elif case.kind == "doubt" and case.alone and ruling != "reject":
        put_label(tx, case.label(f"ruling by {ruled_by}", answer))
    return True


def choose(tx: Transaction, review_id: int, ruling: str, ruled_by: str, note: str = "") -> bool:
    """A person says which of two answers is right. Where one alone is, it is the record's label, and its result too.

    Args:
        ruling: one of `CHOICES`; anything else decides nothing.
    """
    case = _case(tx, review_id)
    if case is None or case.kind != GATE or ruling not in CHOICES:
        return False
    kept = find_record(tx, case.record_id)
    assert kept is not None
    right, corrects = _chosen(case, kept, ruling)
    if not tx.change(
        "rule",
        review_id=review_id,
        ruling=ruling,
        correction=right if corrects else None,
        note=note or None,
        ruled_by=ruled_by,
        stood=_stood(kept) if corrects else None,
        now=tx.now,
    ):
        return False
    if right is not None:
        put_label(tx, case.label(f"{case.source} {ruled_by}", right))
    if corrects:
        tx.change("reopen_lots", record_id=case.record_id)
        _note_result(tx, kept)
        keep(tx, kept.id, Fate("accepted", value=right, confidence=1.0, model=PERSON))
    return True


def _chosen(case: _Case, kept: Kept, ruling: str) -> tuple[str | None, bool]:
    """The answer that alone is right, and whether it takes the place of the record's: where that is the other one.

    A result that is neither of the two came about since they were shown, and stays.
    """
    if not case.alone or ruling not in {"a", "b"}:
        return None, False
    shown = orjson.loads(case.suggestion or "{}")
    right, other = shown.get(ruling), shown.get("b" if ruling == "a" else "a")
    stands = kept.outcome == "accepted" and kept.value is not None and orjson.loads(kept.value) == other
    return orjson.dumps(right).decode(), stands and case.about is not None and right is not None


def undo(tx: Transaction, app: str, ruled_by: str) -> tuple[int, str] | None:
    """Take a person's newest ruling back, with what followed from it. Returns its number and the record's key.

    Raises:
        Again: it was taken back since it was looked up, and may be somebody else's by now.
    """
    row = tx.row("last_ruling", app=app, ruled_by=ruled_by)
    case = None if row is None else _case(tx, as_int(row[0]))
    if case is None:
        return None
    kept, before = _before(tx, case)
    if not tx.change("unrule", review_id=case.review_id, ruled_by=ruled_by):
        raise Again
    tx.change("reopen_lots", record_id=case.record_id)
    if case.alone:
        take_label_back(tx, case.label(f"{case.source} {ruled_by}"))
    if case.kind == AUDIT:
        _weigh(tx, case, kept, before)
    elif case.stood is not None and kept.outcome != "pending":
        keep(tx, case.record_id, _fate(case.stood))
    return case.review_id, case.key


def standing(rulings: Sequence[str]) -> str:
    """What the rulings on one audit come to; "" for a reader who has not spoken.

    Two readers who disagree leave it disputed, and that counts as wrong until a third ruling settles it.
    """
    said = [RIGHT if ruling == "right" else WRONG if ruling else "" for ruling in rulings]
    if len(said) > SETTLER and said[SETTLER]:
        return said[SETTLER]
    spoken = {word for word in said[:SETTLER] if word}
    if not spoken:
        return PENDING
    return DISPUTED if len(spoken) > 1 else spoken.pop()


def _before(tx: Transaction, case: _Case) -> tuple[Kept, str | None]:
    """The record, and the words that a person's ruling on this very answer gave it so far.

    Until the commit nobody else rules on its audit: what the rulings come to is counted from all of them.
    """
    if case.kind == AUDIT:
        tx.change("hold_audit", audit_id=case.audit_id)
    kept = find_record(tx, case.record_id)
    assert kept is not None
    return kept, _overruled(find_ruling(tx, case.record_id, case.step, case.subject))


def _overruled(ruling: Ruling | None) -> str | None:
    """What a ruling puts in place of the model's answer: "" for nothing at all, None where that stands."""
    return None if ruling is None or ruling.ruling == "right" else ruling.answer or ""


def _weigh(tx: Transaction, case: _Case, kept: Kept, before: str | None) -> None:
    """Let the rulings on an audit count: its state, the result, the label, and whether somebody must settle it."""
    readings = tx.rows("readings_of_audit", record_id=case.record_id, audit_id=case.audit_id)
    by_reader = {as_int(row[1]): row for row in readings}
    state = standing([_said(by_reader.get(reader)) for reader in range(SETTLER + 1)])
    tx.change("set_audit", audit_id=case.audit_id, state=state)
    if state == DISPUTED and SETTLER not in by_reader:
        ask_person(tx, case.record_id, _to_settle(case, readings))
    elif SETTLER in by_reader and standing([_said(by_reader.get(r)) for r in (FIRST, SECOND)]) != DISPUTED:
        tx.change("drop_reading", record_id=case.record_id, audit_id=case.audit_id, reader=SETTLER)
    ruling = find_ruling(tx, case.record_id, case.step, case.subject)
    if _overruled(ruling) != before:
        tx.change("reopen_lots", record_id=case.record_id)
    if case.alone:
        _label(tx, case, ruling)
        _replace(tx, case, kept, ruling, readings)
    elif _overruled(ruling) != before:
        _put_back(tx, kept)


def _replace(
    tx: Transaction, case: _Case, kept: Kept, ruling: Ruling | None, readings: Sequence[Row]
) -> None:
    """What a person says is the result from this moment on; what no ruling supports any more is put back."""
    if ruling is not None and ruling.kind in {AUDIT, BATCH} and ruling.ruling != "right":
        fate = Fate("rejected", reason=f"ruled {ruling.who}")
        if ruling.answer is not None:
            fate = Fate("accepted", value=ruling.answer, confidence=1.0, model=PERSON)
    elif kept.model == PERSON or kept.outcome == "rejected":
        stood = [text for row in readings if (text := text_or_none(row[7])) is not None]
        if case.stood is not None:
            stood.append(case.stood)
        before = [fate for fate in map(_fate, stood) if fate.model != PERSON and fate.outcome != "rejected"]
        if not before:
            return
        fate = before[0]
    else:
        return
    if fate.is_of(kept):
        return
    if kept.outcome == "accepted" and kept.value is not None:
        _note_result(tx, kept)
    keep(tx, kept.id, fate)


def _put_back(tx: Transaction, kept: Kept) -> None:
    """A step's answer in a workflow is another one now: the workflow goes through from the top, free where it can."""
    if tx.change("put_back_record", record_id=kept.id, now=tx.now) and kept.outcome == "accepted":
        _note_result(tx, kept)


def _note_result(tx: Transaction, kept: Kept) -> None:
    note(tx, "changed", f"was accepted: {kept.value}", record_id=kept.id)


def _label(tx: Transaction, case: _Case, ruling: Ruling | None) -> None:
    if ruling is None:
        return
    source = f"{case.source} {ruling.ruled_by}"
    if ruling.answer is None:
        put_label(tx, replace(case.label(source), correct=False, judged=case.suggestion))
    else:
        put_label(tx, case.label(source, ruling.answer))


def _is_labelled(tx: Transaction, case: _Case) -> bool:
    """Whether a label is there that did not come of a batch.

    It stays: it may be of a random sample, which tests a threshold. Were its wrong answers taken out of it, one by one
    as batches come upon them, the rest would prove too much.
    """
    row = tx.row("label", app=case.app, entry=case.entry, key=case.key, record_id=case.record_id)
    return row is not None and not as_text(row[2]).startswith(f"{SOURCES[BATCH]} ")


def _to_settle(case: _Case, readings: Sequence[Row]) -> Doubt:
    said = "; ".join(
        f"{text_or_none(row[5])} says {text_or_none(row[2])}"
        + (f", {row[3]!s}" if row[3] is not None else "")
        for row in readings
    )
    return Doubt(
        case.step,
        case.subject,
        "audit",
        f"two readers disagree: {said}",
        case.suggestion,
        None,
        case.audit_id,
        SETTLER,
    )


def _said(row: Row | None) -> str:
    return "" if row is None else text_or_none(row[2]) or ""


def _case(tx: Transaction, review_id: int) -> _Case | None:
    row = tx.row("review", review_id=review_id)
    if row is None:
        return None
    record_id, step, suggestion, key, app, entry, kind, audit_id, subject, stood, about = row
    return _Case(
        review_id,
        as_int(record_id),
        as_text(step),
        text_or_none(suggestion),
        as_text(key),
        as_text(app),
        as_text(entry),
        as_text(kind),
        as_int(audit_id),
        as_bytes(subject),
        text_or_none(stood),
        None if about is None else as_bytes(about),
    )


def _stood(kept: Kept) -> str:
    """Where a record stands, as JSON text."""
    return orjson.dumps(asdict(Fate.of(kept))).decode()


def _fate(text: str) -> Fate:
    return replace(Fate("pending"), **orjson.loads(text))
