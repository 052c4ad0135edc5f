"""A call and a check, told of: what a trace and a log are made of. Nothing here decides anything."""

from __future__ import annotations

from typing import TypeVar

from roadworthy._events import CallBegan, CallEnded, Checked, Listener
from roadworthy.ask.question import Question
from roadworthy.call.driver import NoReply
from roadworthy.call.meter import Ask, Meter
from roadworthy.call.reply import Reply
from roadworthy.call.rung import Rung
from roadworthy.check.checked import Checked as Result
from roadworthy.check.checked import Valid
from roadworthy.run.entry import Step
from roadworthy.run.runtime import Runtime

R = TypeVar("R")
T = TypeVar("T")


async def bought(
    runtime: Runtime,
    rung: Rung,
    ask: Ask,
    meter: Meter,
    deadline: float,
    *,
    rank: int,
    question: Question,
) -> Reply | NoReply:
    """One model's reply, from the ledger, another's flight or the wire; told when it begins and when it ends."""
    runtime.tell(CallBegan(rung.name, rank, rung.lane.name, ask.output_cap, question.version, question))
    ended = CallEnded("stopped")
    try:
        found = await runtime.buyer.buy(rung, ask, meter, deadline)
        ended = (
            CallEnded(found.ending.value, found.reused, found.text)
            if isinstance(found, Reply)
            else CallEnded(found.kind)
        )
        return found
    finally:
        runtime.tell(ended)


def judged(step: Step[R, T], reply: Reply, value: R, question: Question, runtime: Runtime) -> Result[T]:
    """What a reply to a question is worth, by the step's checks."""
    tell: Listener = runtime.tell
    began = runtime.clock.monotonic()
    checked = step.prepared.checker.check(reply, value, question.passages)
    fault = "" if isinstance(checked, Valid) else checked.fault.kind
    tell(Checked(reply.model, fault, runtime.clock.monotonic() - began))
    return checked
