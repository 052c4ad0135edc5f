"""What a step is asked about, as one hash: rulings are found again by it."""

from __future__ import annotations

import hashlib

import orjson


def subject_of(step: str, value: object) -> bytes:
    """The identity of what a step is asked about, for rulings: SHA-256 of the step's name and its input."""
    return hashlib.sha256(step.encode() + b"\0" + text_of(value)).digest()


def text_of(value: object) -> bytes:
    """What a step is asked about, as JSON."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else repr(value)
