"""A sample of an input that is too long to look at whole: its different units with the smallest hashes.

One pass and bounded memory. The hash of a unit's content is as good as chance, so those with the smallest are a uniform
sample of the different ones (the bottom-k sketch: Cohen and Kaplan, Summarizing Data using Bottom-k Sketches, PODC 2007),
the same at every look. A content that is in the sample at the end was in it from its first copy on, so its copies are
counted exactly, and the length of the input over their mean estimates how many different units there are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from hashlib import sha256

from roadworthy._quick import quick
from roadworthy.accept.cells import Cells
from roadworthy.accept.decode import Line
from roadworthy.accept.paper import Paper
from roadworthy.accept.record import Unusable
from roadworthy.accept.source import Source, Unit
from roadworthy.accept.table import Row


@quick(frozen=True, slots=True)
class Sketch:
    """What one pass over an input kept.

    Attributes:
        name: the input's, for messages.
        units: the sample in the order of the input; all of them, copies too, where `is_whole`.
        total: how many units the input has.
        unusable: of those, how many could not be read at all; they are not in the sample.
        copies: the mean number of times that a unit of the sample occurs in the input.
        is_whole: the input is short, and `units` are all of it.
    """

    name: str
    units: tuple[Unit, ...]
    total: int
    unusable: int
    copies: float
    is_whole: bool

    @property
    def source(self) -> Source:
        """The sample, to be read like any input; as often as one likes."""
        return Source(self.name, lambda: iter(self.units))

    @property
    def different(self) -> float:
        """How many different readable units the input has, as estimated."""
        return (self.total - self.unusable) / self.copies


def sketch(source: Source, *, units_max: int, bytes_max: int) -> Sketch:
    """Go through a source once and keep at most `units_max` units of at most `bytes_max` bytes together.

    An input no longer than that is kept whole, as it is.

    Raises:
        WrongUse: as reading the source does.
    """
    units = iter(source)
    first: list[Unit] = []
    held = 0
    for unit in units:
        first.append(unit)
        held += _size(unit)
        if len(first) > units_max or held > bytes_max:
            break
    else:
        return Sketch(source.name, tuple(first), len(first), 0, 1.0, is_whole=True)
    bottom = _Bottom(units_max, bytes_max)
    bottom.take(first)
    del first
    bottom.take(units)
    return bottom.end(source.name)


class _Bottom:
    """The units with the smallest hashes so far, and how often each came."""

    def __init__(self, units_max: int, bytes_max: int) -> None:
        self._units_max = units_max
        self._bytes_max = bytes_max
        self._heap: list[int] = []  # negated, so that the largest is on top
        self._units: dict[int, Unit] = {}
        self._copies: dict[int, int] = {}
        self._bytes = 0
        self._total = 0
        self._unusable = 0

    def take(self, units: Iterable[Unit]) -> None:
        """Go through some of the input."""
        for unit in units:
            self._total += 1
            if isinstance(unit, Unusable):
                self._unusable += 1
                continue
            mark = _mark(unit)
            if mark in self._copies:
                self._copies[mark] += 1
            elif len(self._heap) < self._units_max or mark < -self._heap[0]:
                self._keep(mark, unit)

    def _keep(self, mark: int, unit: Unit) -> None:
        heapq.heappush(self._heap, -mark)
        self._units[mark], self._copies[mark] = unit, 1
        self._bytes += _size(unit)
        while len(self._heap) > self._units_max or (self._bytes > self._bytes_max and len(self._heap) > 1):
            gone = -heapq.heappop(self._heap)
            self._bytes -= _size(self._units.pop(gone))
            del self._copies[gone]
            # What was let go must not come back: its copies would be counted from the middle.
            self._units_max = min(self._units_max, max(1, len(self._heap)))

    def end(self, name: str) -> Sketch:
        """The sample, in the order of the input."""
        units = tuple(sorted(self._units.values(), key=_number))
        copies = sum(self._copies.values()) / max(1, len(units))
        return Sketch(name, units, self._total, self._unusable, max(1.0, copies), is_whole=False)


def _mark(unit: Unit) -> int:
    """64 bits of the SHA-256 of what a unit says; a row of a database and a document are known by their place and name."""
    return int.from_bytes(sha256(_content(unit)).digest()[:8], "big")


def _content(unit: Unit) -> bytes:
    match unit:
        case Line() | Row():
            return unit.raw.rstrip(b"\r\n")
        case Cells():
            return unit.number.to_bytes(8, "big")
        case Paper():
            return unit.document.key.encode("utf-8", "surrogatepass")
        case Unusable():
            return unit.raw
        case _:
            return unit.name.encode("utf-8", "surrogatepass")


def _size(unit: Unit) -> int:
    match unit:
        case Line() | Row() | Unusable():
            return len(unit.raw)
        case Cells():
            return unit.size
        case Paper():
            return len(unit.document.text)
        case _:
            return len(unit.image.base64)


def _number(unit: Unit) -> int:
    return unit.line if isinstance(unit, Unusable) else unit.number
