"""Values out of somebody else's JSON: of the type that was hoped for, or nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

from roadworthy.ask.part import storable

COUNT_MAX = 10**9  # tokens in one request; a larger figure is an error, and would not fit the ledger's money
_NOTHING: Mapping[str, Any] = {}


def as_object(body: bytes) -> dict[str, Any] | None:
    """A body's object; None where it is none. Half a surrogate pair or a bad byte spoils a character, not the answer."""
    said: object
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            said = json.loads(body.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            return None
    if isinstance(said, dict):
        return said
    if isinstance(said, list) and len(said) == 1:  # Google wraps the errors of its streams in a list
        return said[0] if isinstance(said[0], dict) else None
    return None


def at(value: object, *names: str) -> Mapping[str, Any]:
    """The object at the end of a path of names; an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else _NOTHING


def object_in(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object by that name; an empty one where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else _NOTHING


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def first_object(value: object) -> Mapping[str, Any] | None:
    """The first object in a list; None where there is none."""
    if isinstance(value, list):
        for one in value:
            if isinstance(one, dict):
                return one
    return None


def as_text(value: object) -> str:
    """A text that every ledger can keep; empty where it is none."""
    return storable(value) if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """A number of tokens; gateways written in other languages send 12.0 for 12."""
    if type(value) is int:  # as nearly all are, and no truth value
        return value if 0 <= value <= COUNT_MAX else None
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= COUNT_MAX else None


def part_of(value: object, name: str, most: int = COUNT_MAX) -> int:
    """The tokens by that name in an object, part of a number that they cannot exceed; 0 where nothing is said of them."""
    count = value.get(name) if isinstance(value, dict) else None
    return min(most, as_count(count) or 0) if count else 0


def mean_probability(logprobs: object) -> float | None:
    """The geometric mean probability of tokens with a `logprob` each; None where one of them has none."""
    if not isinstance(logprobs, list) or not logprobs:
        return None
    values = [token.get("logprob") if isinstance(token, Mapping) else None for token in logprobs]
    numbers = [min(0.0, float(value)) for value in values if isinstance(value, int | float) and value < 0.001]
    return math.exp(sum(numbers) / len(numbers)) if len(numbers) == len(logprobs) else None
