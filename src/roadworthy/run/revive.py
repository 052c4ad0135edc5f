"""The value of a record that the ledger keeps; a long text in it stays where it is until somebody asks for it.

This is the one way from a kept record to its value: whoever went by the stored body alone would find a mark where a
long record has its text, and take the record for one that no longer meets its type.
"""

from __future__ import annotations

import json

from roadworthy.accept.long import MARK, LongText
from roadworthy.accept.record import Json
from roadworthy.accept.schema import RecordSchema
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.pieces import long_field
from roadworthy.keep.record import Kept
from roadworthy.keep.transaction import as_text, damaged


def revived(schema: RecordSchema, kept: Kept, store: Ledger) -> object:
    """The record as its step's type, by today's rules.

    It is read from `store`, now or later, so not inside a transaction of it.

    Raises:
        WrongRecord: the type has changed since and the body no longer fits, or the contents are gone.
    """
    body, text = stored(kept, store)
    if text is None:
        return schema.validate(body)
    assert isinstance(body, dict)
    return schema.validate_long(body, long_field(body), text)


def stored(kept: Kept, store: Ledger) -> tuple[Json, LongText | None]:
    """A record's body as it is stored, with the text that it has a mark for, where it has one."""
    body = json.loads(kept.stored or "null")  # orjson would make a float of a whole number beyond 64 bits
    if not kept.pieces:
        return body, None
    record_id = kept.id

    def piece(number: int) -> str:
        row = store.read(lambda tx: tx.row("piece", record_id=record_id, number=number))
        if row is None:
            raise damaged("a piece of a text", None)
        return as_text(row[0])

    return body, LongText(body[long_field(body)][MARK], piece)
