"""Who a record is: its key and the hash of its content."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable
from typing import Final, Literal, Protocol, TypeAlias

import orjson

from roadworthy.accept.reason import SLIPS, WrongRecord, escaped, shown
from roadworthy.accept.record import Json

KEY_CHARS_MAX: Final = 256
KEY_FIELD: Final = "id"
_OWN_FIELD: Final = f"the field `{KEY_FIELD}`"

Key: TypeAlias = "str | Callable[..., object] | None"
"""What `step(key=...)` takes: a field's name, a function of the validated value, or None for the field `id`."""


class SeenKeys(Protocol):
    """What the ledger knows of the keys of one input."""

    def seen(self, key: str, body_hash: bytes) -> Literal["new", "duplicate", "conflict"]:
        """Whether the key is new, came with the same body (`duplicate`), or with another one (`conflict`)."""


def canonical(body: Json) -> bytes:
    """The body as JSON bytes that depend on its content alone: sorted names, UTF-8, no spaces."""
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, or nesting beyond 254 levels
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()


def body_hash(body: Json, written: bytes | None = None) -> bytes:
    """SHA-256 of the canonical body, 32 bytes. The order of names does not matter, integers of any size do.

    Args:
        body: the cleaned record.
        written: `canonical(body)` where it is known already.
    """
    return hashlib.sha256(written or canonical(body)).digest()


def record_key(body: Json, value: object, key: Key, content: bytes | None = None) -> str:
    """The record's key: from `key`, else the field `id` (text or integer), else 16 hex digits of the content's hash.

    Args:
        body: the cleaned record.
        value: the same, validated into the step's type.
        key: what the step declares.
        content: `body_hash(body)` where it is known already.

    Raises:
        WrongRecord: the named field or the function gives no usable key, or the key has more than 256 characters
            or control characters, or is one or two dots.
    """
    if key is None:
        text = _key_text(_field(body, KEY_FIELD))
        return _within(text, _OWN_FIELD) if text else (content or body_hash(body)).hex()[:16]
    if callable(key):
        return checked_key(_called(key, value), "the step's key function")
    return checked_key(_field(body, key), f"the key field `{key}`")


def own_key(body: Json, key: Key) -> str | None:
    """The key that can be read without validating; None where there is none that can be used."""
    found = _field(body, key if isinstance(key, str) else KEY_FIELD)
    try:
        return None if callable(key) else checked_key(found, "")
    except WrongRecord:
        return None


def checked_key(found: object, where: str) -> str:
    """A key as text.

    Raises:
        WrongRecord: it is not text or an integer, or is empty, too long, one or two dots, or holds control characters.
    """
    text = _key_text(found)
    if not text:
        raise WrongRecord(
            f"{where} gives {shown(found)}, and a key is text or an integer, not empty",
            "Give each record a key of its own.",
        )
    return _within(text, where)


def _within(text: str, where: str) -> str:
    if len(text) > KEY_CHARS_MAX:
        raise WrongRecord(
            f"{where} gives a key of {len(text)} characters, it begins {shown(text[:40])}",
            f"Give a key of at most {KEY_CHARS_MAX} characters.",
        )
    if text in {".", ".."}:  # a browser goes up for `%2E%2E`, too
        raise WrongRecord(
            f"{where} gives {shown(text)}, which in an address is a way and no name",
            "Give a key that is more than a dot or two.",
        )
    if not text.isprintable() and any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text):
        raise WrongRecord(
            f"{where} gives {shown(text)}, which holds control characters", "Give a key that can be printed."
        )
    return text


def _key_text(found: object) -> str:
    """What was found as a key; "" where it cannot be one."""
    if isinstance(found, str):
        return str(found) if found.strip() else ""
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else ""


def _field(body: Json, name: str) -> object:
    return body.get(name) if isinstance(body, dict) else None


def _called(key: Callable[..., object], value: object) -> object:
    try:
        return key(value)
    except SLIPS as error:
        raise WrongRecord(
            f"the step's key function raised {type(error).__name__}: {escaped(str(error))} for {shown(value)}",
            "Let it return text for every valid record.",
        ) from error
