"""Two reports of one subject side by side: what got worse, what got better, what is new."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadworthy._quick import quick
from roadworthy.vet.road.finding import Grade
from roadworthy.vet.road.report import Report

_RANK: Final = {Grade.FAIL: 0, Grade.NOT_TESTED: 1, Grade.PASS: 2}


@quick(frozen=True, slots=True, kw_only=True)
class Change:
    """One promise whose grade differs; None where a report does not have it."""

    stage: str
    name: str
    before: Grade | None
    after: Grade | None

    @property
    def is_worse(self) -> bool:
        """It fares worse than before: what passed is no longer tested, or fails."""
        return self.before is not None and (self.after is None or _RANK[self.after] < _RANK[self.before])

    def text(self) -> str:
        """One line."""
        word = "worse" if self.is_worse else "new" if self.before is None else "better"
        return f"{word}: {self.stage}/{self.name}: {self.before or 'absent'} -> {self.after or 'absent'}"


def compare(before: Report, after: Report) -> tuple[Change, ...]:
    """What differs, worse first."""
    changes = sorted(
        _changes(before, after), key=lambda change: (not change.is_worse, change.stage, change.name)
    )
    return tuple(changes)


def _changes(before: Report, after: Report) -> Iterator[Change]:
    olds, news = _grades(before), _grades(after)
    for stage, name in sorted(olds.keys() | news.keys()):
        old, new = olds.get((stage, name)), news.get((stage, name))
        if old is not new:
            yield Change(stage=stage, name=name, before=old, after=new)


def _grades(report: Report) -> dict[tuple[str, str], Grade]:
    """The worst grade under each name."""
    found: dict[tuple[str, str], Grade] = {}
    for stage, finding in report.findings:
        at = (stage.name, finding.name)
        if at not in found or _RANK[finding.grade] < _RANK[found[at]]:
            found[at] = finding.grade
    return found
