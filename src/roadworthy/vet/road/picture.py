"""Pictures that a report carries as data: every writer draws them its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under a head.

    Attributes:
        measured: it holds times, or depends on which of several concurrent requests came first.
        note: what a reader must know to read it right.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    measured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One value with its interval, where it has one."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Values side by side.

    Attributes:
        unit: of every value, such as `USD`.
        most: the end of the scale; None for the largest value.
    """

    title: str
    unit: str
    bars: tuple[Bar, ...]
    most: float | None = None
    note: str = ""
    measured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart: (x, y) from left to right."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over a common axis, such as a backlog over time."""

    title: str
    across: str
    up: str
    lines: tuple[Line, ...]
    note: str = ""
    measured: bool = True


Picture: TypeAlias = Table | Bars | Chart
