"""Lots in the ledger: the answers of a finished job that are certified whole, and each one's use of delta."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import orjson

from roadworthy._quick import quick
from roadworthy.keep.jobs import note
from roadworthy.keep.transaction import Row, Transaction, as_float, as_int, as_text, text_or_none

OPEN, CERTIFIED, EXHAUSTED, OVERTAKEN = "open", "certified", "exhausted", "overtaken"
_PAGE = 1_000


@quick(frozen=True, slots=True)
class Answer:
    """One answer of a lot, as it was when the lot was opened.

    Attributes:
        item: hash of the answer: another one is another answer.
        sampled: whether it is in the random sample whose labels prove the rest.
        signals: numbers that it is ranked by, the first one higher where the answer is surer.
        model: who gave it.
    """

    record_id: int
    item: str
    sampled: bool
    signals: tuple[float, ...]
    model: str


@quick(frozen=True, slots=True)
class Lot:
    """A lot as the ledger holds it.

    Attributes:
        number: 1 for a job's first; each has a delta of its own.
        max_error: the share of the lot's answers that may be wrong in the end.
        sampled: how many rows the random sample has.
        state: `open`, `certified`, `exhausted` (every answer is a person's) or `overtaken` (answers changed under it).
        figures: what it ended with, as JSON text; "{}" while it is open.
    """

    id: int
    app: str
    step: str
    job_id: int
    number: int
    max_error: float
    delta: float
    sampled: int
    state: str
    figures: str
    opened_at: float


def item_of(answer: str) -> str:
    """What an answer, as JSON text, is recognized by; how it is laid out does not count."""
    plain = orjson.dumps(orjson.loads(answer), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(plain).hexdigest()[:32]


def lots(tx: Transaction, job_id: int) -> list[Lot]:
    """The lots of a job, newest first."""
    return [_lot(row) for row in tx.rows("lots", job_id=job_id)]


def lots_of_app(tx: Transaction, app: str, count: int) -> list[Lot]:
    """The newest lots of an app, newest first."""
    return [_lot(row) for row in tx.rows("lots_of_app", app=app, count=count)]


def open_lot(tx: Transaction, lot: Lot, answers: Sequence[Answer]) -> Lot:
    """Open a lot; that uses some of delta, and an event says so. Where it is open already, that one."""
    tx.change(
        "add_lot",
        app=lot.app,
        step=lot.step,
        job_id=lot.job_id,
        number=lot.number,
        max_error=lot.max_error,
        delta=lot.delta,
        sampled=lot.sampled,
        state=OPEN,
        now=tx.now,
    )
    opened = lots(tx, lot.job_id)[0]
    if tx.rows("lot_rows", lot_id=opened.id):
        return opened
    for place, answer in enumerate(answers):
        tx.change(
            "add_lot_row",
            lot_id=opened.id,
            place=place,
            record_id=answer.record_id,
            item=answer.item,
            sampled=int(answer.sampled),
            signals=orjson.dumps(answer.signals).decode(),
            model=answer.model,
        )
    said = {
        "use": "batch", "app": lot.app, "step": lot.step, "job": lot.job_id, "number": lot.number,
        "delta": lot.delta,
    }  # fmt: skip
    note(tx, "delta_spent", orjson.dumps(said).decode())
    return opened


def answers_of(tx: Transaction, lot_id: int) -> list[Answer]:
    """Every answer of a lot, in order."""
    return [
        Answer(
            as_int(record_id),
            as_text(item),
            bool(sampled),
            tuple(orjson.loads(as_text(signals))),
            as_text(model),
        )
        for record_id, item, sampled, signals, model in tx.rows("lot_rows", lot_id=lot_id)
    ]


def answers_at_hand(tx: Transaction, job_id: int) -> Iterator[Answer]:
    """The answers of a job that models gave and that stand by now, in input order; none is sampled yet."""
    after = 0
    while page := tx.rows("lot_answers", job_id=job_id, after=after, count=_PAGE):
        after = as_int(page[-1][7])
        for record_id, value, confidence, attempts, mended, model, length, _ in page:
            sure = 0.5 if confidence is None else as_float(confidence)
            signals = (sure, as_int(attempts), len(as_text(value)), as_int(length), int(bool(mended)))
            yield Answer(
                as_int(record_id),
                item_of(as_text(value)),
                False,
                tuple(map(float, signals)),
                as_text(model or ""),
            )


def decide_lot(tx: Transaction, lot: Lot, state: str, figures: str) -> bool:
    """Write how a lot ended, and ask nobody about it any more. False where it had ended."""
    decided = bool(tx.change("decide_lot", lot_id=lot.id, state=state, figures=figures, now=tx.now))
    tx.change("withdraw_lot", lot_id=lot.id)
    return decided


def is_overtaken(tx: Transaction, lot: Lot) -> bool:
    """Whether an answer of a lot became another one, or went, and no person's ruling is why."""
    rows = tx.rows("lot_changes", lot_id=lot.id, job_id=lot.job_id, opened_at=lot.opened_at)
    return any(
        seen is None or outcome != "accepted" or value is None or item_of(as_text(value)) != item
        for item, outcome, value, seen in rows
    )


def is_audit_open(tx: Transaction, record_id: int, step: str) -> bool:
    """Whether an audit asks people about a record already."""
    row = tx.row("open_audit_of", record_id=record_id, step=step)
    return row is not None and as_int(row[0]) > 0


def _lot(row: Row) -> Lot:
    number, app, step, job_id, place, max_error, delta, sampled, state, figures, opened_at = row
    return Lot(
        as_int(number),
        as_text(app),
        as_text(step),
        as_int(job_id),
        as_int(place),
        as_float(max_error),
        as_float(delta),
        as_int(sampled),
        as_text(state),
        text_or_none(figures) or "{}",
        as_float(opened_at),
    )
