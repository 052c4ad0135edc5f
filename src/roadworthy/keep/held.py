"""What the ledger holds of records that come again, looked up for many of them at once.

Whoever judges a record anew needs its rulings, its pinned questions and its replies. One at a time that is three
statements a record, each dearer than what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from roadworthy._quick import quick
from roadworthy.call.reply import Reply
from roadworthy.keep.attempts import reply_of
from roadworthy.keep.row import RowOf
from roadworthy.keep.transaction import Row, Transaction, as_bytes, as_int

HELD_MOST = 16
"""Rows: more of them are not looked up together for one record, since each repeats the words of its question."""


@quick(frozen=True, slots=True)
class HeldQuestion:
    """A question that is pinned for a record.

    Attributes:
        fixed: the hash of what does not move in it.
        sample: how often its answer was refreshed; part of its requests' identity.
        refreshed: 1 where it is to be asked anew, as it is asked today, else 0.
    """

    record_id: int
    step: str
    fixed: bytes
    id: int
    version: str
    body: str
    sample: int
    refreshed: int


_QUESTION = RowOf(HeldQuestion, int, str, bytes, int, str, str, int, int)


@quick(frozen=True, slots=True)
class Held:
    """What was found of some records at one moment.

    Attributes:
        ruled: those of them that a person has ruled on.
        questions: by record, step and hash of what does not move, the newest of each; None where nobody has looked.
        replies: by the whole key; one that another record bought is not among them.
    """

    ruled: frozenset[int]
    questions: dict[tuple[int, str, bytes], HeldQuestion] | None = None
    replies: dict[bytes, Reply] | None = None

    def reply(self, key: bytes) -> Reply | None:
        """The reply to a request; None where none of these records bought it."""
        return None if self.replies is None else self.replies.get(key)


def find_question(tx: Transaction, record_id: int, step: str, fixed: bytes) -> HeldQuestion | None:
    """The question that is pinned for a step of one record and what does not move."""
    row = tx.row("question", record_id=record_id, step=step, fixed=fixed)
    return None if row is None else _QUESTION.read(row)


def find_held(tx: Transaction, record_ids: Sequence[int]) -> Held:
    """What the ledger holds of some records."""
    ids = orjson.dumps(record_ids).decode()
    questions = map(_QUESTION.read, tx.rows("questions_among", ids=ids))
    return Held(
        frozenset(as_int(row[0]) for row in tx.rows("ruled_among", ids=ids)),
        {(asked.record_id, asked.step, asked.fixed): asked for asked in questions},
        {as_bytes(row[0]): reply_of(row[1:]) for row in tx.rows("replies_among", ids=ids)},
    )


def held_of(ruled: frozenset[int], rows: Sequence[Row]) -> Held:
    """What is held of one record, by the questions and replies in rows of `newest_held`."""
    questions: dict[tuple[int, str, bytes], HeldQuestion] = {}
    replies: dict[bytes, Reply] = {}
    for row in rows:
        if row[0] is None:  # it was asked nothing
            continue
        asked = _QUESTION.read(row[:8])
        pin = (asked.record_id, asked.step, asked.fixed)
        if pin not in questions or asked.id > questions[pin].id:
            questions[pin] = asked
        if row[11] is not None:  # an ending; else an attempt that brought none, or none at all
            replies[as_bytes(row[8])] = reply_of(row[9:])
    return Held(ruled, questions, replies)
