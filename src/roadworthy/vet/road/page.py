"""The report as one self-contained HTML page: no script, no outside address, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from roadworthy.observe.visible import visible
from roadworthy.vet.road.drawing import LABEL, MARGIN, WIDTH, draw
from roadworthy.vet.road.finding import Grade, StageResult
from roadworthy.vet.road.picture import Figure
from roadworthy.vet.road.report import Report

if TYPE_CHECKING:
    from jinja2 import Template

CLASSES: Final = {Grade.PASS: "pass", Grade.FAIL: "fail", Grade.NOT_TESTED: "untested"}
WORDS: Final = {Grade.PASS: "pass", Grade.FAIL: "fail", Grade.NOT_TESTED: "not tested"}


def as_page(report: Report, changes: Sequence[str] = ()) -> str:
    """The whole page.

    Args:
        changes: what differs from an older report, a line each.
    """
    return _template().render(
        report=report,
        counts=report.counts(),
        changes=changes,
        stages=[
            (stage, [draw(picture) for picture in stage.pictures if not isinstance(picture, Figure)])
            for stage in report.stages
        ],
        figures=[
            (stage, picture)
            for stage in report.stages
            for picture in stage.pictures
            if isinstance(picture, Figure)
        ],
        explained=_explained(report),
        clues={id(finding): clue for _, finding, clue in report.explained},
        identity=id,
        segments=_segments(report),
        classes=CLASSES,
        words=WORDS,
        stage_words=_stage_words,
        width=WIDTH,
        label=LABEL,
        margin=MARGIN,
    )


def _explained(report: Report) -> dict[str, list[str]]:
    """For each cause, where else it shows."""
    found: dict[str, list[str]] = {}
    for stage, finding, clue in report.explained:
        found.setdefault(clue.cause, []).append(f"{stage.title}: {finding.happened}")
    return found


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
