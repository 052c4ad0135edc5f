"""A bug in a team's code that stops one record and nothing else: it is told with its place, and each place once."""

from __future__ import annotations

from asyncio import CancelledError

from roadworthy._edge import is_interrupted, told_to
from roadworthy._errors import Failed, LedgerUnavailable, Rejected
from roadworthy._events import Noted
from roadworthy._whence import kind_and_place
from roadworthy.call.wire.error import one_line
from roadworthy.run.runtime import Runtime
from roadworthy.run.session import Session


def tell_bug(runtime: Runtime, entry: str, what: str, bug: BaseException) -> None:
    """Say that something came to nothing because the team's code raised.

    Thousands of records can meet the same bug, so a process says it for the first of them.

    Args:
        entry: whose code raised, a step's or workflow's name.
        what: what came to nothing, and of which record.
    """
    place = kind_and_place(bug)
    if (entry, place) in runtime.bugs:
        return
    runtime.bugs.add((entry, place))
    runtime.tell(Noted(f"{what}: {place}: {one_line(str(bug))}", f"{entry}: {place}"))


def bugs_told(session: Session, entry: str, what: str) -> told_to:
    """The team's code, gone through where nothing is bought or written: a bug in it ends that, as in a run, and is told.

    Args:
        what: what came to nothing, said of the record: `would fail`.
    """
    whose = f"{entry} of {session.kept.key} {what}"

    def hear(bug: BaseException) -> None:
        if isinstance(bug, CancelledError) and is_interrupted():
            raise bug
        tell_bug(session.runtime, entry, whose, bug)

    return told_to(hear, kinds=(Exception, CancelledError), but=(Failed, Rejected, LedgerUnavailable))
