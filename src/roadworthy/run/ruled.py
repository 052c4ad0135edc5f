"""What a person decided about a step of a record, as its verdict."""

from __future__ import annotations

from typing import TypeVar

from roadworthy._errors import Rejected
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Valid
from roadworthy.decide.verdict import Accept, Fail, Verdict
from roadworthy.keep.rulings import AUDIT, BATCH, PERSON, find_ruling
from roadworthy.run.entry import Step
from roadworthy.run.pinning import kept_passages
from roadworthy.run.session import Session

R = TypeVar("R")
T = TypeVar("T")


def verdict_of_person(
    step: Step[R, T], value: R, session: Session, name: str, subject: bytes
) -> tuple[Verdict[T] | None, str | None]:
    """The verdict by a ruling on this very input, and the model's answer that a person found right; None for none.

    A corrected answer is checked like any other. An audit that found the answer right leaves it the model's, as long as
    that is what comes of it.

    Args:
        name: the step's, or that of a part of its record.
        subject: the hash of what is asked about.

    Raises:
        Rejected: a person said that the record cannot be used.
    """
    kept, runtime = session.kept, session.runtime
    ruling = runtime.store.read(lambda tx: find_ruling(tx, kept.id, name, subject))
    if ruling is None:
        return None, None
    if ruling.kind in {AUDIT, BATCH} and ruling.ruling == "right":
        return None, ruling.answer
    who = ruling.who
    if ruling.answer is None:
        raise Rejected(kept.key, f"ruled {who}")
    reply = Reply(attempt=0, model=PERSON, ending=Ending.OK, text=ruling.answer, finish="stop", reused=True)
    passages = kept_passages(step, value, kept.id, runtime.store, runtime.settings)
    checked = step.prepared.checker.check(reply, value, passages)
    if isinstance(checked, Valid):
        return Accept(checked, 1.0, f"ruled {who}"), None
    return Fail(f"ruled {who}, but that answer is not valid: {checked.fault.message}"), None
