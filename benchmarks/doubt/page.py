"""The page that the figures are written to: one section a piece, each replaced when its piece is run again."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "doubt.md"
PICTURES = ROOT / "docs" / "doubt"
DATA = Path(os.environ.get("ROADWORTHY_SHARED_DATA", ROOT.parent / "shared" / "data"))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; floats with three digits."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def versions(*names: str) -> str:
    """What the figures were made with."""
    found = [f"Python {platform.python_version()}", *(f"{name} {metadata.version(name)}" for name in names)]
    return ", ".join(found)


def write(piece: str, text: str, seconds: tuple[float, float], *packages: str) -> None:
    """Put the section of `piece` in its place, stamped with versions, seconds on the clock and seconds of CPU."""
    stamp = f"`python -m benchmarks.doubt {piece}`, {seconds[0]:.0f} s ({seconds[1]:.0f} s of CPU) on {platform.machine()}, {versions('roadworthy', *packages)}."
    section = f"<!-- begin {piece} -->\n{text.strip()}\n\n*{stamp}*\n<!-- end {piece} -->"
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(f"<!-- begin {piece} -->.*?<!-- end {piece} -->", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE} has no section {piece!r}. Add its two markers.")
    PAGE.write_text(pattern.sub(lambda _: section, page), encoding="utf-8")
    print(section)


def curve(
    name: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    across: str,
    up: str,
    top: float | None = None,
) -> str:
    """Write a picture with one line a name, and return the Markdown that shows it."""
    colours = ("#1b6ca8", "#c8553d", "#588157", "#7b5ea7", "#8d6b1f")
    right = max(x for points in lines.values() for x, _ in points)
    highest = top or 1.05 * max(y for points in lines.values() for _, y in points)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 360" font-family="sans-serif" font-size="12">',
        '<rect width="720" height="360" fill="white"/>',
        '<path d="M60 20V310H560" fill="none" stroke="#555"/>',
        f'<text x="310" y="345" text-anchor="middle">{across}</text>',
        f'<text x="18" y="165" text-anchor="middle" transform="rotate(-90 18 165)">{up}</text>',
    ]
    for part in range(5):
        x, y = 60 + 125 * part, 310 - 72.5 * part
        parts.append(f'<text x="{x}" y="326" text-anchor="middle">{right * part / 4:.0f}</text>')
        parts.append(f'<text x="54" y="{y + 4:.0f}" text-anchor="end">{highest * part / 4:.3g}</text>')
    for number, (label, points) in enumerate(lines.items()):
        colour = colours[number % len(colours)]
        path = " ".join(
            f"{60 + 500 * x / right:.1f},{310 - 290 * min(y, highest) / highest:.1f}" for x, y in points
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="570" y="{40 + 18 * number}" fill="{colour}">{label}</text>')
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
    return f"![{up} over {across}: {', '.join(lines)}](doubt/{name}.svg)"
