"""Personal data on its way: hidden before a question is pinned and sent, shown again before an answer is checked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from roadworthy._errors import Rejected, WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.image import refuse_large
from roadworthy.accept.passage import Passage
from roadworthy.accept.reason import WrongRecord
from roadworthy.ask.build import build_question, reworded
from roadworthy.ask.passages import PLACEHOLDER
from roadworthy.ask.question import Question
from roadworthy.ask.template import resolve
from roadworthy.call.reply import Reply
from roadworthy.run.entry import Step

if TYPE_CHECKING:
    from roadworthy.accept.personal import Mask

R = TypeVar("R")
T = TypeVar("T")


def question_of(
    step: Step[R, T], value: R, settings: Settings, passages: Sequence[Passage] = (PLACEHOLDER,)
) -> tuple[Question, Mask | None]:
    """The question about one record, and what is hidden in it; None where the step hides nothing.

    The same record gives the same placeholders, so what they stand for is kept nowhere.

    Args:
        step: the step.
        value: the record.
        settings: the limits of prompt files.
        passages: what was chosen for it, where the step has a corpus. With the placeholder alone the question says
            what does not move: `fixed`, by which the pinned one is found.
    """
    prepared = step.prepared
    try:
        prompt = step.prompt(value, passages)
        template = resolve(prompt, prepared.folder, settings) if prompt.template else None
        question = build_question(prompt, prepared.schema, template=template)
        images = question.images
        if images:
            refuse_large(images, settings)
    except WrongRecord as wrong:  # an image that none is, or too large a one
        raise Rejected("", str(wrong)) from wrong
    if step.mask and images:
        raise WrongUse(
            f"{step.name}: mask= hides text, and what an image shows it cannot see. "
            "Leave mask= away, or do not send images."
        )
    if step.context is not None:
        question = replace(question, fixed=step.context.pinned(question.fixed), passages=tuple(passages))
    return hidden(question, step.mask) if step.mask else (question, None)


def hidden(question: Question, kinds: Collection[str]) -> tuple[Question, Mask]:
    """The question with personal data behind placeholders."""
    from roadworthy.accept.personal import Mask  # noqa: PLC0415 - few steps hide anything

    mask = Mask(kinds, "\n".join(message.text for message in question.messages))
    return reworded(question, mask.hide), mask


def shown(reply: Reply, mask: Mask) -> Reply:
    """The reply with what its placeholders stand for; the ledger keeps it as it came."""
    return replace(reply, text=mask.show(reply.text))
