"""Stages of a road test, and the drive through them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from roadworthy._errors import WrongUse
from roadworthy.vet.road.finding import Finding, StageResult, not_tested
from roadworthy.vet.road.picture import Picture

S = TypeVar("S")
Trial: TypeAlias = "Callable[[S], Iterable[Finding | Picture]]"
_SAID_CHARS_MAX = 400


class Tell(Protocol):
    """Hears how far the test is."""

    def begins(self, stage: str, number: int, total: int) -> None:
        """A stage begins; the first one is number 1."""

    def found(self, finding: Finding) -> None:
        """Something was found."""

    def ends(self, result: StageResult) -> None:
        """A stage has ended."""


@dataclass(frozen=True, slots=True)
class Stage(Generic[S]):
    """One stage: what it asks, and how it finds out.

    Attributes:
        name: one lower-case word; `--only` and `--fail-on` name it.
        title: what a person reads.
        question: the question it answers.
        trial: tries the subject and yields what it finds, pictures among it, as soon as it knows.
    """

    name: str
    title: str
    question: str
    trial: Callable[[S], Iterable[Finding | Picture]]


def drive(stages: Sequence[Stage[S]], subject: S, tell: Tell) -> tuple[StageResult, ...]:
    """Put the subject through every stage. A stage that breaks is a promise that was not tested, and says why.

    Raises:
        WrongUse: the subject cannot be tested at all.
    """
    results = []
    for number, stage in enumerate(stages, 1):
        tell.begins(stage.title, number, len(stages))
        result = _pass_through(stage, subject, tell)
        results.append(result)
        tell.ends(result)
    return tuple(results)


def _pass_through(stage: Stage[S], subject: S, tell: Tell) -> StageResult:
    began = time.monotonic()
    findings: list[Finding] = []
    pictures: list[Picture] = []
    try:
        for item in stage.trial(subject):
            if isinstance(item, Finding):
                findings.append(item)
                tell.found(item)
            else:
                pictures.append(item)
    except WrongUse:
        raise
    except Exception as error:  # noqa: BLE001 - whatever breaks a stage, the others still have something to say
        said = f"The stage itself broke: {type(error).__name__}: {error}"[:_SAID_CHARS_MAX]
        findings.append(not_tested("stage", stage.question, said))
        tell.found(findings[-1])
    return StageResult(
        name=stage.name,
        title=stage.title,
        question=stage.question,
        findings=tuple(findings),
        pictures=tuple(pictures),
        seconds=time.monotonic() - began,
    )


def choose(stages: Sequence[Stage[S]], only: Sequence[str]) -> tuple[Stage[S], ...]:
    """The stages that were named, in their own order; all of them when none was.

    Raises:
        WrongUse: there is no stage of that name.
    """
    known = [stage.name for stage in stages]
    for name in only:
        if name not in known:
            raise WrongUse(f"There is no stage {name!r}. Stages: {', '.join(known)}.")
    return tuple(stage for stage in stages if not only or stage.name in only)
