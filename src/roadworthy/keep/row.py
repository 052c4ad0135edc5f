"""Rows made into what they hold; the kinds of their cells are looked at once for all rows that are alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import UnionType
from typing import Final, Generic, TypeVar

from roadworthy.keep.transaction import Value, damaged

R = TypeVar("R")
NAMES: Final = {int: "a whole number", bool: "a whole number", float: "a number", str: "text", bytes: "bytes"}


class RowOf(Generic[R]):
    """What a row of a query is, by the kinds of its cells.

    Hardly any two rows of a query differ in the kinds of their cells, only in which of them hold nothing. So a
    combination of kinds is held against the schema the first time that it comes, and no cell by itself after that.

    Args:
        make: takes the cells, in their order.
        kinds: what each cell is by the schema; `bool` for a number that says yes or no.
    """

    def __init__(self, make: Callable[..., R], *kinds: type | UnionType) -> None:
        self._make = make
        self._kinds = kinds
        self._flags = [place for place, kind in enumerate(kinds) if kind is bool]
        self._good: set[tuple[type, ...]] = set()

    def read(self, row: Sequence[Value]) -> R:
        """What a row holds.

        Raises:
            LedgerUnavailable: it holds what no Roadworthy writes.
        """
        found = tuple(map(type, row))
        if found not in self._good:
            self._look_at(row)
            self._good.add(found)
        if self._flags:
            row = list(row)
            for place in self._flags:
                row[place] = bool(row[place])
        return self._make(*row)

    def _look_at(self, row: Sequence[Value]) -> None:
        for cell, kind in zip(row, self._kinds, strict=True):
            if not isinstance(cell, int if kind is bool else kind):
                wanted = kind if isinstance(kind, type) else kind.__args__[0]
                raise damaged(NAMES[wanted], cell)
