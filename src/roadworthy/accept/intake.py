"""Intake: raw units become records, or are told apart with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from pydantic_core import PydanticSerializationError, SchemaSerializer, core_schema, to_jsonable_python

from roadworthy._errors import Rejected
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.cells import Cells
from roadworthy.accept.clean import clean_body
from roadworthy.accept.decode import Line
from roadworthy.accept.document import (
    ONE_PER_LINE,
    read_document,
    refuse_alike,
    refuse_foreign,
    refuse_long_text,
)
from roadworthy.accept.identity import Key, body_hash, canonical, own_key, record_key
from roadworthy.accept.long import MARK, LongText, long_hash
from roadworthy.accept.paper import FACTS, TEXT, Paper, body_of, picture_body
from roadworthy.accept.reason import WrongRecord, shown
from roadworthy.accept.record import Cleaning, Json, Record, Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source
from roadworthy.accept.table import Row

GIVEN: Final = "the value given"
_PLAIN: Final = (Line, Row, Cells)
LARGE: Final = 1_000
"""Bytes; what is smaller does not say its size: counting it would cost more than it saves."""


def read_records(
    source: Source, *, schema: RecordSchema, key: Key = None, settings: Settings
) -> Iterator[Record | Unusable]:
    """Every unit of the source, in order, as a `Record` or an `Unusable`; blank lines are no units.

    Args:
        source: where they come from.
        schema: the step's record type.
        key: what `step(key=...)` declares.
        settings: the limits on depth and text.

    Raises:
        WrongUse: the source or the record type cannot be used at all.
    """
    name = source.name
    for unit in source:
        if isinstance(unit, _PLAIN):
            yield _taken(unit, name, schema, key, settings)
        elif isinstance(unit, Unusable):
            yield unit
        elif isinstance(unit, Paper):
            document = unit.document
            found = _Found(document.key, unit.number, body_of(document), document.cleanings, unit.long)
            yield _taken_document(found, name, schema, key)
        else:
            found = _Found(unit.name, unit.number, picture_body(unit))
            yield _taken_document(found, name, schema, key)


def record_from_value(value: object, *, schema: RecordSchema, key: Key = None, settings: Settings) -> Record:
    """One record from a Python object: a BaseModel, dataclass, mapping or text; its line is 0.

    The record holds what the object becomes as JSON, by alias where a model has aliases.

    Raises:
        Rejected: it cannot be used; the reason says why.
        WrongUse: the record type itself cannot be used.
    """
    body: Json = None
    try:
        body, written = _as_json(value, settings)
        if written.isascii() and b"\\u" not in written:  # nothing to clean, as in a line
            return _identified(body, schema.validate(body), key, 0, None, (), written)
        body, cleanings = clean_body(body, depth_max=settings.json_depth_max)
        return _identified(body, schema.validate(body), key, 0, written if cleanings else None, cleanings)
    except WrongRecord as wrong:
        own = own_key(body, key) or "line-0"
        raise Rejected(own, f"{GIVEN}: {wrong}") from wrong


def _taken(
    unit: Line | Row | Cells, name: str, schema: RecordSchema, key: Key, settings: Settings
) -> Record | Unusable:
    body: Json = None
    cleanings: tuple[Cleaning, ...] = ()
    size = unit.size if isinstance(unit, Cells) else len(unit.raw)
    try:
        body, cleanings = _parsed(unit, size, settings)
        # JSON in ASCII without a \u escape holds nothing to clean, and that is most of the world's JSONL.
        if not isinstance(unit, Line) or "\\u" in unit.text or not unit.text.isascii():
            body, cleaned = clean_body(body, depth_max=settings.json_depth_max)
            cleanings += cleaned
        if isinstance(unit, Line) or not isinstance(body, dict):
            value = schema.validate(body)
        else:
            body, value, filled = _row_value(body, schema, "" if isinstance(unit, Row) else None)
            cleanings += filled
        record = _identified(body, value, key, unit.number, _raw(unit) if cleanings else None, cleanings)
        if size <= LARGE:
            size = 0
        return replace(record, size=size, place=unit.place) if size or unit.place != record.place else record
    except WrongRecord as wrong:
        own = own_key(body, key) or f"{unit.place}-{unit.number}"
        raw = (_raw(unit) or b"").rstrip(b"\r\n")
        return Unusable(own, unit.number, raw, f"{name}, {unit.place} {unit.number}: {wrong}")


def _raw(unit: Line | Row | Cells) -> bytes | None:
    """The bytes that it was; a row of a database or of Parquet is no bytes."""
    return None if isinstance(unit, Cells) else unit.raw


@quick(frozen=True, slots=True)
class _Found:
    """What a file of documents or images is, as a body."""

    name: str
    number: int
    body: dict[str, Json]
    cleanings: tuple[Cleaning, ...] = ()
    long: LongText | None = None


def _taken_document(unit: _Found, name: str, schema: RecordSchema, key: Key) -> Record | Unusable:
    """A document was cleaned as it was read: again would move text away from the offsets of its pages and headings."""
    body, long = unit.body, unit.long
    try:
        try:
            value = _validated(body, schema, long)
        except WrongRecord as wrong:
            if wrong.fields != (FACTS,):
                raise
            body = {
                field: item for field, item in body.items() if field != FACTS
            }  # a type that has no place for it
            value = _validated(body, schema, long)
        if long is not None:
            own = record_key(body, value, key, content := long_hash(body, TEXT, long))
            marked = body | {TEXT: {MARK: long.chars}}
            return Record(own, marked, content, unit.number, value, None, unit.cleanings, long.chars, long)
        record = _identified(body, value, key, unit.number, None, unit.cleanings)
        return replace(record, size=_chars(body))
    except WrongRecord as wrong:
        return Unusable(unit.name, unit.number, b"", f"{name}: {unit.name}: {wrong}")


def _validated(body: dict[str, Json], schema: RecordSchema, long: LongText | None) -> object:
    return schema.validate(body) if long is None else schema.validate_long(body, TEXT, long)


def _chars(body: dict[str, Json]) -> int:
    """How many characters its texts and images are."""
    scans = body.get("images", [])
    held = [body.get("text"), body.get("image"), *(scans if isinstance(scans, list) else ())]
    return sum(len(text) for text in held if isinstance(text, str))


def _parsed(unit: Line | Row | Cells, size: int, settings: Settings) -> tuple[Json, tuple[Cleaning, ...]]:
    """The unit as JSON's values, and what became of it on the way there."""
    notes: list[Cleaning] = []
    if isinstance(unit, Line):
        body = read_document(unit.text, settings.json_depth_max, notes)
        if not isinstance(body, dict) and not isinstance(body, str):
            raise _no_object(body)
    else:
        body = dict(unit.cells)
    if size > settings.field_chars_max:  # no field can be longer than all the bytes
        refuse_long_text(body, settings.field_chars_max)
    return body, (*unit.cleanings, *notes) if notes else unit.cleanings


