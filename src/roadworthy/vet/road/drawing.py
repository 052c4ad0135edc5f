"""Pictures with their coordinates, ready for a template that writes SVG."""

from __future__ import annotations

import math
from typing import Final

from roadworthy._quick import quick
from roadworthy.vet.road.picture import Bars, Chart, Dots, Figure, Picture, Table

WIDTH: Final = 900
_ROW: Final = 28
LABEL: Final = 330
_ROOM: Final = WIDTH - LABEL - 290
_HEIGHT: Final = 220
MARGIN: Final = 44
_EDGE: Final = 28
_HEAD: Final = 24


@quick(frozen=True, slots=True)
class DrawnBar:
    """One bar with its whisker, in pixels."""

    label: str
    text: str
    y: int
    width: float
    low: float | None
    high: float | None


@quick(frozen=True, slots=True)
class DrawnLine:
    """One line of a chart: the points of an SVG polyline."""

    label: str
    points: str
    y: float


@quick(frozen=True, slots=True)
class DrawnDot:
    """One dot with its whisker, in pixels."""

    text: str
    x: float
    low: float
    high: float


@quick(frozen=True, slots=True)
class DrawnRow:
    """One row of dots."""

    label: str
    y: int
    dots: tuple[DrawnDot, ...]


@quick(frozen=True, slots=True)
class Drawing:
    """A picture ready for the template."""

    kind: str
    picture: Picture
    height: int = 0
    bars: tuple[DrawnBar, ...] = ()
    lines: tuple[DrawnLine, ...] = ()
    rows: tuple[DrawnRow, ...] = ()
    least: float | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    across: tuple[tuple[float, str], ...] = ()


def draw(picture: Picture) -> Drawing:
    """The picture with its coordinates."""
    match picture:
        case Table():
            return Drawing("table", picture)
        case Bars():
            return _draw_bars(picture)
        case Chart():
            return _draw_chart(picture)
        case Dots():
            return _draw_dots(picture)
        case Figure():
            return Drawing("figure", picture)


def _draw_bars(picture: Bars) -> Drawing:
    most = picture.most or max((bar.high or bar.value for bar in picture.bars), default=0) or 1

    def scaled(value: float) -> float:
        return round(_ROOM * min(1.0, max(0.0, value / most)), 1)

    bars = tuple(
        DrawnBar(
            bar.label,
            bar.text or f"{bar.value:g} {picture.unit}",
            place * _ROW,
            max(1.0, scaled(bar.value)),
            None if bar.low is None else scaled(bar.low),
            None if bar.high is None else scaled(bar.high),
        )
        for place, bar in enumerate(picture.bars)
    )
    least = None if picture.least is None else scaled(picture.least)
    return Drawing("bars", picture, height=_ROW * len(bars) + 6, bars=bars, least=least)


def _draw_chart(picture: Chart) -> Drawing:
    points = [point for line in picture.lines for point in line.points]
    right = max((across for across, _ in points), default=0) or 1
    top = max((up for _, up in points), default=0) or 1
    wide, high = WIDTH - 2 * MARGIN, _HEIGHT - 2 * MARGIN

    def placed(point: tuple[float, float]) -> str:
        return f"{MARGIN + wide * point[0] / right:.1f},{_HEIGHT - MARGIN - high * point[1] / top:.1f}"

    lines = tuple(
        DrawnLine(line.label, " ".join(map(placed, line.points)), 14.0 + 16 * place)
        for place, line in enumerate(picture.lines)
    )
    ticks = tuple((_HEIGHT - MARGIN - high * share, f"{top * share:.3g}") for share in (0.0, 0.5, 1.0))
    across = tuple((MARGIN + wide * share, f"{right * share:.2g}") for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    return Drawing("chart", picture, height=_HEIGHT, lines=lines, ticks=ticks, across=across)


def _draw_dots(picture: Dots) -> Drawing:
    """On an axis where each step is ten times the last, from the power of ten below the least to that above the most."""
    ends = [end for row in picture.rows for dot in row.dots for end in (dot.low, dot.value, dot.high) if end]
    first = math.floor(math.log10(min(ends, default=0.1)))
    last = max(first + 1, math.ceil(math.log10(max(ends, default=1.0))))
    room = WIDTH - LABEL - 2 * _EDGE

    def placed(value: float | None) -> float:
        if not value or value <= 0:
            return float(LABEL)
        share = (math.log10(value) - first) / (last - first)
        return round(LABEL + _EDGE + room * min(1.0, max(0.0, share)), 1)

    rows = tuple(
        DrawnRow(
            row.label,
            _HEAD + number * _ROW,
            tuple(
                DrawnDot(
                    f"{name}: {dot.text} {picture.unit}",
                    placed(dot.value),
                    placed(dot.value if dot.low is None else dot.low),
                    placed(dot.value if dot.high is None else dot.high),
                )
                for name, dot in zip(picture.series, row.dots, strict=True)
                if dot.value
            ),
        )
        for number, row in enumerate(picture.rows)
    )
    step = max(1, math.ceil((last - first) / 6))
    ticks = tuple((placed(10.0**power), _power(power)) for power in range(first, last + 1, step))
    return Drawing("dots", picture, height=_HEAD + _ROW * len(rows) + 8, rows=rows, across=ticks)


def _power(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:.{-power}f}"
