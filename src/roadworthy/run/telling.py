"""A step, a call and a check, told of: what a trace and a log are made of. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from roadworthy._events import CallBegan, CallEnded, Checked, StepBegan, StepEnded
from roadworthy.ask.question import Question
from roadworthy.call.driver import NoReply
from roadworthy.call.meter import Ask
from roadworthy.call.reply import Reply
from roadworthy.call.rung import Rung
from roadworthy.check.checked import Checked as Result
from roadworthy.check.checked import Valid
from roadworthy.decide.verdict import Verdict
from roadworthy.run.entry import Step
from roadworthy.run.runtime import Runtime

R = TypeVar("R")
T = TypeVar("T")


async def stepped(step: Step[R, T], asked: Awaitable[Verdict[T]], runtime: Runtime) -> Verdict[T]:
    """The verdict on a step's question; told when it is asked and when it is decided."""
    runtime.tell(StepBegan(step.name))
    ended = "stopped"
    try:
        verdict = await asked
        ended = type(verdict).__name__.lower()
        return verdict
    finally:
        runtime.tell(StepEnded(ended))


async def bought(
    buying: Awaitable[Reply | NoReply], rung: Rung, ask: Ask, rank: int, question: Question, runtime: Runtime
) -> Reply | NoReply:
    """One model's reply, from the ledger, another's flight or the wire; told when it begins and when it ends."""
    runtime.tell(CallBegan(rung.name, rank, rung.lane.name, ask.output_cap, question.version, question))
    ended = CallEnded("stopped")
    try:
        found = await buying
        ended = (
            CallEnded(found.ending.value, found.reused, found.text)
            if isinstance(found, Reply)
            else CallEnded(found.kind)
        )
        return found
    finally:
        runtime.tell(ended)


def judged(step: Step[R, T], reply: Reply, value: R, question: Question, runtime: Runtime) -> Result[T]:
    """What a reply to a question is worth, by the step's checks; told with how long that took."""
    began = runtime.clock.monotonic()
    checked = step.prepared.checker.check(reply, value, question.passages)
    fault = "" if isinstance(checked, Valid) else checked.fault.kind
    runtime.tell(Checked(reply.model, fault, runtime.clock.monotonic() - began))
    return checked
