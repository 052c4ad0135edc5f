"""What a person decided about a step of a record, as its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from roadworthy._errors import Rejected
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Valid
from roadworthy.decide.verdict import Accept, Fail, Verdict
from roadworthy.keep.rulings import AUDIT, BATCH, PERSON, find_ruling
from roadworthy.run.entry import Step
from roadworthy.run.pinning import kept_passages

if TYPE_CHECKING:
    from roadworthy.run.desk import Desk

R = TypeVar("R")
T = TypeVar("T")


def verdict_of_person(step: Step[R, T], value: R, desk: Desk) -> Verdict[T] | None:
    """The verdict by a ruling on this very input, checked like any other answer; None where there is none.

    An audit that found the answer right leaves it the model's, as long as that is what comes of it.

    Raises:
        Rejected: a person said that the record cannot be used.
    """
    kept, runtime = desk.kept, desk.session.runtime
    ruling = runtime.store.read(lambda tx: find_ruling(tx, kept.id, desk.step, desk.subject))
    if ruling is None:
        return None
    if ruling.kind in {AUDIT, BATCH} and ruling.ruling == "right":
        desk.vouched = ruling.answer
        return None
    who = ruling.who
    if ruling.answer is None:
        raise Rejected(kept.key, f"ruled {who}")
    reply = Reply(attempt=0, model=PERSON, ending=Ending.OK, text=ruling.answer, finish="stop", reused=True)
    passages = kept_passages(step, value, kept.id, runtime.store, runtime.settings)
    checked = step.prepared.checker.check(reply, value, passages)
    if isinstance(checked, Valid):
        return Accept(checked, 1.0, f"ruled {who}")
    return Fail(f"ruled {who}, but that answer is not valid: {checked.fault.message}")
