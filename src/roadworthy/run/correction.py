"""What a person calls right, their own answer or a suggested one: it passes the step's schema and checks like any other."""

from __future__ import annotations

from typing import Any

from roadworthy._errors import Fault
from roadworthy._settings import Settings
from roadworthy.accept.reason import WrongRecord
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Checked, Invalid
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.records import find_record
from roadworthy.keep.rulings import PERSON
from roadworthy.run.entry import Step
from roadworthy.run.pinning import kept_passages
from roadworthy.run.revive import revived


def fault_of(
    step: Step[Any, Any], entry: str, record_id: int, answer: str, store: Ledger, settings: Settings
) -> str | None:
    """Why an answer that a person gives or calls right may not leave; None where it may.

    Inside a workflow, or where the record's contents are gone, the step's own input is not at hand, so there only the
    schema is judged.

    Args:
        step: whose answer is corrected.
        entry: the entry that the record was given to.
        answer: it as JSON text.
    """
    kept = store.read(lambda tx: find_record(tx, record_id))
    said = Reply(0, PERSON, Ending.OK, answer, "stop")
    if entry != step.name or kept is None or kept.stored is None:
        checked: Checked[Any] = step.without_checks().check(said, None)
    else:
        try:
            value = revived(step.record_schema, kept, store)
        except WrongRecord as wrong:
            return f"the record itself no longer meets the record type: {wrong}"
        passages = kept_passages(step, value, record_id, store, settings)
        checked = step.prepared.checker.check(said, value, passages)
    return _words(checked.fault) if isinstance(checked, Invalid) else None


def refusal(ruling: str, fault: str) -> str:
    """Why a ruling is not taken, and what to do, where the answer that it makes the result may not leave."""
    if ruling == "right":
        return (
            f"The suggested answer cannot be right, it does not pass: {fault}. Rule wrong and give the right answer, "
            "or reject."
        )
    return f"The answer is not valid: {fault}"


def _words(fault: Fault) -> str:
    """What is wrong, and which check of which field says so."""
    said = [f"check {fault.check}"] if fault.check else []
    said += [f"field {fault.where}"] if fault.where else []
    return fault.message + (f" ({', '.join(said)})" if said else "")
