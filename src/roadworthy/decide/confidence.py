"""Where a step's confidence comes from, named by the step, and how it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import orjson

from roadworthy._errors import WrongUse
from roadworthy.check.checked import Checked, Valid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SelfReported:
    """A field of the answer, from 0 to 1, as a dotted path."""

    path: str


@dataclass(frozen=True, slots=True)
class TokenProbability:
    """The geometric mean probability of the answer's tokens; for providers that report it."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The share of `count` answers of one model that say the same."""

    count: int


@dataclass(frozen=True, slots=True)
class Models:
    """The share of the models asked so far that say the same; at least two are asked."""


Source: TypeAlias = SelfReported | TokenProbability | Samples | Models

SOURCES = "`field:NAME`, `tokens`, `samples:N` (2 to 20) or `models`"


def parse_source(text: str) -> Source:
    """The source that `confidence=` names.

    Raises:
        WrongUse: it names none of the four.
    """
    kind, _, detail = text.partition(":")
    if kind == "field" and detail:
        return SelfReported(detail)
    if text == "tokens":
        return TokenProbability()
    if kind == "samples" and detail.isdigit() and 2 <= int(detail) <= 20:
        return Samples(int(detail))
    if text == "models":
        return Models()
    raise WrongUse(f"confidence={text!r} is not known. Use {SOURCES}.")


def samples_of(source: Source | None) -> int:
    """How many answers of one model the source needs."""
    return source.count if isinstance(source, Samples) else 1


def favourite(answers: Sequence[Checked[T]]) -> Valid[T] | None:
    """The valid answer that most of them give; the earliest of those where there is a tie."""
    valid = [answer for answer in answers if isinstance(answer, Valid)]
    if not valid:
        return None
    counts = Counter(answer.body for answer in valid)
    return max(valid, key=lambda answer: counts[answer.body])


def confidence_of(
    source: Source, chosen: Valid[T], answers: Sequence[Checked[T]], earlier: Sequence[Valid[T]]
) -> float | None:
    """How sure the source is of `chosen`, from 0 to 1; None where it cannot say.

    Args:
        answers: everything this model answered; invalid samples count as disagreement.
        earlier: the valid answers of the models asked before, one each.
    """
    match source:
        case SelfReported(path):
            return _at(orjson.loads(chosen.body), path)
        case TokenProbability():
            return chosen.reply.token_probability
        case Samples():
            return sum(isinstance(a, Valid) and a.body == chosen.body for a in answers) / len(answers)
        case Models():
            if not earlier:
                return None
            return (1 + sum(other.body == chosen.body for other in earlier)) / (1 + len(earlier))


def _at(value: object, path: str) -> float | None:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)
