"""Texts that are kept in pieces: taken in, read a piece at a time, or put back into their body."""

from __future__ import annotations

import orjson

from roadworthy.accept.long import MARK
from roadworthy.accept.record import Json, Pieces
from roadworthy.keep.record import json_text
from roadworthy.keep.transaction import Transaction, as_text, damaged


def add_pieces(tx: Transaction, record_id: int, text: Pieces | None) -> None:
    """Take in a text, a piece at a time; what was there of it goes."""
    if text is None:
        return
    tx.change("erase_pieces", record_id=record_id)
    for number in range(text.count):
        tx.change("add_piece", record_id=record_id, number=number, text=text.piece(number))


def whole_body(tx: Transaction, record_id: int, body: str | None) -> str | None:
    """A record's body with the text that is kept in pieces in its place."""
    if body is None:
        return None
    found = orjson.loads(body)
    found[long_field(found)] = "".join(as_text(row[0]) for row in tx.rows("pieces", record_id=record_id))
    return json_text(found)


def long_field(body: dict[str, Json]) -> str:
    """The field that has a mark for a long text."""
    for name, item in body.items():
        if isinstance(item, dict) and MARK in item:
            return name
    raise damaged("a mark for a long text", None)
