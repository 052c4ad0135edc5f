"""An answer's JSON, read strictly: RFC 8259 with limits, and nothing that two readers could read differently.

Refused beyond the grammar: a key given twice, NaN and infinities, numbers that overflow to infinity, nesting and
size over the settings. Depth is counted before parsing, so no answer can exhaust the stack. Text that a ledger
cannot hold (NUL, lone surrogates, both possible as escapes) becomes U+FFFD; the reply itself is kept as it came.
"""

from __future__ import annotations

import json
import math
import re

import orjson

from roadworthy._errors import Fault
from roadworthy._settings import Settings
from roadworthy.accept.record import Json
from roadworthy.ask.part import storable

_QUOTED_IN_FAULT = 60
# Possessive and with an optional end, so that a string that never closes is still passed in one go.
_STRINGS_AND_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_answer(text: str, settings: Settings) -> Json:
    """The JSON value that `text` is, with nothing before or after it but JSON's own white space.

    Raises:
        Fault: kind `malformed`, worded so that the model can mend it; it never quotes values of the answer.
    """
    if len(text) * 4 > settings.answer_bytes_max:
        _refuse_size(text, settings.answer_bytes_max)
    if text.count("{") + text.count("[") > settings.json_depth_max:
        _refuse_depth(text, settings.json_depth_max)
    plain = text.isascii() and "\\u" not in text
    if plain and (found := _compact(text)) is not None:
        return found
    try:
        value: Json
        value, end = _DECODER.raw_decode(text) if text.startswith("{") else (None, -1)
        if end != len(text):  # white space around it, no object, or something after it
            value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _malformed(_worded(error)) from error
    except RecursionError as error:
        raise _malformed("The answer nests too deeply. Make it flatter.") from error
    except ValueError as error:
        raise _malformed("The answer has a number with too many digits. Write a shorter number.") from error
    return value if plain else _storable(value)


def _compact(text: str) -> dict[str, Json] | None:
    """The object in JSON without white space, as models write it under a schema; None for any other text.

    What is written back as the very same bytes had no key twice and no number that was read as another one.
    """
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and orjson.dumps(found) == text.encode() else None


def _malformed(message: str) -> Fault:
    return Fault(message, kind="malformed")


def _worded(error: json.JSONDecodeError) -> str:
    place = f"line {error.lineno}, column {error.colno}"
    if error.msg == "Extra data":
        return (
            f"There is something after the JSON value, from {place} on. Send one JSON value and nothing else."
        )
    if error.pos == 0:
        return "The answer does not begin as JSON. Send one JSON object and nothing else: no words, no fence."
    what = error.msg[:1].lower() + error.msg[1:]
    return f"The answer is not JSON: {what} at {place}. Send one complete JSON object and nothing else."


def _refuse_size(text: str, bytes_max: int) -> None:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > bytes_max:
        raise _malformed(
            f"The answer has {size} bytes; at most {bytes_max} are allowed. Answer more briefly."
        )


def _refuse_depth(text: str, depth_max: int) -> None:
    depth = 0
    for found in _STRINGS_AND_BRACKETS.finditer(text):
        mark = found[0][0]
        if mark in "[{":
            depth += 1
            if depth > depth_max:
                raise _malformed(f"The answer nests deeper than {depth_max} levels. Make it flatter.")
        elif mark in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _twice(pairs)
    return found


def _twice(pairs: list[tuple[str, Json]]) -> Fault:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            shown = storable(key[:_QUOTED_IN_FAULT])
            return _malformed(f"The key `{shown}` stands twice in one object. Give each key once.")
        seen.add(key)
    return _malformed("A key stands twice in one object. Give each key once.")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _malformed("The answer has a number that is too large. Write a number below 1e308.")
    return number


def _constant(name: str) -> Json:
    raise _malformed(
        f"The answer has {name}, which is not JSON. Write a number, or null where it is allowed."
    )


def _storable(value: Json) -> Json:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return _object([(storable(key), _storable(item)) for key, item in value.items()])
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
