"""An operator on a record: which of its texts are made messier, and what stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from roadworthy._quick import quick
from roadworthy.vet.road.mess.operator import TextOperator

if TYPE_CHECKING:
    from roadworthy.accept.record import Json

_WORDS_MIN: Final = 3


@quick(frozen=True, slots=True)
class Messed:
    """One record made messier.

    Attributes:
        body: the record as it is now.
        fields: the fields that differ; empty for a record that is one text.
    """

    body: Json
    fields: tuple[str, ...]


def messed(
    body: Json, operator: TextOperator, seed: int, key: str, *, spared: Sequence[str] = ("id",)
) -> Messed | None:
    """The record with its free texts made messier; None where the operator finds nothing to change.

    Args:
        body: the record.
        operator: what is done to each of its free texts.
        seed: all chance comes from it.
        key: the record's key, so that each record has chance of its own.
        spared: fields that stay as they are: what names the record is not its content.
    """
    if isinstance(body, str):
        text = operator.on(body, seed, key)
        return None if text == body else Messed(text, ())
    if not isinstance(body, dict):
        return None
    found: dict[str, str] = {}
    for name in free_texts(body, spared):
        before = str(body[name])
        after = operator.on(before, seed, f"{key}\0{name}")
        if after != before:
            found[name] = after
    return Messed({**body, **found}, tuple(found)) if found else None


def free_texts(body: Json, spared: Sequence[str] = ("id",)) -> tuple[str, ...]:
    """The fields that hold free text: of three words or more; where there is none, the field with the longest text.

    A code, a date or a channel's name is no free text: changed, it would be another one.
    """
    if not isinstance(body, dict):
        return ()
    texts = {name: text for name, text in body.items() if isinstance(text, str) and name not in spared}
    several = tuple(name for name, text in texts.items() if len(text.split()) >= _WORDS_MIN)
    if several:
        return several
    longest = max(texts, key=lambda name: len(texts[name]), default=None)
    return () if longest is None or not texts[longest].strip() else (longest,)


def main_text(body: Json, spared: Sequence[str] = ("id",)) -> tuple[str, str] | None:
    """The longest of the free texts and its field ("" for a record that is one text); None where there is none."""
    if isinstance(body, str):
        return "", body
    if not isinstance(body, dict):
        return None
    texts = {name: str(body[name]) for name in free_texts(body, spared)}
    longest = max(texts, key=lambda name: len(texts[name]), default=None)
    return None if longest is None else (longest, texts[longest])
