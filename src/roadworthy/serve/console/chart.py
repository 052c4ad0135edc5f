"""Charts as plain numbers that a template draws as SVG: no script, so they stand in a file and on paper too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from roadworthy._quick import quick

WIDTH: Final = 640.0
HEIGHT: Final = 236.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 22.0, 12.0, 42.0
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_TICKS: Final = 4


@quick(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    words: str


@quick(frozen=True, slots=True)
class Dot:
    """A point, with what is said when somebody rests on it."""

    x: float
    y: float
    words: str


@quick(frozen=True, slots=True)
class Bar:
    """A column, or with `low` and `high` a point with its interval."""

    x: float
    y: float
    width: float
    height: float
    words: str


@quick(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart.

    Attributes:
        told: what it shows, in a sentence, for who does not see it.
        path: the line's corners, as SVG points.
        area: the same closed to the ground; "" for none.
        rule: the height of a line that should not be crossed; None for none.
        spans: intervals, as columns.
    """

    told: str
    x_name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    path: str = ""
    area: str = ""
    dots: tuple[Dot, ...] = ()
    bars: tuple[Bar, ...] = ()
    spans: tuple[Bar, ...] = ()
    rule: float | None = None
    rule_words: str = ""
    diagonal: bool = False

    width = WIDTH
    height = HEIGHT
    left = _LEFT
    right = WIDTH - _RIGHT
    top = _TOP
    ground = HEIGHT - _BOTTOM


def line(
    points: Sequence[tuple[float, float, str]],
    *,
    told: str,
    x_name: str,
    words: Callable[[float], str],
    rule: tuple[float, str] | None = None,
    steps: bool = False,
    most: float | None = None,
) -> Chart:
    """A line over whole numbers.

    Args:
        points: (x, y, what is said of it).
        words: a height in words.
        rule: a height that should not be crossed, and its name.
        steps: whether a value holds until the next one.
        most: the top of the axis; None for what fits.
    """
    top = most or _round_up(max([y for _, y, _ in points] + ([rule[0]] if rule else []), default=1.0))
    last = max((x for x, _, _ in points), default=1.0) or 1.0
    dots = [Dot(_across(x / last), _up(min(y, top) / top), said) for x, y, said in points]
    corners: list[str] = []
    for number, dot in enumerate(dots):
        if steps and number:
            corners.append(f"{dot.x:.1f},{dots[number - 1].y:.1f}")
        corners.append(f"{dot.x:.1f},{dot.y:.1f}")
    ground = HEIGHT - _BOTTOM
    area = ""
    if len(dots) > 1:
        area = f"{dots[0].x:.1f},{ground} {' '.join(corners)} {dots[-1].x:.1f},{ground}"
    return Chart(
        told=told,
        x_name=x_name,
        x_ticks=tuple(Tick(_across(x / last), f"{x:,.0f}") for x in _whole_ticks(last)),
        y_ticks=_heights(top, words),
        path=" ".join(corners),
        area=area,
        dots=tuple(dots) if len(dots) <= 40 else (dots[-1],),
        rule=None if rule is None else _up(min(rule[0], top) / top),
        rule_words="" if rule is None else rule[1],
    )


def columns(
    values: Sequence[tuple[str, float, str]], *, told: str, x_name: str, words: Callable[[float], str]
) -> Chart:
    """A column for each value.

    Args:
        values: (name under the axis, height, what is said of it).
    """
    top = _round_up(max((height for _, height, _ in values), default=1.0))
    room = (WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    wide = min(room * 0.72, 48.0)
    bars, ticks = [], []
    each = max(1, math.ceil(len(values) / 8))
    for number, (name, height, said) in enumerate(values):
        middle = _LEFT + room * (number + 0.5)
        tall = max(1.0, (HEIGHT - _TOP - _BOTTOM) * height / top) if height else 0.0
        bars.append(Bar(middle - wide / 2, HEIGHT - _BOTTOM - tall, wide, tall, said))
        if number % each == 0:
            ticks.append(Tick(middle, name))
    return Chart(
        told=told, x_name=x_name, x_ticks=tuple(ticks), y_ticks=_heights(top, words), bars=tuple(bars)
    )


def reliability(bins: Sequence[tuple[float, float, float, float, str]], *, told: str) -> Chart:
    """How often answers are right against how sure the step was; on the diagonal both are the same.

    Args:
        bins: (how sure, share right, lower and upper end of its interval, what is said of it).
    """
    words = _percent
    return Chart(
        told=told,
        x_name="how sure the step was",
        x_ticks=tuple(Tick(_across(n / 5), words(n / 5)) for n in range(6)),
        y_ticks=tuple(Tick(_up(n / 4), words(n / 4)) for n in range(5)),
        dots=tuple(Dot(_across(sure), _up(share), said) for sure, share, _, _, said in bins),
        spans=tuple(
            Bar(_across(sure), _up(high), 0.0, _up(low) - _up(high), said)
            for sure, _, low, high, said in bins
        ),
        diagonal=True,
    )


def _across(share: float) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * share, 1)


def _up(share: float) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share, 1)


def _heights(top: float, words: Callable[[float], str]) -> tuple[Tick, ...]:
    return tuple(Tick(_up(n / _TICKS), words(top * n / _TICKS)) for n in range(_TICKS + 1))


def _round_up(value: float) -> float:
    """The next number that a person would put at the end of an axis."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))


def _whole_ticks(last: float) -> list[float]:
    step = max(1.0, _round_up(last / 5))
    return [step * n for n in range(int(last / step) + 1)]


def _percent(share: float) -> str:
    return f"{share:.0%}"
