"""A record whose text is too large for one question: cut into parts, each a copy of the record with its part alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from roadworthy._errors import WrongUse
from roadworthy._figure import is_whole
from roadworthy._quick import quick
from roadworthy.accept.lazy import beside, with_long
from roadworthy.accept.paper import FACTS, document_of
from roadworthy.accept.passage import Document, Read
from roadworthy.accept.record import Json

R = TypeVar("R")

_HELD_CHARS: Final = 200_000
"""A stretch of a text kept in pieces is held whole up to this length."""


@quick(frozen=True, slots=True)
class Split:
    """What of a record is cut: the field of its text, and the most characters of a part; None for the setting's."""

    field: str
    chars: int | None = None


def split_of(field: str | None, chars: int | None) -> Split | None:
    """What `split=` and `part_chars=` say; None where nothing is cut.

    Raises:
        WrongUse: a length without a field, or one that cannot be.
    """
    if field is None:
        if chars is not None:
            raise WrongUse(f"part_chars={chars} says how long a part is, and nothing is split. Add split=.")
        return None
    if chars is not None and (not is_whole(chars) or chars < 1):
        raise WrongUse(f"part_chars={chars!r}: give a whole number of 1 or more.")
    return Split(field, chars)


@quick(frozen=True, slots=True)
class Part:
    """A stretch of a record's text: its place among the parts, 1-based, and the offsets it lies between."""

    number: int
    start: int
    end: int
    text: str


def text_of(value: object, field: str) -> str:
    """The text that is cut.

    Raises:
        WrongUse: the record has no such field, or it holds no text.
    """
    if isinstance(value, str):
        return value
    found = value.get(field) if isinstance(value, dict) else getattr(value, field, None)
    if not isinstance(found, str):
        raise WrongUse(
            f"split={field!r}: a {type(value).__name__} has no text there. Name the field of its text."
        )
    return found


def length_of(value: object, field: str) -> int:
    """How many characters the text has that is cut.

    Raises:
        WrongUse: as `text_of`.
    """
    return _reach(value, field)[1]


def parts_of(value: object, field: str, chars: int) -> Iterator[Part]:
    """The parts in order, one at a time. All characters but white space between two parts are in exactly one.

    A part ends before a heading or page, else behind a paragraph, a sentence or a word; it fills up with what follows
    as long as that fits. Of a text that is kept in pieces no more is read at a time.

    Args:
        value: the record.
        field: the name of its text.
        chars: the most characters of a part.
    """
    read, length = _reach(value, field)
    number, start, end = 0, 0, 0
    for passage in _document(value).passages_of(read, length, chars):
        if end and passage.end - start > chars:
            number += 1
            yield Part(number, start, end, read(start, end))
            start = passage.start
        elif not end:
            start = passage.start
        end = passage.end
    if end:
        yield Part(number + 1, start, end, read(start, end))


def cut_to(value: R, field: str, start: int, end: int) -> R:
    """The record with a stretch of its text alone."""
    held = beside(value)
    if held is not None and held.field == field and end - start > _HELD_CHARS:
        return cast("R", with_long(held.light, field, held.text.part(start, end)))
    return with_text(value, field, _reach(value, field)[0](start, end))


def _reach(value: object, field: str) -> tuple[Read, int]:
    """How to read a stretch of the text, and its length."""
    held = beside(value)
    if held is not None and held.field == field:
        return held.text.read, held.text.chars
    text = text_of(value, field)
    return lambda start, end: text[start:end], len(text)


def with_text(value: R, field: str, text: str) -> R:
    """The record with another text."""
    held = beside(value)
    if held is not None and held.field == field:
        return cast("R", held.light.model_copy(update={field: text}))
    if isinstance(value, str):
        return cast("R", text)
    if isinstance(value, BaseModel):
        return cast("R", value.model_copy(update={field: text}))
    if isinstance(value, dict):
        return cast("R", {**value, field: text})
    if is_dataclass(value) and not isinstance(value, type):
        changed: Any = replace(value, **{field: text})
        return cast("R", changed)
    raise WrongUse(
        f"A {type(value).__name__} cannot be split. Let the record be a model, a dataclass or a dict."
    )


def _document(value: object) -> Document:
    """The document without its text: with pages and headings where the record says what is known of its file."""
    facts = value.get(FACTS) if isinstance(value, dict) else getattr(value, FACTS, None)
    if facts is None:
        return Document("", "text/plain", "")
    plain: Json = to_jsonable_python(facts)
    return document_of({"id": "", "text": "", FACTS: plain})
