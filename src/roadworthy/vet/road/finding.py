"""What a road test found: one promise, what was tried against it, and what happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from roadworthy.vet.road.picture import Picture


class Grade(StrEnum):
    """How a promise fared. What could not be tested is never a pass."""

    PASS = "pass"  # noqa: S105 - a grade
    FAIL = "fail"
    NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """What would explain a failure, and the observation that says so. It is no guess: a stage states it for what it measured.

    Attributes:
        cause: the finding that explains it, as `stage/name`; it belongs to an earlier place of the report.
        because: what was observed, as a sentence.
    """

    cause: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One promise and what became of it. Two tests with the same seed agree on all but `measured`.

    Attributes:
        name: names it within its stage for tests, CI and `--compare`; lower-case words joined by `-`.
        promise: what was promised, as a sentence.
        tried: what was tried.
        times: how often it was tried; 0 only where it was not tested.
        happened: what happened, as a sentence; of what was not tested, the reason.
        grade: pass, fail or not tested.
        evidence: lines an engineer can check.
        measured: lines that hold times, or depend on which of several concurrent requests came first.
        reproduce: the command that does it again.
        advice: what to do about a failure; "" for a pass.
        clues: what would explain it, where it failed. Where the cause itself failed in the same test, this is the
            same cause seen from another side, and no second reason against the app.
    """

    name: str
    promise: str
    tried: str
    times: int
    happened: str
    grade: Grade
    evidence: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    reproduce: str = ""
    advice: str = ""
    clues: tuple[Clue, ...] = ()

    def __post_init__(self) -> None:
        if self.grade is Grade.PASS and self.times < 1:
            raise ValueError(f"{self.name}: what was never tried cannot pass.")


def worst(findings: Iterable[Finding]) -> Grade:
    """`fail` if anything failed, else `pass` if anything passed, else `not tested`."""
    grades = {finding.grade for finding in findings}
    return next((grade for grade in (Grade.FAIL, Grade.PASS) if grade in grades), Grade.NOT_TESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What one stage found.

    Attributes:
        name: the stage's.
        title: what a person reads.
        question: the question that the stage answers.
        findings: in the order they were made.
        pictures: tables and charts that belong to it.
        seconds: how long it took.
    """

    name: str
    title: str
    question: str
    findings: tuple[Finding, ...]
    pictures: tuple[Picture, ...] = field(default=())
    seconds: float = 0.0

    @property
    def grade(self) -> Grade:
        """The worst of its findings."""
        return worst(self.findings)


def not_tested(name: str, promise: str, reason: str, *, tried: str = "nothing", advice: str = "") -> Finding:
    """A promise that could not be tested, and why."""
    return Finding(
        name=name,
        promise=promise,
        tried=tried,
        times=0,
        happened=reason,
        grade=Grade.NOT_TESTED,
        advice=advice,
    )
