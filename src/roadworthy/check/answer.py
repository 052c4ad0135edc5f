"""Judging an answer: from a raw reply to a valid value or the fault that says why not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError

from roadworthy._errors import Fault, WrongUse
from roadworthy._figure import plain
from roadworthy._function import refuse_check, takes_passages
from roadworthy._settings import Settings
from roadworthy.accept.passage import Passage
from roadworthy.accept.record import Json
from roadworthy.ask.part import json_bytes
from roadworthy.ask.question import OutputSchema
from roadworthy.ask.schema import WRAPPER
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Checked, Invalid, Valid
from roadworthy.check.fault import storable_fault, summed, validation_fault
from roadworthy.check.mend import mend
from roadworthy.check.shape import Shape
from roadworthy.check.written import may_differ

T = TypeVar("T")
R = TypeVar("R")

UNFINISHED = {
    Ending.TRUNCATED: "The answer was cut off before its end. Answer more briefly, or allow more output tokens.",
    Ending.REFUSED: "The model refused to answer.",
    Ending.FILTERED: "The provider's content filter held the answer back.",
    Ending.EMPTY: "There was no answer. Send one JSON object that meets the schema.",
}
_NOT_READ = (Fault, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a type raises of what it wrote itself and does not read: a validator of the team's own is not made for it."""


class Checker(Generic[T]):
    """Checks the replies of one step. Build it once; it is a pure function of the reply and the record.

    The answer is validated by pydantic in strict JSON mode: JSON's own types and pydantic's own text forms
    (dates, decimals, UUIDs, enumerations) are taken, and nothing is converted that would change what was said.
    The text "5" is no number, 1 is no truth value, and 5 is no moment in 1970. A type that wants leniency says so
    with a validator of its own. Fields that no model knows are a fault, unless the model allows them.

    Args:
        kind: the output type.
        schema: its compiled schema.
        checks: functions of the answer and the record, in order; the first fault ends the checking. A check
            raises `Fault` (or fails an `assert`), or returns None or a score from 0 to 1, and does not change the
            answer. Any other exception of theirs is a bug in the check and passes through `check`.
        settings: the limits of an answer.

    Raises:
        WrongUse: a check is a coroutine function, or takes something else than it is given.
    """

    def __init__(
        self,
        kind: type[T],
        schema: OutputSchema,
        checks: Sequence[Callable[..., float | None]],
        settings: Settings,
    ) -> None:
        for check in checks:
            refuse_check(check)
        self._wrapped = schema.wrapped
        outer: Any = create_model("Answer", value=(kind, ...)) if schema.wrapped else kind
        self._outer: TypeAdapter[Any] = TypeAdapter(outer)
        self._inner: TypeAdapter[T] = TypeAdapter(kind)
        self._shape = Shape(schema.canonical)
        self._extra: Literal["forbid"] | None = None if self._shape.is_open else "forbid"
        self._has_sets = b'"uniqueItems":true' in schema.canonical
        self._writes_otherwise = may_differ(self._inner.core_schema)
        self._checks = tuple((_plain(check), check, takes_passages(check)) for check in checks)
        self._settings = settings

    def check(self, reply: Reply, record_value: object, passages: Sequence[Passage] = ()) -> Checked[T]:
        """The reply's answer if it finished, parsed, meets the schema and passes the checks; else why not.

        Args:
            reply: what came back.
            record_value: the record.
            passages: what the question was asked with; for checks that take a third parameter.
        """
        answer: Json = None
        mended: tuple[str, ...] | None = None
        try:
            if reply.ending is not Ending.OK or not reply.text.strip():
                raise _unfinished(reply.ending)
            answer, mended = mend(reply.text, self._settings)
            value, meant = self._validated(answer) if reply.attempt else self._given(answer)
            body = self._body(value)
            if self._writes_otherwise and not self._reads(body):
                body = self._suggestion(meant)
            scores = self._scores(value, record_value, passages) if self._checks else ()
        except Fault as fault:
            suggestion = self._suggestion(answer) if mended is not None else None
            return Invalid(reply, storable_fault(fault), suggestion)
        return Valid(reply, value, body, mended, scores)

    def _scores(
        self, value: T, record_value: object, passages: Sequence[Passage]
    ) -> tuple[tuple[str, float], ...]:
        """What the checks say of the answer, by name, where they say anything."""
        scores = []
        for name, check, has_third in self._checks:
            given = (value, record_value, list(passages)) if has_third else (value, record_value)
            try:
                said = check(*given)
            except Fault as fault:
                fault.check = name
                raise
            except AssertionError as error:
                unmet = Fault(str(error) or f"The check {_named(check)} did not hold for the answer.")
                unmet.check = name
                raise unmet from error
            if said is not None:
                scores.append((name, _score(check, said)))
        return tuple(scores)

    def _given(self, answer: Json) -> tuple[T, Json]:
        """What no model said, and a person or the ledger may: the value itself, as it was shown, computed fields and all."""
        readings = [answer]
        if self._wrapped:
            inside: Json = {WRAPPER: answer}
            bare = isinstance(answer, dict) and answer.keys() == {WRAPPER}
            readings = [answer, inside] if bare else [inside]
        readings += [self._shown.without_computed(reading) for reading in readings]
        first: Fault | None = None
        for reading in readings:
            try:
                return self._validated(reading)
            except Fault as fault:
                first = first or fault
        assert first is not None
        raise first

    @cached_property
    def _shown(self) -> Shape:
        """The shape in which an answer is kept and shown; the one it is asked for in where that cannot be said."""
        try:
            schema = self._outer.json_schema(mode="serialization")
        except PydanticUserError:
            return self._shape
        return Shape(orjson.dumps(schema))

    def _validated(self, answer: Json) -> tuple[T, Json]:
        """The value, and the answer that it was read from."""
        text = _written(answer)
        if self._shape.has_omittable and b"null" in text:
            try:
                return self._met(answer, text), answer  # null is what one type of several may mean
            except Fault:
                answer = self._shape.drop_nulls(answer)
                text = _written(answer)
        return self._met(answer, text), answer

    def _reads(self, body: bytes) -> bool:
        """Whether what the type wrote is what it reads and writes again: people rule on it, and it is shown as an example."""
        try:
            value, _ = self._given(json.loads(body))
            return self._body(value) == body
        except _NOT_READ:
            return False

    def _met(self, answer: Json, text: bytes) -> T:
        if self._shape.is_open:
            unknown = list(self._shape.extra_keys(answer))
            if unknown:
                raise summed([(path, "is not a field of the answer: leave it out") for path in unknown])
        try:
            found: Any = self._outer.validator.validate_json(text, strict=True, extra=self._extra)
        except ValidationError as error:
            raise validation_fault(error) from error
        value: T = getattr(found, WRAPPER) if self._wrapped else found
        return value

    def _body(self, value: T) -> bytes:
        """Canonical JSON: sorted keys, sorted sets, the names the schema uses."""
        if self._has_sets:
            return json_bytes(value, by_alias=True)
        plain = self._inner.serializer.to_python(value, mode="json", by_alias=True, warnings=False)
        return _written(plain, orjson.OPT_SORT_KEYS)

    def _suggestion(self, answer: Json) -> bytes:
        if self._wrapped and isinstance(answer, dict) and answer.keys() == {WRAPPER}:
            answer = answer[WRAPPER]
        return _written(answer, orjson.OPT_SORT_KEYS)


