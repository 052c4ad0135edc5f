"""Labelled records with what the models answered, by going through the ledger's replies once more: nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from roadworthy._errors import Rejected, Waiting
from roadworthy._quick import quick
from roadworthy.accept.reason import WrongRecord
from roadworthy.keep.audits import PASSED
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record
from roadworthy.keep.rulings import SOURCES
from roadworthy.keep.transaction import Row, as_float, as_int, as_text, text_or_none
from roadworthy.learn.judgement import Judgement
from roadworthy.learn.lesson import AUDIT, CHOSEN, DOUBT, FILE, Case, Heard
from roadworthy.run.desk import Desk
from roadworthy.run.entry import Step
from roadworthy.run.revive import revived
from roadworthy.run.runtime import Runtime
from roadworthy.run.step import hear
from roadworthy.run.work import begin

_PAGE = 500
_RULED = "ruling by "
_CHOSEN = tuple(f"{source} " for source in SOURCES.values())


@quick(frozen=True, slots=True)
class Labelled:
    """A labelled record of a step.

    Attributes:
        kind: where the label comes from: `audit`, `doubt`, `file`, or `chosen` for what somebody asked about.
        share: the chance that its audit was picked with; 1 for the others.
        value: what the step was asked about.
        within: whether that was inside a workflow.
    """

    kept: Kept
    judgement: Judgement
    kind: str
    share: float
    value: Any
    within: bool = False


def labelled(runtime: Runtime, step: Step[Any, Any]) -> Iterator[Labelled]:
    """Every label of a step where it runs alone, with its record; labels of forgotten records are left out."""
    after, app = 0, runtime.plan.name
    while page := runtime.store.read(
        lambda tx: tx.rows("labelled_records", app=app, entry=step.name, after=after, count=_PAGE)  # noqa: B023 - read at once
    ):
        after = as_int(page[-1][0])
        for row in page:
            if row[6] is not None:
                found = _labelled(runtime.store, row, step)
                if found is not None:
                    yield found


def _labelled(store: Ledger, row: Row, step: Step[Any, Any]) -> Labelled | None:
    _number, _key, answer, correct, judged, source, record_id = row
    kept = store.read(lambda tx: find_record(tx, as_int(record_id)))
    if kept is None or kept.stored is None:
        return None
    try:
        value = revived(step.record_schema, kept, store)
    except WrongRecord:
        return None
    standing = text_or_none(judged) or kept.value
    judgement = Judgement(
        text_or_none(answer), None if correct is None else bool(correct), standing, step.apart
    )
    if as_text(source).startswith(_CHOSEN):
        return Labelled(kept, judgement, CHOSEN, 1.0, value)
    if not as_text(source).startswith(_RULED):
        return Labelled(kept, judgement, FILE, 1.0, value)
    audits = store.read(lambda tx: tx.rows("audits_of_record", record_id=kept.id))
    picked = [
        as_float(share) for _id, name, _epoch, share, state in audits if name == step.name and state != PASSED
    ]
    return Labelled(kept, judgement, AUDIT if picked else DOUBT, picked[0] if picked else 1.0, value)


async def case_of(runtime: Runtime, step: Step[Any, Any], found: Labelled) -> Case | None:
    """What the models said of a labelled record; None where its prompt cannot be built any more."""
    session = begin(runtime, found.kept, 0)
    session = replace(session, learned=runtime.states.newest())
    desk = Desk(session, step.name, found.value)
    try:
        heard = await hear(step, found.value, desk)
    except (WrongRecord, Waiting, Rejected):
        return None
    answers = tuple(
        Heard(model, sure, _wrong(found.judgement.of(valid.body.decode())))
        for model, valid, sure in heard
        if valid is not None
    )
    return Case(found.kept.key, found.kind, found.share, answers, tuple(model for model, _, _ in heard))


def _wrong(right: bool | None) -> bool | None:  # noqa: FBT001 - the other way round
    return None if right is None else not right
