"""One JSON document, read strictly: what is ambiguous is refused rather than guessed.

RFC 8259 leaves open what a parser does with duplicate names, NaN and numbers too large for it. Here duplicates, NaN
and Infinity are refused, and integers of any size survive exactly.

The standard library's parser is used, not orjson: on a record of 550 bytes it takes 2.1 us against 0.5 us, and orjson
keeps the last of two equal names and turns integers beyond 64 bits into floats, both silently.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NoReturn

from pydantic_core import to_jsonable_python

from roadworthy.accept.reason import WrongRecord, path_of, shown
from roadworthy.accept.record import Cleaning, Json

_NOT_FINITE: Final = "Write null, or leave the field out."
ONE_PER_LINE: Final = "Write each record as one JSON object on one line."

_EXACT_CHARS: Final = 18
"""A number of so many characters has 17 digits at most, which is as many as tell doubles apart."""
_SHOWN_CHARS: Final = 200
_TEXT: Final = frozenset({str})
_NO_NAMES: Final = frozenset({str, int, float, bool, type(None)})
_PLAIN: Final = frozenset({str, int, bool, type(None)})
"""What a value of JSON mostly holds, and nothing can be wrong with."""

# A string as a whole, or one bracket; possessive, so that a hostile line costs one pass.
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def read_document(text: str, depth_max: int, notes: list[Cleaning] | None = None) -> Json:
    """The JSON value that `text` holds.

    Args:
        text: one JSON text (RFC 8259), without a byte order mark.
        depth_max: levels of nesting allowed; counted before parsing, so that depth cannot exhaust the stack.
        notes: takes the numbers of more digits than a double holds, with what they are from then on.

    Raises:
        WrongRecord: not JSON, too deep, a name given twice, NaN or Infinity, or a number no double can hold.
    """
    if text.count("{") + text.count("[") > depth_max:
        _refuse_depth(text, depth_max)
    try:
        body: Json = _DECODER.decode(text)
    except _ManyDigits:
        body = _plain_numbers(_NOTING.decode(text), (), [] if notes is None else notes)
    except json.JSONDecodeError as error:
        near = shown(text[max(0, error.pos - 20) : error.pos + 40])
        what = f"not JSON: {error.msg.removesuffix(' at')} at column {error.pos + 1}, near {near}"
        raise WrongRecord(what, ONE_PER_LINE) from error
    except RecursionError as error:
        raise _too_deep(depth_max) from error
    except ValueError as error:  # an integer of more digits than Python converts (4,300)
        raise WrongRecord(f"not usable JSON: {error}", "Write the number as a string.") from error
    return body


def refuse_foreign(body: object, depth_max: int, path: tuple[object, ...] = ()) -> None:
    """Refuse what JSON cannot hold in a value that did not come from JSON text.

    Raises:
        WrongRecord: deeper than `depth_max` (a value that contains itself too), NaN, Infinity, or no JSON type.
    """
    if isinstance(body, dict | list):
        if len(path) >= depth_max:
            raise _too_deep(depth_max)
        if _PLAIN.issuperset(map(type, body.values() if isinstance(body, dict) else body)):
            return
        for name, item in body.items() if isinstance(body, dict) else enumerate(body):
            refuse_foreign(item, depth_max, (*path, name))
    elif isinstance(body, float):
        if not math.isfinite(body):
            raise WrongRecord(f"field `{path_of(path)}` is {body}, which is not a JSON number", _NOT_FINITE)
    elif body is not None and not isinstance(body, str | int):
        what = f"field `{path_of(path)}` is {shown(body)}, a {type(body).__name__}"
        raise WrongRecord(what, "Give text, numbers, true or false, null, lists and objects.")


def refuse_alike(value: object, seen: set[int]) -> None:
    """Refuse an object of which two names are one in JSON, as those of `{1: ..., "1": ...}` are: one would be lost.

    Args:
        value: what is to be written as JSON: a model, a dataclass, or plain data.
        seen: what was looked at already, by `id`; an object may refer to the one that holds it.

    Raises:
        WrongRecord: names the two.
    """
    if isinstance(value, dict):
        if not _TEXT.issuperset(map(type, value)):
            _refuse_alike_names(value)
        items: Iterable[object] = value.values()
    elif isinstance(value, list | tuple):
        items = value
    elif _has_fields(type(value)):  # type: ignore[arg-type] # every type can be hashed
        items = getattr(value, "__dict__", {}).values()
    else:
        return
    for item in items:
        if type(item) not in _NO_NAMES and id(item) not in seen:
            seen.add(id(item))
            refuse_alike(item, seen)


@lru_cache(maxsize=1_000)
def _has_fields(kind: type) -> bool:
    return hasattr(kind, "__pydantic_fields__") or hasattr(kind, "__dataclass_fields__")


def _refuse_alike_names(value: dict[object, object]) -> None:
    known: dict[str, object] = {}
    for name in value:
        (written,) = to_jsonable_python({name: None})
        if written in known:
            what = f"an object has two names that are one in JSON, {known[written]!r} and {name!r}"
            raise WrongRecord(what, "Give each a name of its own.")
        known[written] = name


def refuse_long_text(body: Json, chars_max: int, path: tuple[object, ...] = ()) -> None:
    """Refuse a text field, or a name, of more than `chars_max` characters.

    Raises:
        WrongRecord: names the field, its length and the setting.
    """
    if isinstance(body, str):
        if len(body) > chars_max:
            field = f"field `{path_of(path)}`" if path else "the text"
            what = f"{field} has {len(body)} characters and at most {chars_max} are taken, it begins {shown(body[:60])}"
            raise WrongRecord(what, "Split the text, or raise the setting field_chars_max.")
    elif isinstance(body, dict):
        for name, item in body.items():
            refuse_long_text(name, chars_max, (*path, name[:40]))
            refuse_long_text(item, chars_max, (*path, name))
    elif isinstance(body, list):
        for index, item in enumerate(body):
            refuse_long_text(item, chars_max, (*path, index))


def _refuse_depth(text: str, depth_max: int) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()[0]
        if mark in "{[":
            depth += 1
            if depth > depth_max:
                raise _too_deep(depth_max)
        elif mark != '"':
            depth -= 1


def _too_deep(depth_max: int) -> WrongRecord:
    return WrongRecord(
        f"the JSON is nested deeper than {depth_max} levels",
        "Flatten it, or raise the setting json_depth_max.",
    )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    body = dict(pairs)
    if len(body) < len(pairs):
        given = Counter(name for name, _ in pairs)
        twice = next(name for name in body if given[name] > 1)
        values = [shown(value) for name, value in pairs if name == twice]
        what = f"the field {shown(twice)} is given {len(values)} times in one object, with {' and '.join(values[:2])}"
        raise WrongRecord(what, "Keep one of them.")
    return body


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise WrongRecord(f"the number {text[:40]} is larger than a double can hold", "Write it as a string.")
    if len(text) > _EXACT_CHARS and _is_rounded(number, text):
        raise _ManyDigits
    return number


class _ManyDigits(Exception):
    """A number has more digits than a double holds."""


class _Said(float):
    """A number that was rounded, with how it was said."""

    text = ""


def _said(text: str) -> float:
    number = float(text)
    if len(text) <= _EXACT_CHARS or not _is_rounded(number, text):
        return _finite(text)
    said = _Said(number)
    said.text = text
    return said


def _is_rounded(number: float, text: str) -> bool:
    """Whether the number is another one than was said, written as shortly as can be and with as many digits."""
    if repr(number) == text:
        return False
    exact = Decimal(text)
    digits = len(exact.as_tuple().digits)
    return exact not in {Decimal(repr(number)), Decimal(f"{number:.{digits - 1}e}")}


def _plain_numbers(body: Any, path: tuple[object, ...], notes: list[Cleaning]) -> Any:
    if isinstance(body, dict):
        return {name: _plain_numbers(item, (*path, name), notes) for name, item in body.items()}
    if isinstance(body, list):
        return [_plain_numbers(item, (*path, index), notes) for index, item in enumerate(body)]
    if not isinstance(body, _Said):
        return body
    number = float(body)
    notes.append(Cleaning("rounded", path_of(path), body.text[:_SHOWN_CHARS], repr(number)))
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise WrongRecord(f"{name} is not a JSON number", _NOT_FINITE)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant
)
_NOTING: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_said, parse_constant=_refuse_constant
)