def _unfinished(ending: Ending) -> Fault:
    """What did not come to its end is never parsed, whatever it looks like."""
    ending = Ending.EMPTY if ending is Ending.OK else ending
    words = UNFINISHED.get(ending, f"The attempt ended as {ending.value}, without an answer.")
    return Fault(words, kind=ending.value)


def _score(check: Callable[..., float | None], returned: object) -> float:
    """What a check returned, which is a score."""
    returned = plain(returned)
    if isinstance(returned, bool) or not isinstance(returned, int | float):
        raise WrongUse(
            f"The check {_named(check)} returned a {type(returned).__name__}. A check raises Fault when the answer is "
            "wrong; it returns nothing when it is right, or a score from 0 to 1."
        )
    if not 0 <= returned <= 1:
        raise WrongUse(
            f"The check {_named(check)} returned {returned!r}. A score is from 0 (wrong) to 1 (right)."
        )
    return float(returned)


def _named(check: object) -> str:
    return repr(_plain(check))


def _plain(check: object) -> str:
    return str(getattr(check, "__name__", type(check).__name__))


def _written(value: object, option: int = 0) -> bytes:
    try:
        return orjson.dumps(value, option=option)
    except TypeError:
        # Numbers beyond 64 bits, which orjson refuses to write.
        return json.dumps(value, sort_keys=bool(option), ensure_ascii=False, separators=(",", ":")).encode()
