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
        least: what is promised, drawn as a line; None for no line.
    """

    title: str
    unit: str
    bars: tuple[Bar, ...]
    most: float | None = None
    least: float | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DotRow:
    """One row of dots, one for each of the series."""

    label: str
    dots: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """Values of several sizes with their intervals, on an axis where each step is ten times the last.

    Attributes:
        unit: of every value.
        series: what the dots of a row are, from left to right.
    """

    title: str
    unit: str
    series: tuple[str, ...]
    rows: tuple[DotRow, ...]
    note: str = ""
    measured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number that says most of what a stage found; it stands at the top of a page.

    Attributes:
        title: what it is.
        value: the number, with its unit.
        note: its interval, or what it rests on.
    """

    title: str
    value: str
    note: str = ""
    measured: bool = False


Picture: TypeAlias = Table | Bars | Chart | Dots | Figure