def _no_object(body: Json) -> WrongRecord:
    if isinstance(body, list):
        return WrongRecord(
            f"a JSON array where one object is expected, {shown(body)}",
            "Give an array as JSON (.json, application/json), or write its items one per line.",
        )
    return WrongRecord(f"expected a JSON object, got {shown(body)}", ONE_PER_LINE)


def _row_value(
    cells: dict[str, Json], schema: RecordSchema, blank: str | None
) -> tuple[Json, object, tuple[Cleaning, ...]]:
    """The row validated, and what became of cells that did not fit (`blank`: what an empty one holds).

    A table has no way to leave a cell out, so an empty one that does not fit its field counts as absent, or as null
    where the field is required. A typed table holds numbers where people mean names, as for an order or a postal code:
    one that does not fit its field counts as its text.
    """
    try:
        return cells, schema.validate(cells), ()
    except WrongRecord as wrong:
        unfit = {name: cells[name] for name in wrong.fields if name in cells}
        empty = [name for name, cell in unfit.items() if cell == blank]
        texts: dict[str, Json] = {name: str(cell) for name, cell in unfit.items() if _is_number(cell)}
        if not empty and not texts:
            raise
        before = "null" if blank is None else blank
        body = {name: cell for name, cell in (cells | texts).items() if name not in empty}
        notes = {name: Cleaning("empty", name, before, "absent") for name in empty}
        notes |= {name: Cleaning("type", name, "number", "text") for name in texts}
        try:
            return body, schema.validate(body), tuple(notes.values())
        except WrongRecord as again:
            required = [name for name in again.fields if name in empty]
            body |= dict.fromkeys(required)
            notes |= {name: Cleaning("empty", name, before, "null") for name in required}
        try:
            return body, schema.validate(body), tuple(notes.values())
        except WrongRecord:
            raise wrong from None  # the sender wrote an empty cell, so that is what is told


