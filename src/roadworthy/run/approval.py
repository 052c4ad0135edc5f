"""A person's approval in the middle of a workflow."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from roadworthy._errors import Rejected, Waiting
from roadworthy.ask.part import storable
from roadworthy.keep.record import json_text
from roadworthy.keep.reviews import Doubt, ask_person
from roadworthy.keep.rulings import find_ruling
from roadworthy.run.session import Session
from roadworthy.run.subject import subject_of

S = TypeVar("S")


async def approve(session: Session, question: str, subject: S) -> S:
    """What a person approved: `subject`, or their correction of it.

    Raises:
        Waiting: nobody has ruled yet; the question stands in the review queue.
        Rejected: the person said no.
    """
    question = storable(question)
    identity = subject_of(question, subject)
    record_id, store = session.kept.id, session.runtime.store
    ruling = store.read(lambda tx: find_ruling(tx, record_id, question, identity))
    if ruling is None:
        doubt = Doubt(question, identity, "approval", question, json_text(to_jsonable_python(subject)))
        await store.write(lambda tx: ask_person(tx, record_id, doubt))
        raise Waiting("review", question)
    if ruling.answer is None:
        raise Rejected(session.kept.key, f"{question} {ruling.ruling} by {ruling.ruled_by}")
    if ruling.ruling == "right":
        return subject
    return TypeAdapter(type(subject)).validate_json(ruling.answer)
