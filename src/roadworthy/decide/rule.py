"""A step's rule: accept the answer, ask the next model, or ask a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from roadworthy._errors import WrongUse
from roadworthy.check.checked import Checked, Invalid, Valid
from roadworthy.decide.confidence import Source, confidence_of, favourite
from roadworthy.decide.verdict import Accept, Escalate, Fail, Review, Verdict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a step asks of an answer before it leaves.

    Attributes:
        review_below: an answer less confident than this is not accepted; None accepts every valid answer.
        source: where the confidence comes from.
        people: whether a person is asked when no model's answer is accepted; else the record fails.
    """

    review_below: float | None = None
    source: Source | None = None
    people: bool = True

    def __post_init__(self) -> None:
        if self.review_below is not None and not 0 < self.review_below <= 1:
            raise WrongUse(f"review_below={self.review_below!r}: give a share above 0, up to 1.")
        if (self.review_below is None) != (self.source is None):
            raise WrongUse(
                "review_below= and confidence= go together: a threshold needs a source, and a source a threshold."
            )


def decide(answers: Sequence[Checked[T]], earlier: Sequence[Valid[T]], rule: Rule) -> Accept[T] | Escalate:
    """The verdict on what one model answered."""
    chosen = favourite(answers)
    if chosen is None:
        fault = next(answer.fault for answer in answers if isinstance(answer, Invalid))
        return Escalate(f"{answers[-1].reply.model}: {fault.kind}: {fault.message}")
    if rule.source is None or rule.review_below is None:
        return Accept(chosen, None, "valid")
    confidence = confidence_of(rule.source, chosen, answers, earlier)
    if confidence is None:
        return Escalate(f"{chosen.reply.model}: valid, but nothing says how sure it is")
    if confidence < rule.review_below:
        return Escalate(f"{chosen.reply.model}: confidence {confidence:.2f} is below {rule.review_below:.2f}")
    return Accept(
        chosen, confidence, f"valid, confidence {confidence:.2f} of at least {rule.review_below:.2f}"
    )


def give_up(heard: Sequence[Checked[T]], grounds: Sequence[str], rule: Rule) -> Verdict[T]:
    """The verdict when no model is left: a person, with the best answer so far, or a failure."""
    why = "; ".join(grounds) or "no model could be asked"
    if not rule.people:
        return Fail(why)
    valid = [answer for answer in heard if isinstance(answer, Valid)]
    if valid:
        return Review(why, valid[-1].body, None)
    parsed = [answer.suggestion for answer in heard if isinstance(answer, Invalid) and answer.suggestion]
    return Review(why, parsed[-1] if parsed else None, None)