def _is_number(cell: Json) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _identified(
    body: Json,
    value: object,
    key: Key,
    line: int,
    raw: bytes | None,
    cleanings: tuple[Cleaning, ...],
    written: bytes | None = None,
) -> Record:
    content = body_hash(body, written)
    own = record_key(body, value, key, content)
    return Record(own, body, content, line, value, None if raw is None else raw.rstrip(b"\r\n"), cleanings)


def _as_json(value: object, settings: Settings) -> tuple[Json, bytes]:
    """The object as JSON values, within the limits, and as it is written."""
    if isinstance(value, Mapping) and not isinstance(value, dict):
        value = dict(value)
    try:
        body = to_jsonable_python(value, by_alias=True, inf_nan_mode="constants")
    except (PydanticSerializationError, ValueError) as error:
        raise WrongRecord(f"{shown(value)} cannot be written as JSON: {error}", _GIVE) from error
    if not isinstance(body, dict | str):
        raise WrongRecord(f"expected a model, a dict or a text, got {shown(value)}", _GIVE)
    refuse_foreign(body, settings.json_depth_max)
    plain: Json = body
    try:
        written = _written(plain)
    except ValueError as error:  # an integer of more digits than Python converts (4,300)
        raise WrongRecord(
            f"it cannot be written as JSON: {error}", "Write the number as a string."
        ) from error
    if isinstance(value, dict) or b"{" in written[1:]:  # else no name is anybody's but a type's
        refuse_alike(value, set())
    if b"[" in written:  # a list may have been a set
        ordered = _in_order(plain, _ANYTHING.to_python(value, by_alias=True))
        if ordered != plain:
            plain, written = ordered, _written(ordered)
    size = len(written)
    if size > settings.field_chars_max:  # no field can be longer than all the bytes
        refuse_long_text(plain, settings.field_chars_max)
    if size > settings.line_bytes_max:
        raise WrongRecord(
            f"the record has {size:,} bytes as JSON and at most {settings.line_bytes_max:,} are taken",
            "Split it, or raise the setting line_bytes_max.",
        )
    return plain, written


_ANYTHING: Final = SchemaSerializer(core_schema.any_schema())
_GIVE: Final = "Give the step its record type, or an object made of JSON's types."


def _in_order(plain: Json, value: object) -> Json:
    """The members of sets in the order of their JSON: their own is another one in each process."""
    if isinstance(plain, list):
        if isinstance(value, set | frozenset):
            return sorted(plain, key=_written)
        if isinstance(value, list | tuple) and len(value) == len(plain):
            return list(map(_in_order, plain, value))
    elif isinstance(plain, dict) and isinstance(value, dict) and len(value) == len(plain):
        return dict(zip(plain, map(_in_order, plain.values(), value.values()), strict=True))
    return plain


def _written(body: Json) -> bytes:
    """The body before cleaning as JSON; half surrogates, which UTF-8 cannot write, as escapes."""
    try:
        return canonical(body)
    except UnicodeEncodeError:
        return json.dumps(body, sort_keys=True).encode()
