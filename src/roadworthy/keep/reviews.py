"""What people are asked and what they decide; labels; results of functions that run once."""

from __future__ import annotations

from dataclasses import dataclass

from roadworthy.keep.transaction import Transaction, as_float, as_int, as_text, text_or_none

RULINGS = ("right", "wrong", "reject", "skip")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One question to a person.

    Attributes:
        subject: 32 bytes: the hash of what the step was asked about, so that a ruling finds its step again.
        kind: `doubt` or `approval`.
        suggestion: the best answer so far as JSON text, where there is one.
    """

    step: str
    subject: bytes
    kind: str
    grounds: str
    suggestion: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decided. `answer` is the right answer as JSON text; None for a rejection."""

    ruling: str
    answer: str | None
    ruled_by: str
    note: str


@dataclass(frozen=True, slots=True)
class Waiter:
    """One open question to a person, with its record."""

    id: int
    record_id: int
    key: str
    step: str
    kind: str
    grounds: str
    suggestion: str | None
    confidence: float | None
    body: str | None
    entry: str


@dataclass(frozen=True, slots=True)
class Label:
    """The right answer for one record as JSON text, or whether the answer it got is right."""

    app: str
    entry: str
    key: str
    source: str
    answer: str | None = None
    correct: bool | None = None


def ask_person(tx: Transaction, record_id: int, doubt: Doubt) -> None:
    """Put a question to a person; asked again it stands once, with the newest grounds."""
    tx.change(
        "put_review",
        record_id=record_id,
        step=doubt.step,
        subject=doubt.subject,
        kind=doubt.kind,
        grounds=doubt.grounds,
        suggestion=doubt.suggestion,
        confidence=doubt.confidence,
        now=tx.now,
    )


def withdraw(tx: Transaction, record_id: int, step: str, subject: bytes) -> None:
    """A record no longer needs the person it waited for."""
    tx.change("drop_review", record_id=record_id, step=step, subject=subject)


def find_ruling(tx: Transaction, record_id: int, step: str, subject: bytes) -> Ruling | None:
    """What a person decided about a step of a record."""
    row = tx.row("ruling", record_id=record_id, step=step, subject=subject)
    if row is None:
        return None
    _, ruling, correction, suggestion, ruled_by, note = row
    answer = {"right": suggestion, "wrong": correction}.get(as_text(ruling))
    return Ruling(
        as_text(ruling), text_or_none(answer), text_or_none(ruled_by) or "", text_or_none(note) or ""
    )


def open_reviews(tx: Transaction, app: str, after: int, count: int) -> list[Waiter]:
    """The queue: open questions to people, oldest first."""
    return [
        Waiter(
            id=as_int(row[0]),
            record_id=as_int(row[1]),
            key=as_text(row[2]),
            step=as_text(row[3]),
            kind=as_text(row[4]),
            grounds=as_text(row[5]),
            suggestion=text_or_none(row[6]),
            confidence=None if row[7] is None else as_float(row[7]),
            body=text_or_none(row[8]),
            entry=as_text(row[9]),
        )
        for row in tx.rows("queue", app=app, after=after, count=count)
    ]


def rule(
    tx: Transaction, review_id: int, ruling: str, correction: str | None, ruled_by: str, note: str = ""
) -> bool:
    """A person decides. The ruling becomes a label too. False if someone else was first.

    Args:
        ruling: `right` (there must be a suggestion), `wrong` (with the correction as JSON text) or `reject`;
            `skip` decides nothing.
    """
    row = tx.row("review", review_id=review_id)
    if ruling == "skip" or row is None or (ruling == "right" and row[2] is None):
        return False
    if not tx.change(
        "rule",
        review_id=review_id,
        ruling=ruling,
        correction=correction,
        note=note or None,
        ruled_by=ruled_by,
        now=tx.now,
    ):
        return False
    _record_id, step, suggestion, _, key, app, entry, kind = row
    if kind == "doubt" and entry == step and ruling != "reject":
        answer = correction if ruling == "wrong" else text_or_none(suggestion)
        put_label(tx, Label(as_text(app), as_text(entry), as_text(key), f"ruling by {ruled_by}", answer))
    return True


def put_label(tx: Transaction, label: Label) -> None:
    """Keep a label; the newest one stands."""
    tx.change(
        "put_label",
        app=label.app,
        entry=label.entry,
        key=label.key,
        label=label.answer,
        correct=None if label.correct is None else int(label.correct),
        source=label.source,
        now=tx.now,
    )


def begin_once(
    tx: Transaction, record_id: int, name: str, subject: bytes, token: str
) -> tuple[bool, str | None, str]:
    """(whether it is done, its kept value as JSON text, the idempotency token it was first handed)."""
    tx.change("begin_once", record_id=record_id, name=name, subject=subject, token=token, now=tx.now)
    row = tx.row("once", record_id=record_id, name=name, subject=subject)
    assert row is not None
    return bool(row[1]), text_or_none(row[0]), as_text(row[2])


def finish_once(tx: Transaction, record_id: int, name: str, subject: bytes, value: str) -> None:
    """Keep the result of a function that runs once."""
    tx.change("finish_once", record_id=record_id, name=name, subject=subject, value=value, now=tx.now)
