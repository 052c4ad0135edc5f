"""What people are asked; labels; results of functions that run once."""

from __future__ import annotations

from typing import Final

import orjson

from roadworthy._quick import quick
from roadworthy.keep.pieces import whole_body
from roadworthy.keep.transaction import Transaction, Value, as_float, as_int, as_text, text_or_none

_UNDER: Final = ("label", "correct", "before", "at", "judged")
"""What is kept of a label under a ruling's, as the query `label` says it and `restore_label` takes it."""


@quick(frozen=True, slots=True)
class Doubt:
    """One question to a person.

    Attributes:
        subject: 32 bytes: the hash of what the step was asked about, so that a ruling finds its step again.
        kind: `doubt`, `approval`, `audit`, `batch` or `gate`.
        suggestion: the best answer so far as JSON text, where there is one.
        audit_id: the audit it is about, 0 for none.
        reader: whose turn it is in an audit: 0 the first reader's, 1 the second's, 2 that of who settles it.
        about: the hash of what the step was asked about, where `subject` is another one: that of two answers.
    """

    step: str
    subject: bytes
    kind: str
    grounds: str
    suggestion: str | None = None
    confidence: float | None = None
    audit_id: int = 0
    reader: int = 0
    about: bytes | None = None


@quick(frozen=True, slots=True)
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


@quick(frozen=True, slots=True)
class Label:
    """The right answer for one record as JSON text, or whether `judged`, the answer it got, is right.

    Attributes:
        record_id: the record, which says whose namespace the key is of; 0 for the app's own.
        ruled: whether it came of a ruling, which may be taken back.
    """

    app: str
    entry: str
    key: str
    source: str
    answer: str | None = None
    correct: bool | None = None
    judged: str | None = None
    record_id: int = 0
    ruled: bool = False


def is_decided(tx: Transaction, record_id: int) -> bool:
    """Whether all that a person was asked about a record is decided, so that it goes on from there."""
    row = tx.row("undecided", record_id=record_id)
    assert row is not None
    return as_int(row[0]) == 0 and as_int(row[1]) > 0


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
        audit_id=doubt.audit_id,
        reader=doubt.reader,
        about=doubt.about,
        now=tx.now,
    )


def is_put(tx: Transaction, record_id: int, doubt: Doubt) -> bool:
    """Whether a person was asked this very question, or has answered it: to ask again would change nothing."""
    row = tx.row(
        "review_put",
        record_id=record_id,
        step=doubt.step,
        subject=doubt.subject,
        audit_id=doubt.audit_id,
        reader=doubt.reader,
    )
    if row is None:
        return False
    return row[0] is not None or row[1:] == (doubt.grounds, doubt.suggestion, doubt.confidence)


def withdraw(tx: Transaction, record_id: int, step: str, subject: bytes) -> None:
    """A record no longer needs the person it waited for."""
    tx.change("drop_review", record_id=record_id, step=step, subject=subject)


def open_reviews(tx: Transaction, app: str, after: int, count: int, reader: str = "") -> list[Waiter]:
    """The queue: open questions to people, oldest first.

    Args:
        reader: who asks; what they have ruled on as another reader is not shown to them again.
    """
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
            body=text_or_none(row[8])
            if not row[11]
            else whole_body(tx, as_int(row[1]), text_or_none(row[8])),
            entry=as_text(row[9]),
        )
        for row in tx.rows("queue", app=app, after=after, count=count, reader=reader)
    ]


def put_label(tx: Transaction, label: Label) -> None:
    """Keep a label; the newest one stands. One that nobody's ruling gave is kept under a ruling's.

    What was certified with another label, or without one, goes on; a ruling sees to that itself.
    """
    said: dict[str, Value] = {
        "label": label.answer,
        "correct": None if label.correct is None else int(label.correct),
        "judged": label.judged,
    }
    if not label.ruled:
        tx.change("reopen_lots_of_key", **_of(label), **said)
    tx.change(
        "put_label",
        source=label.source,
        ruled=int(label.ruled),
        under=_under(tx, label) if label.ruled else None,
        now=tx.now,
        **_of(label),
        **said,
    )


def _under(tx: Transaction, label: Label) -> str | None:
    """What a ruling's label takes the place of, as JSON text; of two rulings' the same thing lies under both."""
    of = _of(label)
    row, found = tx.row("label", **of), tx.row("label_under", **of)
    if row is None or found is None:
        return None
    if found[0]:
        return text_or_none(found[1])
    return orjson.dumps(dict(zip(_UNDER, row, strict=True))).decode()


def take_label_back(tx: Transaction, label: Label) -> None:
    """A ruling's label goes, if it stands; what it had taken the place of stands again."""
    of = _of(label)
    found = tx.row("label_under", **of)
    if found is None or found[1] is None:
        tx.change("drop_label", source=label.source, **of)
    else:
        tx.change("restore_label", source=label.source, **of, **orjson.loads(as_text(found[1])))


def _of(label: Label) -> dict[str, Value]:
    return {"app": label.app, "entry": label.entry, "key": label.key, "record_id": label.record_id}


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
