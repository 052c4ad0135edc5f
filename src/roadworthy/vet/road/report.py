"""The report of a road test: go or no-go, stage by stage, as data that every writer reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from roadworthy._errors import WrongUse
from roadworthy.vet.road.finding import Clue, Finding, Grade, StageResult

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT: Final = 1
ANY: Final = "any"
UNTESTED: Final = "not-tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `roadworthy vet` says.

    Attributes:
        subject: the app or function as it was named.
        input: the input as it was named.
        seed: all chance came from it.
        minutes: the effort that was asked for.
        notes: what the test rested on and could not see: where answers came from, what is out of its sight.
        stages: in the order they were driven.
        fail_on: what makes it a no-go: `any` failure, `not-tested` too, or stages by name.
        command: the command line that does the whole test again.
        began: UTC, ISO 8601.
        seconds: how long it took.
        version: of Roadworthy.
        format: of this report.
    """

    subject: str
    input: str
    seed: int
    minutes: float
    notes: tuple[str, ...]
    stages: tuple[StageResult, ...]
    fail_on: tuple[str, ...] = (ANY,)
    command: str = ""
    began: str = ""
    seconds: float = 0.0
    version: str = ""
    format: int = FORMAT

    @property
    def findings(self) -> tuple[tuple[StageResult, Finding], ...]:
        """Every finding with its stage."""
        return tuple((stage, finding) for stage in self.stages for finding in stage.findings)

    def with_grade(self, grade: Grade) -> tuple[tuple[StageResult, Finding], ...]:
        """The findings of one grade."""
        return tuple((stage, finding) for stage, finding in self.findings if finding.grade is grade)

    @property
    def reasons(self) -> tuple[tuple[StageResult, Finding], ...]:
        """The findings that make it a no-go, by `fail_on`: each cause once."""
        return tuple((stage, finding) for stage, finding, clue in self._against() if clue is None)

    @property
    def explained(self) -> tuple[tuple[StageResult, Finding, Clue], ...]:
        """The failures that one of the reasons explains, each with what says so."""
        return tuple((stage, finding, clue) for stage, finding, clue in self._against() if clue is not None)

    def clue_of(self, finding: Finding) -> Clue | None:
        """What explains a failure; None where it stands for itself."""
        return next((clue for _, other, clue in self.explained if other is finding), None)

    def _against(self) -> Iterator[tuple[StageResult, Finding, Clue | None]]:
        """What `fail_on` names, in the order of the report. Only an earlier reason explains, so that none is lost in a circle."""
        named = set(self.fail_on) - {ANY, UNTESTED}
        bad = {Grade.FAIL, Grade.NOT_TESTED} if UNTESTED in self.fail_on else {Grade.FAIL}
        causes: set[str] = set()
        for stage, finding in self.findings:
            if finding.grade not in bad or (named and stage.name not in named):
                continue
            clue = next((clue for clue in finding.clues if clue.cause in causes), None)
            if clue is None and finding.grade is Grade.FAIL:
                causes.add(f"{stage.name}/{finding.name}")
            yield stage, finding, clue

    @property
    def is_go(self) -> bool:
        """Nothing stands against it, and something was tested."""
        return not self.reasons and bool(self.with_grade(Grade.PASS))

    def without_times(self) -> Report:
        """The same without what differs between two tests of one seed."""
        return replace(
            self,
            began="",
            seconds=0.0,
            stages=tuple(
                replace(
                    stage,
                    seconds=0.0,
                    findings=tuple(replace(finding, measured=()) for finding in stage.findings),
                    pictures=tuple(picture for picture in stage.pictures if not picture.measured),
                )
                for stage in self.stages
            ),
        )

    def as_json(self) -> dict[str, object]:
        """The whole report with its verdict; `read_report` reads it back."""
        said: dict[str, object] = _adapter().dump_python(self, mode="json")
        return {"verdict": "go" if self.is_go else "no-go", "counts": self.counts(), **said}

    def counts(self) -> dict[str, int]:
        """How many findings have each grade."""
        return {str(grade): len(self.with_grade(grade)) for grade in Grade}


def read_report(said: Mapping[str, object]) -> Report:
    """A report from its JSON.

    Raises:
        WrongUse: it is none, or of another format.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - heavy, and few commands read a report

    given = {name: value for name, value in said.items() if name not in {"verdict", "counts"}}
    if given.get("format") != FORMAT:
        raise WrongUse(f"The report has format {given.get('format')!r}, this version reads format {FORMAT}.")
    try:
        return _adapter().validate_python(given)
    except ValidationError as error:
        raise WrongUse(
            f"This is not a report of `roadworthy vet --json`: {error.error_count()} faults."
        ) from error


def check_fail_on(said: str, stages: Sequence[str]) -> tuple[str, ...]:
    """What `--fail-on` names: `any`, `not-tested`, or stages, joined by commas.

    Raises:
        WrongUse: it names something else.
    """
    names = tuple(name.strip() for name in said.split(",") if name.strip()) or (ANY,)
    for name in names:
        if name not in {ANY, UNTESTED, *stages}:
            raise WrongUse(f"--fail-on {name!r}: use {ANY}, {UNTESTED}, or stages: {', '.join(stages)}.")
    return names


@cache
def _adapter() -> TypeAdapter[Report]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - heavy

    return TypeAdapter(Report)
