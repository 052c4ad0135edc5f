"""Stages of a road test, and the drive through them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from queue import SimpleQueue
from typing import Generic, Protocol, TypeAlias, TypeVar

from roadworthy._edge import told_to
from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy.vet.road.finding import Finding, StageResult, not_tested
from roadworthy.vet.road.picture import Picture

S = TypeVar("S")
Trial: TypeAlias = "Callable[[S], Iterable[Finding | Picture]]"
_SAID_CHARS_MAX = 400
_TRACE_LINES = 12


class Tell(Protocol):
    """Hears how far the test is, from several threads where stages are driven side by side."""

    def begins(self, stage: str, number: int, total: int) -> None:
        """A stage begins; the first one is number 1."""

    def found(self, stage: str, finding: Finding) -> None:
        """A stage found something."""

    def ends(self, result: StageResult) -> None:
        """A stage has ended."""


@quick(frozen=True, slots=True)
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


def drive(
    stages: Sequence[Stage[S]], subjects: Sequence[S], tell: Tell, halt: Callable[[], None] = lambda: None
) -> tuple[StageResult, ...]:
    """Put the subject through every stage. A stage that breaks is a promise that was not tested, and says why.

    Args:
        subjects: the same subject, so many times as stages may be driven side by side.
        halt: ends what stages run in other threads, after an interrupt or where the subject cannot be tested.

    Returns:
        What each stage found, in the order of the stages.

    Raises:
        WrongUse: the subject cannot be tested at all.
    """
    if len(subjects) == 1:
        return tuple(
            _pass_through(stage, subjects[0], tell, (number, len(stages)))
            for number, stage in enumerate(stages, 1)
        )
    free: SimpleQueue[S] = SimpleQueue()
    for subject in subjects:
        free.put(subject)

    def one(number: int, stage: Stage[S]) -> StageResult:
        subject = free.get()
        try:
            return _pass_through(stage, subject, tell, (number, len(stages)))
        finally:
            free.put(subject)

    pool = ThreadPoolExecutor(len(subjects), thread_name_prefix="stage")
    with ExitStack() as undo:
        # The pool's threads are joined at the end of the process in any case. So what they wait for is ended first, and
        # they end before whoever opened the subjects closes them.
        undo.callback(pool.shutdown, wait=True, cancel_futures=True)
        undo.callback(halt)
        results = tuple(pool.map(one, range(1, len(stages) + 1), stages))
        undo.pop_all()
        pool.shutdown()
        return results


def _pass_through(stage: Stage[S], subject: S, tell: Tell, place: tuple[int, int]) -> StageResult:
    tell.begins(stage.title, *place)
    began = time.monotonic()
    findings: list[Finding] = []
    pictures: list[Picture] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        tell.found(stage.title, finding)

    with told_to(lambda error: found(_broke(stage, error)), but=(WrongUse,)):
        for item in stage.trial(subject):
            if isinstance(item, Finding):
                found(item)
            else:
                pictures.append(item)
    result = StageResult(
        name=stage.name,
        title=stage.title,
        question=stage.question,
        findings=tuple(findings),
        pictures=tuple(pictures),
        seconds=time.monotonic() - began,
    )
    tell.ends(result)
    return result


def _broke(stage: Stage[S], error: BaseException) -> Finding:
    """Whatever breaks a stage, the others still have something to say."""
    said = f"The stage itself broke: {type(error).__name__}: {error}"[:_SAID_CHARS_MAX]
    trace = tuple("".join(traceback.format_exception(error)).splitlines()[-_TRACE_LINES:])
    return replace(not_tested("stage", stage.question, said), evidence=trace)


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
