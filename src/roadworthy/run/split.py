"""Large records: asked part by part, then merged; the same ledger, budget and lineage as any other question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from roadworthy._edge import told_to
from roadworthy._errors import Failed, RoadworthyError, Waiting
from roadworthy._quick import quick
from roadworthy.accept.passage import Passage
from roadworthy.ask.part import json_bytes
from roadworthy.ask.prompt import Prompt
from roadworthy.ask.split import cut_to, length_of, parts_of, with_text
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Invalid
from roadworthy.decide.verdict import Accept, Fail, Hold, Review, Verdict
from roadworthy.keep.reviews import Doubt, ask_person
from roadworthy.run.bug import tell_bug
from roadworthy.run.desk import Desk
from roadworthy.run.entry import Step
from roadworthy.run.session import Session, WouldAsk
from roadworthy.run.step import run_step

R = TypeVar("R")
T = TypeVar("T")
MERGED = "merged"
"""What stands for a model where the team's own function has merged the answers."""


@quick(frozen=True, slots=True)
class _Piece(Generic[T]):
    """The answer about a stretch of a record's text."""

    answer: T
    start: int
    end: int


@quick(frozen=True, slots=True)
class _Job(Generic[R, T]):
    """One question of a split record: its name, what it is about, and the record cut down to the stretch it covers."""

    step: Step[R, T]
    name: str
    about: object
    value: R
    start: int
    end: int


def ask_step(step: Step[R, T], value: R, desk: Desk) -> Awaitable[Verdict[T]]:
    """Ask about a record: at once, or part by part where its text is longer than `part_chars`.

    Raises:
        Waiting: as `run_step`, for any of its parts.
        Failed: a part has no acceptable answer.
    """
    if step.split is None or length_of(value, step.split.field) <= step.part_chars:
        return run_step(step, value, desk)
    return _ask_parts(step, value, desk, step.split.field)


async def _ask_parts(step: Step[R, T], value: R, desk: Desk, field: str) -> Verdict[T]:
    _look_for_parts(desk.session)
    if (ruled := desk.ruled(step, value)) is not None:
        return ruled
    desk.session.recounts = True
    pieces = await _each(_parts(step, value, field), desk.session)
    merge, most = step.merging, desk.session.runtime.settings.merge_answers_max
    level = 0
    while True:
        answers = [piece.answer for piece in pieces]
        if len(pieces) <= most or not isinstance(merge(answers[:most], value), Prompt):
            merged = merge(answers, value)
            if isinstance(merged, Prompt):
                return await run_step(_Merging(step, answers), value, desk)
            return _judged(step, merged, value)
        level += 1
        pieces = await _each(_merges(step, value, field, pieces, most, level), desk.session)


def _look_for_parts(session: Session) -> None:
    """A record whose process ended between two parts was not charged for them yet, and still is not fresh."""
    record_id = session.kept.id
    if session.fresh and session.runtime.store.read(lambda tx: tx.row("any_question", record_id=record_id)):
        session.fresh, session.may_be_ruled = False, True


def _parts(step: Step[R, T], value: R, field: str) -> Iterator[_Job[R, T]]:
    for part in parts_of(value, field, step.part_chars):
        name = f"part {part.number} (characters {part.start:,} to {part.end:,})"
        cut = with_text(value, field, part.text)
        yield _Job(step, name, ["part", part.text], cut, part.start, part.end)


def _merges(
    step: Step[R, T], value: R, field: str, pieces: Sequence[_Piece[T]], most: int, level: int
) -> Iterator[_Job[R, T]]:
    """Neighbouring answers, as many as one question takes; each is checked against the text that it covers."""
    for number, at in enumerate(range(0, len(pieces), most), start=1):
        group = pieces[at : at + most]
        start, end = group[0].start, group[-1].end
        answers = [piece.answer for piece in group]
        about = ["merge", level, start, end, json_bytes(answers).decode()]
        cut = cut_to(value, field, start, end)
        yield _Job(_Merging(step, answers), f"merge {level}.{number}", about, cut, start, end)


class _Merging(Step[R, T]):
    """A step that asks for one answer of several, of the same models and with the same checks."""

    def __init__(self, step: Step[R, T], answers: Sequence[T]) -> None:
        self.__dict__.update(step.__dict__)
        self.context = None
        self._answers = list(answers)

    def prompt(self, value: R, passages: Sequence[Passage] = ()) -> Prompt[T]:  # noqa: ARG002 - as any step
        """What is asked about the answers."""
        found = self.merging(self._answers, value)
        assert isinstance(found, Prompt)
        return found


