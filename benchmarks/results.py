"""Result lines, asked for their figures: medians over rounds, and ratios within a round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Who = tuple[str, str]
"""A subject with its event loop."""
YARDSTICK: Who = ("aiohttp", "asyncio")
FLOOR: Who = ("raw", "asyncio")


@dataclass(frozen=True, slots=True)
class Results:
    """The lines of one or more result files."""

    rows: Sequence[Row]

    def where(self, **wanted: object) -> list[Row]:
        """The lines that hold these values and no error."""
        return [
            row
            for row in self.rows
            if "error" not in row and all(row.get(name) == value for name, value in wanted.items())
        ]

    def errors(self) -> list[Row]:
        """The lines of what broke."""
        return [row for row in self.rows if "error" in row]

    def cell(self, name: str, section: str = "calls") -> Cell:
        """The slices of one table."""
        return Cell(self.where(section=section, cell=name))


@dataclass(frozen=True, slots=True)
class Cell:
    """The slices of one table."""

    rows: Sequence[Row]

    def whos(self) -> list[Who]:
        """Everybody in it, in the order of their turns."""
        return list(dict.fromkeys((row["subject"], row["loop"]) for row in self.rows))

    def values(self, who: Who, name: str) -> list[float]:
        """One figure of every round."""
        return [
            row[name] for row in self.rows if (row["subject"], row["loop"]) == who and row[name] is not None
        ]

    def median(self, who: Who, name: str) -> float | None:
        """The median over the rounds; None where it was not measured."""
        values = self.values(who, name)
        return statistics.median(values) if values else None

    def ratio(self, who: Who, name: str = "cpu_us", to: Who = YARDSTICK) -> float | None:
        """The median over the rounds of the figure over the yardstick's of the same round."""
        theirs, ours = self._by_round(to, name), self._by_round(who, name)
        return (
            statistics.median(ours[n] / theirs[n] for n in ours)
            if ours and ours.keys() <= theirs.keys()
            else None
        )

    def over(self, who: Who, name: str, to: Who = FLOOR) -> float | None:
        """The median over the rounds of the figure less the floor's of the same round."""
        theirs, ours = self._by_round(to, name), self._by_round(who, name)
        return (
            statistics.median(ours[n] - theirs[n] for n in ours)
            if ours and ours.keys() <= theirs.keys()
            else None
        )

    def _by_round(self, who: Who, name: str) -> dict[int, float]:
        return {
            row["round"]: row[name]
            for row in self.rows
            if (row["subject"], row["loop"]) == who and row[name] is not None
        }
