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
from roadworthy.keep.held import HeldQuestion, find_question
from roadworthy.keep.ledger import Ledger
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
    record_id, today, fixed = session.kept.id, question.version, question.fixed
    held = None if session.fresh else _held(step.name, fixed, session)
    if step.context is not None:
        chosen = await runtime.context(step).choose(value, session) if held is None else _passages(held)
        asked, mask = question_of(step, value, runtime.settings, chosen)
        question = replace(asked, version=today, fixed=fixed)
    if step.examples and (held is None or held.refreshed):
        learned = session.learned.of(step.name)
        whose = {runtime.plan.namespace, session.namespace}  # the team's own corrections are for everybody
        examples = runtime.showing.of(step, learned, but=record_id, namespaces=whose)
        question = with_examples(question, examples)
    body = question_body(question).decode()  # examples and passages are no part of what it was found by
    if held is None or (step.examples and held.refreshed and held.body != body):
        shown, sample = tuple([one.record for one in question.examples]), 0 if held is None else held.sample
        return Pinned(question, Pin(record_id, step.name, today, fixed, body, 0, sample, shown), mask)
    session.question_id = held.id
    if held.body != body:
        question = question_from(held.body.encode(), held.version, fixed)
    elif held.version != today:
        question = replace(question, version=held.version)
    return Pinned(question, Pin(record_id, step.name, today, fixed, body, held.id, held.sample), mask)


def kept_passages(
    step: Step[R, T], value: R, record_id: int, store: Ledger, settings: Settings
) -> tuple[Passage, ...]:
    """What the pinned question of a step with a corpus was asked with; nothing where none is pinned."""
    if step.context is None:
        return ()
    question, _ = question_of(step, value, settings)
    name, fixed = step.name, question.fixed
    held = store.read(lambda tx: find_question(tx, record_id, name, fixed))
    return () if held is None else _passages(held)


def _held(step: str, fixed: bytes, session: Session) -> HeldQuestion | None:
    """The question as it is pinned, from what was found already where somebody has looked."""
    record_id, held = session.kept.id, session.held
    if held is None or held.questions is None:
        return session.runtime.store.read(lambda tx: find_question(tx, record_id, step, fixed))
    return held.questions.get((record_id, step, fixed))


def _passages(held: HeldQuestion) -> tuple[Passage, ...]:
    return question_from(held.body.encode(), held.version, b"").passages
