"""Pictures of a few numbers, as SVG text that is readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _LEFT, _ROW = 760, 220, 26
_INK, _OURS, _THEIRS = "#6b7280", "#0f766e", "#94a3b8"
_LINES = ("#0f766e", "#b45309", "#6d28d9", "#be123c")


def bars(title: str, unit: str, values: Mapping[str, float], ours: Sequence[str]) -> str:
    """Horizontal bars on a logarithmic scale, in the order given; `ours` stand out."""
    low = 10 ** math.floor(math.log10(min(values.values())))
    span = math.log10(max(values.values()) / low)
    parts = [_text(0, 18, title, bold=True), _text(0, 36, f"{unit}, logarithmic scale")]
    for number, (name, value) in enumerate(values.items()):
        top = 50 + number * _ROW
        width = max(2.0, (_WIDTH - _LEFT - 80) * math.log10(value / low) / span)
        colour = _OURS if name in ours else _THEIRS
        parts.append(_text(_LEFT - 8, top + 15, name, anchor="end"))
        parts.append(f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_ROW - 8}" fill="{colour}"/>')
        parts.append(_text(_LEFT + width + 6, top + 15, f"{value:,.0f}"))
    return _svg(50 + len(values) * _ROW, parts)


def lines(title: str, unit: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines over a logarithmic horizontal and a linear vertical axis that begins at zero."""
    points = [point for line in series.values() for point in line]
    left, right = (math.log10(pick(x for x, _ in points)) for pick in (min, max))
    most = max(y for _, y in points) * 1.1
    height, bottom = 260, 300

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - left) / (right - left or 1.0)
        return 60 + across * (_WIDTH - 240), bottom - y / most * (height - 20)

    parts = [_text(0, 18, title, bold=True), _text(0, 36, unit)]
    marks = sorted({x for x, _ in points})
    parts += [_text(at(x, 0)[0], bottom + 18, f"{x:,.0f}", anchor="middle") for x in marks]
    for share in (0.0, 0.5, 1.0):
        y = most * share
        parts.append(
            f'<path d="M60 {at(10**left, y)[1]:.1f}H{_WIDTH - 180}" stroke="{_INK}" stroke-opacity=".3"/>'
        )
        parts.append(_text(54, at(10**left, y)[1] + 4, f"{y:,.0f}", anchor="end"))
    for (name, line), colour in zip(series.items(), _LINES, strict=False):
        drawn = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in line)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        end = at(*line[-1])
        parts.append(_text(end[0] + 8, end[1] + 4, name, colour=colour))
    return _svg(bottom + 30, parts)


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False, colour: str = _INK
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
    )


def _svg(height: int, parts: Sequence[str]) -> str:
    inner = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13">\n{inner}\n</svg>\n'
    )
