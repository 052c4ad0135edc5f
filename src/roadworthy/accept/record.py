"""A record: one unit of input, cleaned and storable, with a stable key."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from roadworthy._quick import quick

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@quick(frozen=True, slots=True)
class Cleaning:
    """One repair made at the door, with what it changed."""

    kind: str
    where: str
    before: str
    after: str


class Pieces(Protocol):
    """A text that is kept in pieces, beside its record."""

    chars: int

    @property
    def count(self) -> int:
        """How many pieces it has."""
        ...

    def piece(self, number: int) -> str:
        """One of them, from 0."""
        ...


@quick(frozen=True, slots=True)
class Record:
    """One usable unit of input.

    Attributes:
        key: stable identity: `step(key=...)`, else the field `id`, else the content's hash.
        body: the cleaned record as JSON; text in it can be stored by every database.
        body_hash: SHA-256 of the canonical body (sorted keys, UTF-8), 32 bytes.
        line: 1-based position in the input.
        value: the body validated into the step's type.
        raw: the bytes as they came, kept only where cleaning changed something.
        cleanings: what was changed, in order.
        size: bytes or characters that it came in, so that batches of large ones stay small.
        long: its text where that is too long to be held; a mark stands in the body for it.
        place: what `line` counts: lines, items of an array, or rows of a table.
    """

    key: str
    body: Json
    body_hash: bytes
    line: int
    value: object
    raw: bytes | None = None
    cleanings: tuple[Cleaning, ...] = ()
    size: int = 0
    long: Pieces | None = None
    place: str = "line"


@quick(frozen=True, slots=True)
class Unusable:
    """A unit of input that was read and cannot be used; it ends as `rejected` with this reason.

    Attributes:
        key: the record's own key where one could be read, else `line-<n>`.
        line: 1-based position in the input.
        raw: the bytes as they came (at most the line limit).
        reason: what is wrong, with the place, the value and what to do.
    """

    key: str
    line: int
    raw: bytes
    reason: str
