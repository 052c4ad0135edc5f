"""Readings of steps at work, and the warnings and alarms that were raised of them, in the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import orjson

from roadworthy._quick import quick
from roadworthy.keep.audits import RIGHT
from roadworthy.keep.jobs import note
from roadworthy.keep.transaction import Row, Transaction, Value, as_float, as_int, as_text, damaged

ALARM, WARNING = "alarm", "warning"


@quick(frozen=True, slots=True)
class Reading:
    """A stretch of answers of one step, counted by one process.

    Attributes:
        version: the version of how the answers came about.
        began_at: seconds since 1970.
        accepted: how many of the answers were accepted.
        counts: by what is counted (`score`, `length`, `letters`), how many answers fell into each bin.
        served: by the name that was asked, what those were called who answered, in order of appearance.
    """

    step: str
    version: str
    began_at: float
    answers: int
    accepted: int
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    served: Mapping[str, Sequence[str]] = field(default_factory=dict)


@quick(frozen=True, slots=True)
class Alarm:
    """Something that was raised of a step and that nobody has cleared.

    Attributes:
        kind: `alarm` (the error rate, from audits) or `warning` (something that needs no label).
        what: `errors`; or `served model`, `accepted`, `score`, `length`, `letters`.
        words: what was seen, for a person.
    """

    step: str
    kind: str
    what: str
    words: str
    raised_at: float


def put_reading(tx: Transaction, app: str, reading: Reading) -> None:
    """Keep a reading."""
    tx.add(
        "add_reading",
        app=app,
        step=reading.step,
        version=reading.version,
        began_at=reading.began_at,
        now=tx.now,
        answers=reading.answers,
        accepted=reading.accepted,
        counts=orjson.dumps(reading.counts).decode(),
        served=orjson.dumps(reading.served).decode(),
    )


def readings(tx: Transaction, app: str, step: str, count: int) -> list[Reading]:
    """The newest readings of a step since something of it was last cleared, newest first."""
    since = last_cleared(tx, app, step)
    return [_reading(step, row) for row in tx.rows("readings", app=app, step=step, since=since, count=count)]


def raise_alarm(tx: Transaction, app: str, step: str, kind: str, what: str, words: str) -> bool:
    """Raise something; False where it stands already."""
    return bool(tx.change("add_alarm", app=app, step=step, kind=kind, what=what, words=words, now=tx.now))


def standing_alarms(tx: Transaction, app: str) -> list[Alarm]:
    """What was raised of an app's steps and nobody has cleared, oldest first."""
    return [
        Alarm(as_text(step), as_text(kind), as_text(what), as_text(words), as_float(raised_at))
        for _, step, kind, what, words, raised_at in tx.rows("standing_alarms", app=app)
    ]


def clear_alarms(tx: Transaction, app: str, step: str, who: str, words: str = "") -> int:
    """A person has seen to a step: everything that stands of it is cleared, with who did it. Returns how many."""
    cleared = tx.change("clear_alarms", app=app, step=step, now=tx.now, cleared_by=who, note=words or None)
    if cleared:
        note(tx, "cleared", f"{app} {step}: {cleared} cleared by {who}" + (f": {words}" if words else ""))
    return cleared


def last_cleared(tx: Transaction, app: str, step: str) -> float:
    """When something of a step was last cleared, in seconds since 1970; 0 for never."""
    row = tx.row("last_cleared", app=app, step=step)
    return 0.0 if row is None or row[0] is None else as_float(row[0])


def rulings_since(tx: Transaction, app: str, step: str) -> list[bool]:
    """Whether each audit ruled on since something was last cleared is wrong, in the order of the rulings.

    One on which two readers disagree counts as wrong.
    """
    rows = tx.rows("rulings_of_step", app=app, step=step, since=last_cleared(tx, app, step))
    return [as_text(state) != RIGHT for state, _ in rows]


def _reading(step: str, row: Row) -> Reading:
    _, version, began_at, _, answers, accepted, counts, served = row
    return Reading(
        step,
        as_text(version),
        as_float(began_at),
        as_int(answers),
        as_int(accepted),
        _object(counts),
        _object(served),
    )


def _object(cell: Value) -> dict[str, Any]:
    try:
        found = orjson.loads(as_text(cell))
    except orjson.JSONDecodeError as error:
        raise damaged("a reading", cell) from error
    if not isinstance(found, dict):
        raise damaged("a reading", found)
    return found
