"""A batch as the simulated provider holds it, whatever dialect it came in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import TypeVar
from urllib.parse import parse_qs

from roadworthy._quick import quick
from roadworthy.vet.door import Door
from roadworthy.vet.exchange import Response

T = TypeVar("T")


class Refused(Exception):
    """The provider does not take the batch."""


@quick(frozen=True, slots=True)
class AskedCall:
    """One call: what it is called, and the request's body."""

    custom_id: str
    body: bytes


@quick(frozen=True, slots=True)
class Asked:
    """What a creation asks for.

    Attributes:
        tag: what the client wants to find it by.
        model: where the address names it.
        door: where the batch names the endpoint.
    """

    calls: Sequence[AskedCall]
    tag: str = ""
    model: str = ""
    door: Door | None = None


@quick(frozen=True, slots=True)
class Came:
    """One call's result; None where the batch did not get to it."""

    custom_id: str
    response: Response | None


@quick(slots=True)
class Held:
    """One batch.

    Attributes:
        began: when it was created, in monotonic seconds.
        full: it was refused because too many tokens are queued.
    """

    dialect: str
    name: str
    number: int
    asked: Asked
    created: float
    began: float
    ended: bool = False
    expired: bool = False
    cancelled: bool = False
    full: bool = False
    results: list[Came] = field(default_factory=list)

    @property
    def calls(self) -> Sequence[AskedCall]:
        """What it holds."""
        return self.asked.calls

    @property
    def tag(self) -> str:
        """What the client wants to find it by."""
        return self.asked.tag

    @property
    def state(self) -> str:
        """Where it stands, in plain words."""
        if not self.ended:
            return "working"
        return (
            "failed"
            if self.full
            else "expired"
            if self.expired
            else "cancelled"
            if self.cancelled
            else "ended"
        )

    def file(self, kind: str) -> str:
        """The id of a file of its results."""
        return f"file-{kind}-{self.number:06d}"

    def counts(self) -> tuple[int, int, int]:
        """Of its calls, how many were answered, failed, and were not reached."""
        reached = [came.response for came in self.results if came.response is not None]
        good = sum(response.status == 200 for response in reached)
        return good, len(reached) - good, len(self.results) - len(reached)


def page_of(rows: Iterable[tuple[str, T]], query: bytes, after: str, size: str) -> tuple[list[T], bool]:
    """The rows behind a cursor, and whether more follow.

    Args:
        rows: with their ids.
        after: the parameter that holds the id of the last row seen.
        size: the parameter that holds how many are wanted.
    """
    said = parse_qs(query.decode("ascii", "replace"))
    last, most = said.get(after, [""])[0], int(said.get(size, ["20"])[0])
    left = list(rows)
    names = [name for name, _ in left]
    start = names.index(last) + 1 if last in names else 0
    return [row for _, row in left[start : start + most]], start + most < len(left)
