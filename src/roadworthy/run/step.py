"""The spine: one record through one step. The whole control flow is on this page.

Asking, keeping and waiting are the desk's; what is valid, what is worth asking again and what is trusted are
pure functions of what came back.
"""

from __future__ import annotations

from typing import TypeVar

from roadworthy.check.checked import Checked, Invalid, Valid
from roadworthy.check.repair import AskAgain, MoreRoom, Stop, reask
from roadworthy.decide.rule import decide, give_up
from roadworthy.decide.verdict import Accept, Verdict
from roadworthy.run.desk import Desk, Rung
from roadworthy.run.entry import Step

R = TypeVar("R")
T = TypeVar("T")


async def run_step(step: Step[R, T], value: R, desk: Desk) -> Verdict[T]:
    """Ask the models of the ladder, cheapest first, until an answer is valid and sure enough.

    Raises:
        Waiting: for budget or provider; the same call later goes on from here, free of charge.
        Rejected: a person said that the record cannot be used.
    """
    if (ruled := desk.ruled(step, value)) is not None:
        return ruled
    desk.pin(step, value)
    heard: list[Checked[T]] = []
    grounds: list[str] = []
    for rung in desk.ladder(step):
        answers = await _answers(step, value, desk, rung)
        if not answers:
            continue
        verdict = decide(answers, [answer for answer in heard if isinstance(answer, Valid)], step.rule)
        if isinstance(verdict, Accept):
            return verdict
        heard += answers
        grounds.append(verdict.grounds)
    desk.no_model_left()
    return give_up(heard, grounds + desk.refusals, step.rule)


async def _answers(step: Step[R, T], value: R, desk: Desk, rung: Rung) -> list[Checked[T]]:
    """What one model answers, after one re-ask at most. Empty where the model cannot be asked."""
    checker = step.prepared.checker
    answers = [checker.check(reply, value) for reply in await desk.replies(rung, samples=step.samples)]
    previous = None
    while answers and all(isinstance(answer, Invalid) for answer in answers):
        fault = answers[0].fault if isinstance(answers[0], Invalid) else None
        action = Stop() if fault is None else reask(fault, previous)
        match action:
            case AskAgain(words):
                replies = await desk.replies(rung, words=words)
            case MoreRoom(factor):
                replies = await desk.replies(rung, room=factor)
            case Stop():
                break
        if not replies:
            break
        previous = fault
        answers = [checker.check(reply, value) for reply in replies]
    return answers
