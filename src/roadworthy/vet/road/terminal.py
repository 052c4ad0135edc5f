"""The report for a terminal: the verdict, what stands against it, and a line of evidence per promise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from roadworthy.observe.visible import in_line, shortened
from roadworthy.vet.road.finding import Finding, Grade
from roadworthy.vet.road.picture import Bars, Chart, Dots, Figure, Picture, Table
from roadworthy.vet.road.report import Report

MARKS: Final = {Grade.PASS: "pass", Grade.FAIL: "FAIL", Grade.NOT_TESTED: "----"}
_CELL_CHARS_MAX: Final = 40
_LINE_CHARS_MAX: Final = 220
_BAR_CHARS: Final = 30


def as_text(report: Report, *, whole: bool = False) -> str:
    """The report as plain text.

    Args:
        whole: every line of evidence of what passed, too.
    """
    return "\n".join(_lines(report, whole=whole))


def verdict_line(report: Report) -> str:
    """The verdict with its counts, in one line."""
    counts = report.counts()
    said = f"{counts['pass']} passed, {counts['fail']} failed, {counts['not tested']} not tested"
    return (
        f"{'GO' if report.is_go else 'NO-GO'}: {in_line(report.subject)} on {in_line(report.input)}: {said}"
    )


def _lines(report: Report, *, whole: bool) -> Iterator[str]:
    yield verdict_line(report)
    for stage, finding in report.reasons:
        yield f"  no-go, {stage.name}: {_short(finding.happened)}"
        if finding.advice:
            yield f"      {_short(finding.advice)}"
    for stage, finding, clue in report.explained:
        yield f"  explained by {clue.cause}, {stage.name}/{finding.name}: {_short(clue.because)}"
    for note in report.notes:
        yield f"  note: {_short(note)}"
    for stage in report.stages:
        yield ""
        yield f"{stage.title}: {stage.question}"
        for finding in stage.findings:
            yield from _finding(finding, whole=whole)
        for picture in stage.pictures:
            yield from _picture(picture)
    yield ""
    yield verdict_line(report)


def _finding(finding: Finding, *, whole: bool) -> Iterator[str]:
    times = f" ({finding.times} times)" if finding.times > 1 else ""
    yield f"  {MARKS[finding.grade]}  {_short(finding.promise)}"
    yield f"        tried: {_short(finding.tried)}{times}"
    yield f"        {_short(finding.happened)}"
    lines = (*finding.evidence, *finding.measured)
    shown = lines if whole or finding.grade is Grade.FAIL else lines[:1]
    for line in shown:
        yield f"          {_short(line)}"
    if finding.grade is Grade.FAIL and finding.reproduce:
        yield f"        again: {_short(finding.reproduce)}"


def _picture(picture: Picture) -> Iterator[str]:
    if isinstance(picture, Figure):
        note = f" ({_short(picture.note)})" if picture.note else ""
        yield f"  {_short(picture.title)}: {_short(picture.value)}{note}"
        return
    yield f"  {in_line(picture.title)}"
    match picture:
        case Table():
            yield from _columns((picture.head, *picture.rows))
        case Dots():
            rows = ((row.label, *(dot.text for dot in row.dots)) for row in picture.rows)
            yield from _columns((("", *picture.series), *rows))
        case Bars():
            most = picture.most or max((bar.value for bar in picture.bars), default=0) or 1
            for bar in picture.bars:
                length = round(_BAR_CHARS * min(1.0, max(0.0, bar.value / most)))
                text = bar.text or f"{bar.value:g} {picture.unit}"
                yield f"    {_cell(bar.label):24} {'#' * length:{_BAR_CHARS}} {in_line(text)}"
        case Chart():
            for line in picture.lines:
                across = max((across for across, _ in line.points), default=0)
                highest = max((up for _, up in line.points), default=0)
                yield f"    {_cell(line.label)}: {highest:g} {in_line(picture.up)} at {across:.3g} {in_line(picture.across)}"
    if picture.note:
        yield f"    {_short(picture.note)}"


def _columns(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    cells = [[_cell(cell) for cell in row] for row in rows]
    wide = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    for row in cells:
        said = "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True))
        yield f"    {said}".rstrip()


def _cell(text: str) -> str:
    return shortened(in_line(text), _CELL_CHARS_MAX)


def _short(text: str) -> str:
    return shortened(in_line(text), _LINE_CHARS_MAX)
