"""The value of a record that the ledger keeps; a long text in it stays where it is until somebody asks for it."""

from __future__ import annotations

import orjson

from roadworthy.accept.long import MARK, LongText
from roadworthy.accept.schema import RecordSchema
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.pieces import long_field
from roadworthy.keep.record import Kept
from roadworthy.keep.transaction import as_text, damaged


def revived(schema: RecordSchema, kept: Kept, store: Ledger) -> object:
    """The record as its step's type, by today's rules.

    Raises:
        WrongRecord: the type has changed since and the body no longer fits.
    """
    body = orjson.loads(kept.body or "null")
    if not kept.pieces:
        return schema.revive(body)
    record_id, field = kept.id, long_field(body)

    def piece(number: int) -> str:
        row = store.read(lambda tx: tx.row("piece", record_id=record_id, number=number))
        if row is None:
            raise damaged("a piece of a text", None)
        return as_text(row[0])

    return schema.validate_long(body, field, LongText(body[field][MARK], piece))
