"""Why a record cannot be used, in words a person can act on."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from typing import Final as Constant

from roadworthy._errors import Final

VALUE_CHARS_MAX: Constant = 80
FAULTS_MAX: Constant = 5

# Mistakes in code that a record can trigger: a validator or key function that meets a value it did not expect.
# One such record is told apart from a broken app by going on with the next one.
SLIPS: Constant = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = VALUE_CHARS_MAX
_brief.maxlevel = 2


class WrongRecord(Final):
    """One unit of input cannot be used. It stays inside this room: intake adds the place.

    Args:
        what: what is wrong, with the field and the value. It may end as a library's own words do, in a full stop.
        remedy: what to do, as a sentence.
        fields: top-level fields that are at fault, where they are known.
    """

    def __init__(self, what: str, remedy: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(f"{what.removesuffix('.')}. {remedy}")
        self.what = what
        self.remedy = remedy
        self.fields = fields


def shown(value: object) -> str:
    """A value as `repr`, at most 80 characters; safe to store and to print whatever it holds."""
    text = escaped(_brief.repr(value))
    return text if len(text) <= VALUE_CHARS_MAX else text[: VALUE_CHARS_MAX - 3] + "..."


def escaped(text: str) -> str:
    r"""Text with NUL and lone surrogates written as `\x00` and `\ud800`, so that any store takes it."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def path_of(parts: Iterable[object]) -> str:
    """A field's path, as in `items.0.price`."""
    return ".".join(escaped(str(part)) for part in parts)


def told(errors: Iterable[Mapping[str, object]]) -> str:
    """Pydantic's errors (`ValidationError.errors()`) as one line: field, what was expected, what came.

    At most five are told in full; the rest are counted.
    """
    lines = [_one(error) for error in errors]
    more = len(lines) - FAULTS_MAX
    return "; ".join(lines[:FAULTS_MAX]) + (f"; and {more} more" if more > 0 else "")


def _one(error: Mapping[str, object]) -> str:
    loc = error["loc"]
    path = path_of(loc) if isinstance(loc, tuple) else ""
    field = f"field `{path}`: " if path else ""
    kind = str(error["type"])
    if kind == "missing":
        return field + "is missing"
    if kind == "extra_forbidden":
        return field + "is not a field of this record"
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be ", "expected ").partition(", unable to parse")[0]
    return f"{field}{escaped(message)}, got {shown(error['input'])}"
