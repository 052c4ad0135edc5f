"""What steps inside workflows were asked and answered, by going through the workflow once more from the ledger alone.

The ledger holds rulings on a step's answer under a hash of what it was asked about, which the workflow's own code made
out of the record. So that code runs again, as it does whenever a record goes on; nobody is asked, and nothing is
written. A workflow that was edited since says what it can.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from roadworthy._errors import Failed, Rejected, Waiting
from roadworthy._quick import quick
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record
from roadworthy.keep.rulings import AUDIT
from roadworthy.keep.transaction import Transaction, as_float, as_int, as_text, text_or_none
from roadworthy.learn import lesson
from roadworthy.learn.judgement import Judgement
from roadworthy.run.bug import bugs_told
from roadworthy.run.entry import Step, Workflow
from roadworthy.run.follow import follow
from roadworthy.run.lessons import Labelled
from roadworthy.run.pupil import accepted
from roadworthy.run.revive import revived
from roadworthy.run.runtime import Runtime
from roadworthy.run.session import Witnessed, WouldAsk
from roadworthy.run.subject import subject_of
from roadworthy.run.work import begin

_PAGE = 500


@quick(frozen=True, slots=True)
class Answered:
    """An accepted answer to learn from.

    Attributes:
        record: the number of the record it was given for.
        value: what the step was asked about.
        answer: as JSON text.
    """

    record: int
    value: object
    answer: str


async def labelled_within(runtime: Runtime, step: Step[Any, Any]) -> list[Labelled]:
    """The rulings on a step's answers inside workflows, with what it was asked about there.

    A workflow may ask a step more than once about one record, and those answers are likely wrong together. A test wants
    labels that are independent, so of each record one answer is meant for it, chosen by hash before anything is known
    of its label; the others tune.
    """
    found = []
    for kept, workflow in list(_ruled(runtime, step)):
        asked = [one.value for one in await witnessed(runtime, workflow, kept) if one.step == step.name]
        subjects = {subject_of(step.name, value): value for value in asked}
        for subject, value in subjects.items():
            one = runtime.store.read(lambda tx: _labelled(tx, step, kept, subject, value))  # noqa: B023 - read at once
            if one is not None:
                kind = one.kind if subject == min(subjects) else lesson.CHOSEN
                found.append(Labelled(kept, one.judgement, kind, one.share, value, within=True))
    return found


async def accepted_within(runtime: Runtime, step: Step[Any, Any]) -> list[Answered]:
    """The accepted answers of a step inside workflows, but for a student's own."""
    found: list[Answered] = []
    for workflow in runtime.plan.workflows:
        for kept in runtime.store.read(lambda tx: list(accepted(tx, runtime.plan.name, workflow.name))):  # noqa: B023 - read at once
            answers = {
                subject_of(step.name, one.value): Answered(kept.id, one.value, one.answer)
                for one in await witnessed(runtime, workflow, kept)
                if one.step == step.name and one.answer is not None and not one.model.startswith("student:")
            }
            found += answers.values()
    return found


async def witnessed(runtime: Runtime, workflow: Workflow[Any, Any], kept: Kept) -> list[Witnessed]:
    """What the steps of one record's workflow were asked, and what they answered, as far as the ledger tells."""
    session = begin(runtime, kept, 0, offline=True)
    seen: list[Witnessed] = []
    session.witness = seen
    told = bugs_told(session, workflow.name, "could not be gone through to its end")
    with suppress(WouldAsk, Waiting, Rejected, Failed), told:
        value = revived(workflow.record_schema, kept, runtime.store)
        await follow(workflow, value, session)
    return seen


def _ruled(runtime: Runtime, step: Step[Any, Any]) -> Iterator[tuple[Kept, Workflow[Any, Any]]]:
    workflows = {workflow.name: workflow for workflow in runtime.plan.workflows}
    after, app = 0, runtime.plan.name
    while page := runtime.store.read(
        lambda tx: tx.rows("ruled_within", app=app, step=step.name, after=after, count=_PAGE)  # noqa: B023 - read at once
    ):
        after = as_int(page[-1][0])
        for number, entry in page:
            kept = runtime.store.read(lambda tx: find_record(tx, as_int(number)))  # noqa: B023 - read at once
            if kept is not None and as_text(entry) in workflows:
                yield kept, workflows[as_text(entry)]


def _labelled(
    tx: Transaction, step: Step[Any, Any], kept: Kept, subject: bytes, value: object
) -> Labelled | None:
    row = tx.row("ruling_within", record_id=kept.id, step=step.name, subject=subject)
    if row is None:
        return None
    ruling, correction, suggestion, kind, share = row
    if ruling == "wrong":
        judgement = Judgement(answer=text_or_none(correction), apart=step.apart)
    else:
        judgement = Judgement(correct=ruling == "right", judged=text_or_none(suggestion), apart=step.apart)
    if as_text(kind) == AUDIT:
        return Labelled(kept, judgement, lesson.AUDIT, as_float(share), value, within=True)
    return Labelled(kept, judgement, lesson.DOUBT, 1.0, value, within=True)
