"""The report as one self-contained HTML page: no script, no outside address, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from roadworthy.observe.visible import visible
from roadworthy.vet.road.finding import Grade, StageResult
from roadworthy.vet.road.picture import Bars, Chart, Picture, Table
from roadworthy.vet.road.report import Report

if TYPE_CHECKING:
    from jinja2 import Template

WIDTH: Final = 640
_ROW: Final = 28
_LABEL: Final = 190
_ROOM: Final = WIDTH - _LABEL - 130
_HEIGHT: Final = 220
_MARGIN: Final = 44
CLASSES: Final = {Grade.PASS: "pass", Grade.FAIL: "fail", Grade.NOT_TESTED: "untested"}
WORDS: Final = {Grade.PASS: "pass", Grade.FAIL: "fail", Grade.NOT_TESTED: "not tested"}


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """One bar with its whisker, in pixels."""

    label: str
    text: str
    y: int
    width: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """One line of a chart: the points of an SVG polyline."""

    label: str
    points: str
    y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture ready for the template."""

    kind: str
    picture: Picture
    height: int = 0
    bars: tuple[DrawnBar, ...] = ()
    lines: tuple[DrawnLine, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    ends: tuple[str, str] = ("", "")


def as_page(report: Report, changes: Sequence[str] = ()) -> str:
    """The whole page.

    Args:
        changes: what differs from an older report, a line each.
    """
    return _template().render(
        report=report,
        counts=report.counts(),
        changes=changes,
        stages=[(stage, [draw(picture) for picture in stage.pictures]) for stage in report.stages],
        segments=_segments(report),
        classes=CLASSES,
        words=WORDS,
        stage_words=_stage_words,
        width=WIDTH,
        label=_LABEL,
        margin=_MARGIN,
    )


def draw(picture: Picture) -> Drawing:
    """The picture with its coordinates."""
    match picture:
        case Table():
            return Drawing("table", picture)
        case Bars():
            return _draw_bars(picture)
        case Chart():
            return _draw_chart(picture)


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
    return Drawing("bars", picture, height=_ROW * len(bars) + 6, bars=bars)


def _draw_chart(picture: Chart) -> Drawing:
    points = [point for line in picture.lines for point in line.points]
    right = max((across for across, _ in points), default=0) or 1
    top = max((up for _, up in points), default=0) or 1
    wide, high = WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN

    def placed(point: tuple[float, float]) -> str:
        return f"{_MARGIN + wide * point[0] / right:.1f},{_HEIGHT - _MARGIN - high * point[1] / top:.1f}"

    lines = tuple(
        DrawnLine(line.label, " ".join(map(placed, line.points)), 14.0 + 16 * place)
        for place, line in enumerate(picture.lines)
    )
    ticks = tuple((_HEIGHT - _MARGIN - high * share, f"{top * share:g}") for share in (0.0, 0.5, 1.0))
    return Drawing("chart", picture, height=_HEIGHT, lines=lines, ticks=ticks, ends=("0", f"{right:.3g}"))


def _segments(report: Report) -> list[tuple[str, float, float, int]]:
    """The bar at the top: (class, x, width, count) of each grade."""
    counts = [
        (CLASSES[grade], len(report.with_grade(grade)))
        for grade in (Grade.PASS, Grade.FAIL, Grade.NOT_TESTED)
    ]
    total = sum(count for _, count in counts) or 1
    segments, at = [], 0.0
    for name, count in counts:
        if count:
            segments.append((name, round(at, 2), round(100 * count / total, 2), count))
        at += 100 * count / total
    return segments


def _stage_words(stage: StageResult) -> str:
    """A stage in one line for somebody who reads no further."""
    counts = {grade: sum(finding.grade is grade for finding in stage.findings) for grade in Grade}
    parts = [f"{counts[grade]} {WORDS[grade]}" for grade in Grade if counts[grade]]
    return ", ".join(parts) or "nothing to test"


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - only this writer needs it

    source = files("roadworthy.vet.road").joinpath("page.html.j2").read_text(encoding="utf-8")
    home = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    home.finalize = lambda value: visible(value) if type(value) is str else value
    return home.from_string(source)
