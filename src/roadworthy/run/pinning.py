"""The pinned question of one step of one record: found again by what does not move, or built now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.passage import Passage
from roadworthy.ask.build import question_body, question_from
from roadworthy.ask.example import with_examples
from roadworthy.ask.question import Question
from roadworthy.keep.attempts import Pin
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Row, as_int, as_text
from roadworthy.run.entry import Step
from roadworthy.run.masking import question_of
from roadworthy.run.session import Session

if TYPE_CHECKING:
    from roadworthy.accept.personal import Mask

R = TypeVar("R")
T = TypeVar("T")


@quick(frozen=True, slots=True)
class Pinned:
    """A question, its row in the ledger (not written where `pin.question_id` is 0), and what is hidden in it."""

    question: Question
    pin: Pin
    mask: Mask | None


async def pinned(step: Step[R, T], value: R, session: Session) -> Pinned:
    """Build the question, or take the one that was pinned for the same words and data.

    Passages are looked for where none is pinned alone: a corpus that changed buys nothing again.
    """
    runtime = session.runtime
    question, mask = question_of(step, value, runtime.settings)
    row = None if session.fresh else _pinned_row(step.name, question.fixed, session)
    if step.context is not None:
        chosen = await runtime.context(step).choose(value, session) if row is None else _passages(row)
        asked, mask = question_of(step, value, runtime.settings, chosen)
        question = replace(asked, version=question.version, fixed=question.fixed)
    kept_id = session.kept.id
    if step.examples and (row is None or row[4]):
        learned = session.learned.of(step.name)
        question = with_examples(question, runtime.showing.of(step, learned, but=kept_id))
    body, shown = question_body(question).decode(), tuple([one.record for one in question.examples])
    today, question_id, sample = question.version, 0, 0
    if row is not None:
        version, kept, sample = as_text(row[1]), as_text(row[2]), as_int(row[3])
        if not (step.examples and row[4] and kept != body):  # else it is asked anew, as it is asked today
            session.question_id = question_id = as_int(row[0])
            if kept != body or version != today:
                question = question_from(kept.encode(), version, question.fixed)
    pin = Pin(kept_id, step.name, today, question.fixed, body, question_id, sample, shown)
    return Pinned(question, pin, mask)


def kept_passages(
    step: Step[R, T], value: R, record_id: int, store: Ledger, settings: Settings
) -> tuple[Passage, ...]:
    """What the pinned question of a step with a corpus was asked with; nothing where none is pinned."""
    if step.context is None:
        return ()
    question, _ = question_of(step, value, settings)
    row = _row(step.name, question.fixed, record_id, store)
    return () if row is None else _passages(row)


def _pinned_row(step: str, fixed: bytes, session: Session) -> Row | None:
    """The question's row, from what was found already where somebody has looked."""
    kept_id, held = session.kept.id, session.held
    if held is None or held.questions is None:
        return _row(step, fixed, kept_id, session.runtime.store)
    return held.questions.get((kept_id, step, fixed))


def _row(step: str, fixed: bytes, record_id: int, store: Ledger) -> Row | None:
    return store.read(lambda tx: tx.row("question", record_id=record_id, step=step, fixed=fixed))


def _passages(row: Row) -> tuple[Passage, ...]:
    return question_from(as_text(row[2]).encode(), as_text(row[1]), b"").passages