async def _each(jobs: Iterator[_Job[R, T]], session: Session) -> list[_Piece[T]]:
    """The answers to questions of one record, in their order; a bounded number is asked at the same time.

    After the first that stops the record no further one is begun, and those on the wire are waited for.

    Raises:
        WouldAsk: for all of them together, in a session that may not buy.
    """
    answers: dict[int, _Piece[T]] = {}
    missing: list[WouldAsk] = []
    stops: list[BaseException] = []
    numbered = enumerate(jobs)

    async def worker() -> None:
        while not stops and (taken := next(numbered, None)) is not None:
            number, job = taken
            with told_to(
                stops.append, kinds=(Waiting, Exception)
            ):  # the first is raised once the others have ended
                try:
                    answers[number] = _Piece(await _answer(job, session), job.start, job.end)
                except WouldAsk as would:
                    missing.append(would)

    count = 1 if session.offline else session.runtime.settings.parts_at_once
    await asyncio.gather(*(worker() for _ in range(count)))
    if missing:
        raise _summed(missing)
    for other in stops[1:]:
        if not isinstance(other, Waiting | RoadworthyError):
            what = f"another question of {session.kept.key} also came to nothing"
            tell_bug(session.runtime, "a question of a record in parts", what, other)
    if stops:
        raise stops[0]
    return [answers[number] for number in sorted(answers)]


async def _answer(job: _Job[R, T], session: Session) -> T:
    """One question's answer, written to the ledger with what it cost; its time is its own."""
    clock, settings = session.runtime.clock, session.runtime.settings
    own = replace(
        session, deadline=clock.monotonic() + settings.record_deadline_s, defers=True, recounts=False
    )
    own.fresh, own.may_be_ruled = session.fresh, session.may_be_ruled
    step = job.step
    desk = Desk(own, step.name, job.about)
    doubt: Doubt | None = None
    verdict: Verdict[T] | None = None
    try:
        verdict = await run_step(step, job.value, desk)
        if isinstance(verdict, Review):
            suggestion = None if verdict.suggestion is None else verdict.suggestion.decode()
            grounds = f"{job.name}: {verdict.grounds}"
            doubt = Doubt(step.name, desk.subject, "doubt", grounds, suggestion, verdict.confidence)
    finally:
        if verdict is None:  # after an interrupt too: a reply that came is kept
            await asyncio.shield(desk.finish())
    record_id, asked = session.kept.id, doubt
    await desk.finish(change=None if asked is None else lambda tx: ask_person(tx, record_id, asked))
    session.asked |= own.asked
    session.escalated |= own.escalated
    session.repaired |= own.repaired
    match verdict:
        case Accept(valid, confidence, _):
            session.mended += [slip for slip in valid.mended if slip not in session.mended]
            session.confidences += [] if confidence is None else [confidence]
            return valid.value
        case Review(grounds) | Hold(grounds):
            raise Waiting("review", f"{job.name}: {grounds}")
        case _:
            session.question_id = own.question_id
            raise Failed(session.kept.key, f"{job.name}: {verdict.grounds}")


def _judged(step: Step[R, T], answer: object, value: R) -> Verdict[T]:
    """What the team's function made of the answers, checked like a model's."""
    shown: Any = {"value": answer} if step.prepared.schema.wrapped else answer
    text = json_bytes(shown, sort=False, by_alias=True).decode()
    checked = step.prepared.checker.check(Reply(0, MERGED, Ending.OK, text, "stop", reused=True), value)
    if isinstance(checked, Invalid):
        grounds = f"merged: {checked.fault.kind}: {checked.fault.message}"
        return Review(grounds, checked.suggestion) if step.rule.people else Fail(grounds)
    return Accept(checked, None, "merged from its parts")


def _summed(missing: Sequence[WouldAsk]) -> WouldAsk:
    """What a record would cost, all its questions together."""
    first = missing[0]
    return WouldAsk(
        first.step,
        first.model,
        worst_pico=sum(would.worst_pico for would in missing),
        request_bytes=sum(would.request_bytes for would in missing),
        output_cap=sum(would.output_cap for would in missing),
        tried=all(would.tried for would in missing),
    )
