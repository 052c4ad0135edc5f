"""A step's rule: accept the answer, ask the next model, or ask a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from roadworthy._errors import WrongUse
from roadworthy._figure import is_number
from roadworthy._quick import quick
from roadworthy.check.checked import Checked, Invalid, Valid
from roadworthy.decide.confidence import STUDENT, Source, confidence_of, favourite, parse_source
from roadworthy.decide.trust import Trust
from roadworthy.decide.verdict import Accept, Escalate, Fail, Review, Verdict

T = TypeVar("T")
_DIGITS_MORE = 6


@quick(frozen=True, slots=True)
class Rule:
    """What a step asks of an answer before it leaves.

    Attributes:
        review_below: an answer less confident than this is not accepted; None accepts every valid answer.
        source: where the confidence comes from; without `review_below` it is noted, and what a threshold is learned on.
        people: whether a person is asked when no model's answer is accepted; else the record fails.
    """

    review_below: float | None = None
    source: Source | None = None
    people: bool = True

    def __post_init__(self) -> None:
        if self.review_below is not None and (
            not is_number(self.review_below) or not 0 < self.review_below <= 1
        ):
            raise WrongUse(f"review_below={self.review_below!r}: give a share above 0, up to 1, such as 0.8.")
        if self.review_below is not None and self.source is None:
            raise WrongUse("review_below= needs a source to compare with. Name one: confidence=.")


def rule_of(review_below: float | None, confidence: str | None, *, people: bool, promised: bool) -> Rule:
    """What `App.step` was given, as a rule.

    Raises:
        WrongUse: a threshold or a source that cannot be, or a source that decides nothing.
    """
    source = None if confidence is None else parse_source(confidence)
    if source is not None and review_below is None and not promised:
        raise WrongUse(
            "confidence= alone decides nothing. Say what is not sure enough, review_below=0.8, or how many may be "
            "wrong, max_error=0.03, and `learn` finds the threshold."
        )
    return Rule(review_below, source, people)


def decide(
    answers: Sequence[Checked[T]], earlier: Sequence[Valid[T]], rule: Rule, trust: Trust | None = None
) -> Accept[T] | Escalate:
    """The verdict on what one model answered.

    Args:
        earlier: the valid answers of the models asked before, one each.
        trust: what labels have taught; it takes the place of the rule's threshold.
    """
    chosen = favourite(answers, rule.source)
    if chosen is None:
        fault = next(answer.fault for answer in answers if isinstance(answer, Invalid))
        return Escalate(f"{answers[-1].reply.model}: {fault.kind}: {fault.message}")
    confidence = sureness(chosen, answers, earlier, rule)
    if trust is not None:
        return _trusted(chosen, confidence, rule, trust)
    if rule.review_below is None:
        return Accept(chosen, confidence, "valid")
    if confidence is None:
        return Escalate(f"{chosen.reply.model}: valid, but nothing says how sure it is")
    if confidence < rule.review_below:
        low, least = _apart(confidence, rule.review_below, 2)
        return Escalate(f"{chosen.reply.model}: confidence {low} is below {least}")
    return Accept(
        chosen, confidence, f"valid, confidence {confidence:.2f} of at least {rule.review_below:.2f}"
    )


def sureness(
    chosen: Valid[T], answers: Sequence[Checked[T]], earlier: Sequence[Valid[T]], rule: Rule
) -> float | None:
    """How sure the step's source is of an answer, as it is given; None where it cannot say or none is named.

    A student says its own chance, whatever the source.
    """
    if chosen.reply.model.startswith(STUDENT):
        return chosen.reply.token_probability
    return None if rule.source is None else confidence_of(rule.source, chosen, answers, earlier)


def _trusted(chosen: Valid[T], confidence: float | None, rule: Rule, trust: Trust) -> Accept[T] | Escalate:
    model = chosen.reply.model
    if rule.source is not None and confidence is None:
        return Escalate(f"{model}: valid, but nothing says how sure it is")
    doubt = trust.doubt(model, confidence)
    if doubt is None:
        return Escalate(f"{model}: valid, but too few labels say how often it is right")
    if doubt > trust.cap:
        high, most = _apart(doubt, trust.cap, 3)
        return Escalate(f"{model}: the chance that it is wrong, {high}, is above {most}")
    return Accept(
        chosen, 1 - doubt, f"valid, the chance that it is wrong, {doubt:.3f}, is at most {trust.cap:.3f}"
    )


def _apart(one: float, other: float, digits: int) -> tuple[str, str]:
    """Two numbers that differ, with so many digits, or as many more as show it."""
    for most in range(digits, digits + _DIGITS_MORE):
        said = f"{one:.{most}f}", f"{other:.{most}f}"
        if said[0] != said[1]:
            return said
    return repr(one), repr(other)


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
