"""The spine: one record through one step. The whole control flow is on this page.

Asking, keeping and waiting are the desk's; what is valid, what is worth asking again and what is trusted are
pure functions of what came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from roadworthy._errors import Fault
from roadworthy.check.checked import GRADED, Checked, Invalid, Valid
from roadworthy.check.mend import only_reasons
from roadworthy.check.repair import AskAgain, MoreRoom, Stop, reask
from roadworthy.decide.confidence import favourite
from roadworthy.decide.rule import decide, give_up, sureness
from roadworthy.decide.verdict import Accept, Verdict
from roadworthy.run.desk import Desk, Rung
from roadworthy.run.entry import Step
from roadworthy.run.telling import stepped

if TYPE_CHECKING:
    from roadworthy.check.judge import Grade, Opinion

R = TypeVar("R")
T = TypeVar("T")


def run_step(step: Step[R, T], value: R, desk: Desk) -> Awaitable[Verdict[T]]:
    """Ask the models of the ladder, cheapest first, until an answer is valid and sure enough.

    Raises:
        Waiting: for budget or provider; the same call later goes on from here, free of charge.
        Rejected: a person said that the record cannot be used.
    """
    asked, runtime = _asked(step, value, desk), desk.session.runtime
    return stepped(step, asked, runtime) if runtime.traced else asked


async def _asked(step: Step[R, T], value: R, desk: Desk) -> Verdict[T]:
    if (ruled := desk.ruled(step, value)) is not None:
        return ruled
    await desk.pin(step, value)
    if not desk.session.fresh:
        # An answer that stands is not asked for again because a cheaper model, which could not be asked then, can be.
        verdict = await _climb(step, value, desk, buy=False)
        if isinstance(verdict, Accept):
            return verdict
    verdict = await _climb(step, value, desk, buy=True)
    if not isinstance(verdict, Accept):
        desk.no_model_left()
    return verdict


async def _climb(step: Step[R, T], value: R, desk: Desk, *, buy: bool) -> Verdict[T]:
    """Up the ladder, with what the ledger holds alone or with what can be bought."""
    heard: list[Checked[T]] = []
    valid: list[Valid[T]] = []
    grounds: list[str] = []
    for rung in desk.ladder(step, buy=buy):
        answers = await _answers(step, value, desk, rung, buy=buy)
        if not answers:
            continue
        verdict = decide(answers, valid, step.rule, desk.learned.trust)
        if isinstance(verdict, Accept):
            return verdict
        heard += answers
        valid += _valid(answers)
        grounds.append(verdict.grounds)
    return give_up(heard, grounds + desk.refusals, step.rule)


async def hear(step: Step[R, T], value: R, desk: Desk) -> list[tuple[str, Valid[T] | None, float | None]]:
    """What each model that was asked has answered by now, and how sure its source is; nobody is asked."""
    await desk.pin(step, value)
    heard: list[Checked[T]] = []
    found: list[tuple[str, Valid[T] | None, float | None]] = []
    for rung in desk.ladder(step, buy=False):
        answers = await _answers(step, value, desk, rung, buy=False)
        if answers:
            chosen = favourite(answers, step.rule.source)
            sure = None if chosen is None else sureness(chosen, answers, _valid(heard), step.rule)
            found.append((rung.name, chosen, sure))
        heard += answers
    return found


def _valid(heard: Sequence[Checked[T]]) -> list[Valid[T]]:
    return [answer for answer in heard if isinstance(answer, Valid)]


async def _answers(step: Step[R, T], value: R, desk: Desk, rung: Rung, *, buy: bool) -> Sequence[Checked[T]]:
    """What one model answers, after one re-ask at most. Empty where the model cannot be asked."""
    answers: Sequence[Checked[T]] = ()
    previous = None
    replies = await desk.replies(rung, samples=step.samples, buy=buy)
    while replies:
        answers = [desk.check(step, reply, value) for reply in replies]
        if step.judging is not None:
            answers = await _judged(step.judging, answers, value, desk, buy=buy)
        if (fault := _common_fault(answers)) is None:
            break
        match reask(fault, previous, silent=only_reasons(answers[0].reply.text)):
            case AskAgain(words):
                replies = await desk.replies(rung, words=words, buy=buy)
            case MoreRoom(factor):
                replies = await desk.replies(rung, room=factor, buy=buy)
            case Stop():
                break
        previous = fault
    return answers


def _common_fault(answers: Sequence[Checked[T]]) -> Fault | None:
    """What is wrong with the first answer, where none of them is valid."""
    fault = None
    for answer in reversed(answers):
        if isinstance(answer, Valid):
            return None
        fault = answer.fault
    return fault


async def _judged(
    judging: Step[dict[str, object], Opinion | Grade],
    answers: Sequence[Checked[T]],
    value: object,
    desk: Desk,
    *,
    buy: bool,
) -> list[Checked[T]]:
    """The same answers once the judge has seen those that are valid. One that it was not asked about yet is left out."""
    found: list[Checked[T]] = []
    for answer in answers:
        checked: Checked[T] | None = answer
        if isinstance(answer, Valid):
            checked = await _upheld(judging, answer, value, desk, buy=buy)
        if checked is not None:
            found.append(checked)
    return found


async def _upheld(
    judging: Step[dict[str, object], Opinion | Grade],
    valid: Valid[T],
    value: object,
    desk: Desk,
    *,
    buy: bool,
) -> Checked[T] | None:
    """A valid answer, once the judge holds with it, or with its grade; None where there is no opinion and none may be bought."""
    case = desk.case(valid, value)
    own = Desk(desk.session, judging.name, case)
    pinned = desk.session.question_id
    try:
        if buy:
            verdict = await run_step(judging, case, own)
        else:
            await own.pin(judging, case)
            verdict = await _climb(judging, case, own, buy=False)
    finally:
        await asyncio.shield(own.finish())
        desk.session.question_id = pinned
    if not isinstance(verdict, Accept):
        unjudged = Fault(f"the judge gave no usable opinion: {verdict.grounds}", kind="unjudged")
        return Invalid(valid.reply, unjudged, valid.body) if buy else None
    from roadworthy.check.judge import Grade  # noqa: PLC0415 - few steps have a judge

    opinion = verdict.valid.value
    if isinstance(opinion, Grade):
        return replace(valid, scores=(*valid.scores, (GRADED, opinion.right)))
    if opinion.holds:
        return valid
    return Invalid(
        valid.reply, Fault(f"the judge: {opinion.reason or 'the answer does not hold'}"), valid.body
    )
