"""The plainest value that a JSON Schema allows, so that any app gets an answer from a provider that knows none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

_DEPTH_MAX: Final = 32
_ITEMS_MAX: Final = 100
_CHARS_MAX: Final = 10_000
_WORD: Final = "text"
_FORMATS: Final = {
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

_COPIED_CHARS_MAX: Final = 60
INVENTED: Final = "Zebrafoul 7391 quorvixed"
"""Words that stand in nobody's record."""

Schema = Mapping[str, object]


def copied_words(question: str) -> str:
    """Some words as they stand in the question: the beginning of its last line, which is the record's in most prompts."""
    lines = [line.strip() for line in question.splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    if len(last) <= _COPIED_CHARS_MAX:
        return last
    whole, _, _ = last[: _COPIED_CHARS_MAX + 1].rpartition(" ")
    return (whole or last[:_COPIED_CHARS_MAX]).rstrip()


def stand_in(schema: object, root: Schema | None = None, depth: int = 0, *, words: str = "") -> object:
    """A value for the schema: its `const`, its first enum value, its least number, a short text, all its properties.

    Local `$ref`s are followed. Of `anyOf`, `oneOf`, `allOf` the first choice counts; `pattern` is not honoured. Below 32 levels, null.

    Args:
        schema: a JSON Schema (2020-12, the subset that providers accept).
        root: the schema that `$ref` points into; the schema itself when left out.
        depth: how deep inside the root this schema stands.
        words: what a text says where its schema leaves it free; "" for a fixed word. With `INVENTED`, numbers are as
            large as they may be: whoever makes something up is sure of it.
    """
    if not isinstance(schema, Mapping) or depth > _DEPTH_MAX:
        return None
    root = schema if root is None else root
    if "$ref" in schema:
        return stand_in(_referred(root, str(schema["$ref"])), root, depth + 1, words=words)
    if "const" in schema:
        return schema["const"]
    if (values := schema.get("enum")) and isinstance(values, list):
        return values[0]
    for several in ("anyOf", "oneOf", "allOf"):
        if (choices := schema.get(several)) and isinstance(choices, list):
            return stand_in(choices[0], root, depth + 1, words=words)
    return _of_type(schema, root, depth, words)


def _referred(root: Schema, reference: str) -> object:
    target: object = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        if name:
            plain = name.replace("~1", "/").replace("~0", "~")
            target = target.get(plain) if isinstance(target, Mapping) else None
    return target


def _of_type(schema: Schema, root: Schema, depth: int, words: str) -> object:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    match kind:
        case "string":
            return _text(schema, words)
        case "integer" | "number":
            return _number(schema, whole=kind == "integer", most=words == INVENTED)
        case "boolean":
            return False
        case "array":
            return [stand_in(schema.get("items"), root, depth + 1, words=words)] * _count(
                schema, "minItems", _ITEMS_MAX
            )
    properties = schema.get("properties", {} if kind == "object" else None)
    if not isinstance(properties, Mapping):
        return None
    return {name: stand_in(inner, root, depth + 1, words=words) for name, inner in properties.items()}


def _text(schema: Schema, words: str) -> str:
    text = _FORMATS.get(str(schema.get("format", "")), words or _WORD)
    least = _count(schema, "minLength", _CHARS_MAX)
    text = (text * (least // len(text) + 1))[: max(least, len(text))]
    return text[: _count(schema, "maxLength", _CHARS_MAX)] if "maxLength" in schema else text


def _count(schema: Schema, name: str, most: int) -> int:
    value = schema.get(name, 0)
    return min(max(value, 0), most) if isinstance(value, int) else 0


def _number(schema: Schema, *, whole: bool, most: bool) -> float | int:
    bounds = {name: bound for name in _BOUNDS if isinstance(bound := schema.get(name), int | float)}
    if most and isinstance(highest := bounds.get("maximum"), int | float) and "multipleOf" not in bounds:
        return math.floor(highest) if whole else highest
    step = bounds.get("multipleOf") or 1
    if "minimum" in bounds:
        least: float = bounds["minimum"]
    elif "exclusiveMinimum" in bounds:
        least = bounds["exclusiveMinimum"] + (step if whole else _above(bounds))
    else:
        least = min(0, bounds.get("maximum", 0), bounds.get("exclusiveMaximum", 1) - 1)
    least = math.ceil(least / step) * step if "multipleOf" in bounds else least
    return math.ceil(least) if whole else least


_BOUNDS: Final = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")


def _above(bounds: Mapping[str, float]) -> float:
    """A step above an excluded minimum that stays below the maximum, if there is one."""
    most = bounds.get("maximum", bounds.get("exclusiveMaximum", math.inf))
    return min(1.0, (most - bounds["exclusiveMinimum"]) / 2)
