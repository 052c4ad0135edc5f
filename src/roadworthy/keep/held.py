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
from roadworthy.keep.transaction import Row, Transaction, as_bytes, as_int, as_text

HELD_MOST = 16
"""Rows: more of them are not looked up together for one record, since each repeats the words of its question."""


@quick(frozen=True, slots=True)
class Held:
    """What was found of some records at one moment.

    Attributes:
        ruled: those of them that a person has ruled on.
        questions: rows of `question` by record, step and hash of what does not move; None where nobody has looked.
        replies: rows of `reply_by_key` by the whole key; one that another record bought is not among them.
    """

    ruled: frozenset[int]
    questions: dict[tuple[int, str, bytes], Row] | None = None
    replies: dict[bytes, Row] | None = None

    def reply(self, key: bytes) -> Reply | None:
        """The reply to a request; None where none of these records bought it."""
        row = None if self.replies is None else self.replies.get(key)
        return None if row is None else reply_of(row)


def find_held(tx: Transaction, record_ids: Sequence[int]) -> Held:
    """What the ledger holds of some records."""
    ids = orjson.dumps(record_ids).decode()
    questions = tx.rows("questions_among", ids=ids)
    return Held(
        frozenset(as_int(row[0]) for row in tx.rows("ruled_among", ids=ids)),
        {(as_int(row[0]), as_text(row[1]), as_bytes(row[2])): row[3:] for row in questions},
        {as_bytes(row[0]): row[1:] for row in tx.rows("replies_among", ids=ids)},
    )


def held_of(record_id: int, ruled: frozenset[int], rows: Sequence[Row]) -> Held:
    """What is held of one record, by the questions and replies in rows of `newest_held`."""
    questions: dict[tuple[int, str, bytes], Row] = {}
    replies: dict[bytes, Row] = {}
    for step, fixed, *rest in rows:
        if step is None:
            continue
        pin, question, (key, *reply) = (record_id, as_text(step), as_bytes(fixed)), tuple(rest[:5]), rest[5:]
        if pin not in questions or as_int(question[0]) > as_int(questions[pin][0]):
            questions[pin] = question
        _attempt, _model, ending, *_ = reply
        if ending is not None:  # an attempt that brought none, or none at all
            replies[as_bytes(key)] = tuple(reply)
    return Held(ruled, questions, replies)
