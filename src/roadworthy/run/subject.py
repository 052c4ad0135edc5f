"""What a step is asked about, as one hash: rulings are found again by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import orjson
from pydantic import BaseModel

from roadworthy.accept.lazy import beside
from roadworthy.accept.long import json_stretches


def subject_of(step: str, value: object) -> bytes:
    """The identity of what a step is asked about, for rulings: SHA-256 of the step's name and its input."""
    digest = hashlib.sha256(step.encode() + b"\0")
    for stretch in _stretches(value):
        digest.update(stretch)
    return digest.digest()


def head_of(value: object, most: int) -> tuple[bytes, int]:
    """The first bytes of what a step is asked about, as JSON, and how many there are."""
    if isinstance(value, BaseModel) and beside(value) is None:
        text = value.__pydantic_serializer__.to_json(
            value
        )  # every record comes by here: a third of the other's cost
        return text[:most], len(text)
    head, length = b"", 0
    for stretch in _stretches(value):
        head += stretch[: most - len(head)]
        length += len(stretch)
    return head, length


def _stretches(value: object) -> Iterator[bytes]:
    """What a step is asked about as JSON; a text that is kept in pieces is never held whole."""
    held = beside(value)
    if held is None:
        yield _written(value)
        return
    light, field = held.light, held.field
    yield from json_stretches(lambda text: _written(light.model_copy(update={field: text})), held.text)


def _written(value: object) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else repr(value)
