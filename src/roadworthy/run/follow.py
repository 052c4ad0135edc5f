"""Following a workflow: the team's own code between steps, with as many steps at the same time as it likes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from roadworthy._edge import is_interrupted
from roadworthy._errors import WrongUse
from roadworthy.run.entry import Workflow
from roadworthy.run.loop import first_error
from roadworthy.run.session import Session, in_session

R = TypeVar("R")
T = TypeVar("T")


async def follow(workflow: Workflow[R, T], value: R, session: Session) -> T:
    """The workflow's answer, or what ended it, once every step that it began has come to its end.

    What one of several tasks raised comes out of its group: a record waits in a `TaskGroup` as it does outside of one.
    `asyncio.gather` leaves its other tasks at work when one raises. Their steps are waited for, so that what they buy is
    the record's and is settled before its outcome is written.
    """
    try:
        with in_session(session):
            return await workflow.body(value)
    except BaseExceptionGroup as group:
        raise first_error(group) from group
    finally:
        if not is_interrupted():
            while session.under_way:
                await asyncio.wait(session.under_way)
        session.over = True


@contextmanager
def under_way(session: Session, step: str) -> Iterator[None]:
    """A step of a workflow, from its beginning to its end.

    Raises:
        WrongUse: the workflow has ended without waiting for whatever calls the step.
    """
    if session.over:
        raise WrongUse(f"{step} was called after its workflow had ended. Await every task that calls a step.")
    end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    session.under_way.add(end)
    try:
        yield
    finally:
        session.under_way.discard(end)
        end.set_result(None)
