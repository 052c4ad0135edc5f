"""Where a step's confidence comes from, named by the step, and how it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import orjson

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy.check.checked import GRADED, Checked, Valid

T = TypeVar("T")


@quick(frozen=True, slots=True)
class SelfReported:
    """A field of the answer, from 0 to 1, as a dotted path."""

    path: str


@quick(frozen=True, slots=True)
class TokenProbability:
    """The geometric mean probability of the answer's tokens; for providers that report it."""


@quick(frozen=True, slots=True)
class Samples:
    """The share of `count` answers of one model that say the same."""

    count: int


@quick(frozen=True, slots=True)
class Models:
    """The share of the models asked so far that say the same; at least two are asked."""


@quick(frozen=True, slots=True)
class CheckScores:
    """The lowest score that the step's checks gave the answer; 1 where none of them doubts."""


@quick(frozen=True, slots=True)
class JudgeGrade:
    """What the step's judge says of the answer; for a judge that grades."""


@quick(frozen=True, slots=True)
class StudentProbability:
    """The chance that the step's student gives to the answer; for a ladder that begins with one."""


@quick(frozen=True, slots=True)
class Combined:
    """Several sources: an answer is as sure as the least sure of them says.

    `tokens` and `student` are left out where a model has no such number. The others must speak.
    """

    sources: tuple[Single, ...]


Single: TypeAlias = (
    SelfReported | TokenProbability | Samples | Models | CheckScores | JudgeGrade | StudentProbability
)
Source: TypeAlias = Single | Combined

SOURCES = "`field:NAME`, `tokens`, `samples:N` (2 to 20), `models`, `checks`, `judge`, `student`, or several as `checks+tokens`"
STUDENT = "student:"
"""What the name of a student begins with; its reply says its probability as `token_probability`."""


def parse_source(text: str) -> Source:
    """The source that `confidence=` names.

    Raises:
        WrongUse: a part of it names none of the seven, or one comes twice.
    """
    parts = [_single(part.strip(), text) for part in text.split("+")]
    if len({type(part) for part in parts if not isinstance(part, SelfReported)}) + len(
        {part for part in parts if isinstance(part, SelfReported)}
    ) < len(parts):
        raise WrongUse(f"confidence={text!r} names a source twice. Name each once.")
    return parts[0] if len(parts) == 1 else Combined(tuple(parts))


def _single(part: str, text: str) -> Single:
    kind, _, detail = part.partition(":")
    if kind == "field" and detail:
        return SelfReported(detail)
    if kind == "samples" and detail.isdigit() and 2 <= int(detail) <= 20:
        return Samples(int(detail))
    found = _PLAIN.get(part)
    if found is None:
        raise WrongUse(f"confidence={text!r} is not known. Use {SOURCES}.")
    return found()


_PLAIN: dict[str, type[TokenProbability | Models | CheckScores | JudgeGrade | StudentProbability]] = {
    "tokens": TokenProbability,
    "models": Models,
    "checks": CheckScores,
    "judge": JudgeGrade,
    "student": StudentProbability,
}


def samples_of(source: Source | None) -> int:
    """How many answers of one model the source needs."""
    return max((part.count for part in _parts(source) if isinstance(part, Samples)), default=1)


def kinds_of(source: Source | None) -> set[type[Single]]:
    """The kinds of sources that it is made of."""
    return {type(part) for part in _parts(source)}


def field_of(source: Source | None) -> str:
    """The field of an answer that says how sure it is, as a dotted path; it is no part of what is right or wrong."""
    return next((part.path for part in _parts(source) if isinstance(part, SelfReported)), "")


def _parts(source: Source | None) -> tuple[Single, ...]:
    if source is None:
        return ()
    return source.sources if isinstance(source, Combined) else (source,)


def favourite(answers: Sequence[Checked[T]], source: Source | None = None) -> Valid[T] | None:
    """The valid answer that most of them give; the earliest of those where there is a tie."""
    if len(answers) == 1:
        return answers[0] if isinstance(answers[0], Valid) else None
    valid = [answer for answer in answers if isinstance(answer, Valid)]
    if len(valid) <= 1:
        return valid[0] if valid else None
    apart = field_of(source)
    said = {id(answer): _words(answer, apart) for answer in valid}
    counts = Counter(said.values())
    return max(valid, key=lambda answer: counts[said[id(answer)]])


def _words(answer: Valid[T], apart: str) -> bytes:
    """What an answer says, apart from the field that says how sure it is."""
    return orjson.dumps(without(orjson.loads(answer.body), apart)) if apart else answer.body


def without(answer: Any, path: str) -> Any:
    """An answer without one field."""
    name, _, rest = path.partition(".")
    if not path or not isinstance(answer, dict) or name not in answer:
        return answer
    if rest:
        return {**answer, name: without(answer[name], rest)}
    return {key: value for key, value in answer.items() if key != name}


def confidence_of(
    source: Source, chosen: Valid[T], answers: Sequence[Checked[T]], earlier: Sequence[Valid[T]]
) -> float | None:
    """How sure the source is of `chosen`, from 0 to 1; None where it cannot say.

    Args:
        answers: everything this model answered; invalid samples count as disagreement.
        earlier: the valid answers of the models asked before, one each.
    """
    if not isinstance(source, Combined):
        return _said(source, chosen, answers, earlier)
    apart = field_of(source)
    said: list[float] = []
    for part in source.sources:
        found = _said(part, chosen, answers, earlier, apart)
        if found is not None:
            said.append(found)
        elif not isinstance(part, TokenProbability | StudentProbability):
            return None
    return min(said, default=None)


def _said(
    source: Single,
    chosen: Valid[T],
    answers: Sequence[Checked[T]],
    earlier: Sequence[Valid[T]],
    apart: str = "",
) -> float | None:
    def agrees(other: Checked[T]) -> bool:
        return isinstance(other, Valid) and _words(other, apart) == _words(chosen, apart)

    match source:
        case SelfReported(path):
            return _at(orjson.loads(chosen.body), path)
        case TokenProbability():
            return None if _is_students(chosen) else chosen.reply.token_probability
        case Samples():
            return sum(map(agrees, answers)) / len(answers)
        case Models():
            if not earlier:
                return None
            return (1 + sum(map(agrees, earlier))) / (1 + len(earlier))
        case CheckScores():
            return min((score for _, score in chosen.scores), default=1.0)
        case JudgeGrade():
            return next((score for name, score in chosen.scores if name == GRADED), None)
        case StudentProbability():
            return _students(chosen, earlier)


def _students(chosen: Valid[T], earlier: Sequence[Valid[T]]) -> float | None:
    """What the student gives to an answer; to one that is not its own at most the rest."""
    own = next((answer for answer in (chosen, *earlier) if _is_students(answer)), None)
    probability = None if own is None else own.reply.token_probability
    if own is None or probability is None:
        return None
    return probability if own.body == chosen.body else 1 - probability


def _is_students(answer: Valid[T]) -> bool:
    return answer.reply.model.startswith(STUDENT)


def _at(value: object, path: str) -> float | None:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)
