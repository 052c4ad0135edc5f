"""Whether an answer is right, by a label: by comparing, since a label may be about another answer than this one."""

from __future__ import annotations

from typing import Any

import orjson

from roadworthy._quick import quick
from roadworthy.decide.confidence import without


@quick(frozen=True, slots=True)
class Judgement:
    """What a label says of a record.

    Attributes:
        answer: the right answer as JSON text, where it is known.
        correct: else whether `judged` is right.
        judged: the answer, as JSON text, that was called right or wrong.
        apart: a field, as a dotted path, that is no part of the answer: how sure the model says it is.
    """

    answer: str | None = None
    correct: bool | None = None
    judged: str | None = None
    apart: str = ""

    def of(self, said: str) -> bool | None:
        """Whether `said`, an answer as JSON text, is right; None where the label does not tell."""
        if self.correct is None:
            return None if self.answer is None else same_answer(said, self.answer, self.apart)
        if self.judged is None:
            return None
        same = same_answer(said, self.judged, self.apart)
        if self.correct:
            return same
        return False if same else None

    @property
    def right(self) -> str | None:
        """The right answer as JSON text, where it is known."""
        return self.judged if self.correct else self.answer


def same_answer(said: str, wanted: str, apart: str = "") -> bool:
    """Whether two answers are one: the same JSON `apart` from one field, or one is the other's only field."""
    left, right = (without(orjson.loads(text), apart) for text in (said, wanted))
    return bool(left == right or _only(left) == right or (isinstance(left, dict) and left == _only(right)))


def forms_of(right: str, said: str, apart: str = "") -> list[str]:
    """A right answer in the forms in which it may take another answer's place, as JSON text, its own form first.

    A label may be the only field of an answer, and may leave the field out that is no part of it: the latter is then
    what the other answer has there.
    """
    given, other = orjson.loads(right), orjson.loads(said)
    forms = [given]
    bare = without(other, apart)
    if isinstance(bare, dict) and len(bare) == 1:
        forms.append(dict.fromkeys(bare, given))
    elif not isinstance(other, dict) and isinstance(given, dict) and len(given) == 1:
        forms.append(_only(given))
    forms += [_completed(form, other, apart) for form in forms]
    return list(dict.fromkeys(orjson.dumps(form).decode() for form in forms))


def _completed(answer: Any, other: Any, path: str) -> Any:
    """An answer with one field of another one, where it has none there."""
    name, _, rest = path.partition(".")
    if not isinstance(answer, dict) or not isinstance(other, dict) or name not in other:
        return answer
    if rest:
        return {**answer, name: _completed(answer.get(name), other[name], rest)}
    return {name: other[name], **answer}


class _Nothing:
    """Equal to no answer."""


def _only(answer: Any) -> Any:
    return next(iter(answer.values())) if isinstance(answer, dict) and len(answer) == 1 else _Nothing
