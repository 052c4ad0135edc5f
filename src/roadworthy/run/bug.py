"""A bug in a team's code that stops one record and nothing else: it is told with its place, and each place once."""

from __future__ import annotations

from roadworthy._events import Noted
from roadworthy._whence import whence
from roadworthy.call.wire.error import one_line
from roadworthy.run.runtime import Runtime


def tell_bug(runtime: Runtime, entry: str, what: str, bug: BaseException) -> None:
    """Say that something came to nothing because the team's code raised.

    Thousands of records can meet the same bug, so a process says it for the first of them.

    Args:
        entry: whose code raised, a step's or workflow's name.
        what: what came to nothing, and of which record.
    """
    place = f"{type(bug).__name__} at {whence(bug)}"
    if (entry, place) in runtime.bugs:
        return
    runtime.bugs.add((entry, place))
    runtime.tell(Noted(f"{what}: {place}: {one_line(str(bug))}", f"{entry}: {place}"))
