"""Students in the ledger: each training is a version of its own, kept with what it learned from."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from roadworthy._quick import quick
from roadworthy.keep.transaction import Row, Transaction, as_bytes, as_int, as_text


@quick(frozen=True, slots=True)
class KeptStudent:
    """A trained student.

    Attributes:
        version: hash of what it learned from, and how.
        file: what `learn.student` wrote.
        trained: the numbers of the records it learned from; their labels never certify it.
    """

    id: int
    version: str
    file: bytes
    trained: frozenset[int]


def put_student(
    tx: Transaction, app: str, step: str, version: str, file: bytes, trained: Sequence[int]
) -> KeptStudent:
    """Keep a student; one of the same training is there already."""
    records = orjson.dumps(sorted(trained)).decode()
    tx.change("add_student", app=app, step=step, version=version, file=file, trained=records, now=tx.now)
    row = tx.row("student_of_version", app=app, step=step, version=version)
    assert row is not None
    return _student(row)


def find_student(tx: Transaction, student_id: int) -> KeptStudent | None:
    """A student by its number."""
    row = tx.row("student", student_id=student_id)
    return None if row is None else _student(row)


def newest_student(tx: Transaction, app: str, step: str) -> KeptStudent | None:
    """A step's newest student, whether it has joined or not."""
    row = tx.row("newest_student", app=app, step=step)
    return None if row is None else _student(row)


def _student(row: Row) -> KeptStudent:
    number, version, file, trained = row
    return KeptStudent(
        as_int(number), as_text(version), as_bytes(file), frozenset(orjson.loads(as_text(trained)))
    )
