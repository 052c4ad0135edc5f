"""What can be run on a record: a step, or a workflow of steps."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Never,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
    overload,
)

from roadworthy._errors import WrongUse
from roadworthy._function import no_prompt, refuse_async, refuse_check, refuse_merge, refuse_parameters
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.passage import Passage
from roadworthy.ask.passages import Passages
from roadworthy.ask.prompt import Prompt
from roadworthy.ask.question import OutputSchema
from roadworthy.call.model import Function, Model, as_model, as_models
from roadworthy.decide.confidence import field_of, samples_of
from roadworthy.decide.promise import Promise
from roadworthy.decide.rule import Rule

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from roadworthy.accept.schema import RecordSchema
    from roadworthy.ask.split import Split
    from roadworthy.check.answer import Checker
    from roadworthy.check.judge import Grade, Judge, Opinion
    from roadworthy.run.vectors import Embedded, Texts

R = TypeVar("R")
T = TypeVar("T")
Key: TypeAlias = "str | Callable[[Never], str] | None"
"""A field's name or a function of the record. `Never` lets a function of any record type in without tying down R."""


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """Where a record stands, as `step.result(record)` says it.

    Attributes:
        outcome: `accepted`, `rejected`, `failed`, `waiting` or `pending`.
        value: the answer; None unless accepted.
        confidence: from 0 to 1 where the step names a source of it.
        certified: whether the answer is covered by a certificate.
        cost_usd: what all attempts for this record have cost so far.
        reason: why it is not accepted.
        waiting_for: `review`, `budget`, `provider` or `batch` where it waits.
    """

    key: str
    outcome: str
    value: T | None
    confidence: float | None
    certified: bool
    cost_usd: Decimal
    model: str
    attempts: int
    reason: str = ""
    waiting_for: str = ""


class Home(Protocol):
    """What an entry needs of its app."""

    name: str

    async def answer(self, entry: Entry[R, T], record: R) -> T:
        """The accepted answer, or Waiting, Rejected, Failed."""

    async def result(self, entry: Entry[R, T], record: R) -> Result[T]:
        """Where the record stands after trying."""

    def wait_for(self, work: Awaitable[T]) -> T:
        """Run `work` to its end from code without an event loop, or beside one."""


@quick(frozen=True, slots=True)
class Prepared(Generic[T]):
    """What is built once per step, at the start of work."""

    kind: type[T]
    schema: OutputSchema
    checker: Checker[T]
    folder: Path


class Entry(Generic[R, T]):
    """A step or a workflow: something a record can be run through."""

    def __init__(self, home: Home, fn: Callable[..., object], key: Key) -> None:
        self.home = home
        self.fn = fn
        self.name: str = fn.__name__
        self.key = key

    async def __call__(self, record: R) -> T:
        """The accepted answer for one record.

        Raises:
            Waiting: it waits for review, budget or a provider (a BaseException, so that nothing swallows it).
            Rejected: the record cannot be used, or a person said no.
            Failed: it ended without an acceptable answer.
        """
        return await self.home.answer(self, record)

    async def result(self, record: R) -> Result[T]:
        """Where one record stands; never raises for a record."""
        return await self.home.result(self, record)

    def sync(self, record: R) -> T:
        """The same as awaiting the entry, from code without an event loop; works in a notebook too."""
        return self.home.wait_for(self(record))

    @cached_property
    def hints(self) -> dict[str, object]:
        """The function's annotations, read when work begins so that names may be defined later in the file."""
        try:
            return typing.get_type_hints(self.fn)
        except NameError as error:
            raise WrongUse(
                f"{self.name}: an annotation names something that does not exist: {error}."
            ) from error

    @cached_property
    def answer_type(self) -> TypeAdapter[T]:
        """How an answer is read back from the ledger."""
        from pydantic import TypeAdapter  # noqa: PLC0415 - the rooms load when work begins

        returned = self.hints.get("return", object)
        kind: Any = get_args(returned)[0] if get_origin(returned) is Prompt else returned
        return TypeAdapter(kind)

    def read_answer(self, text: str) -> T:
        """A kept answer, typed again."""
        return self.answer_type.validate_json(text)

    @cached_property
    def record_schema(self) -> RecordSchema:
        """The type of record it takes: the annotation of its first parameter."""
        from roadworthy.accept.schema import RecordSchema  # noqa: PLC0415 - the rooms load when work begins

        names = list(inspect.signature(self.fn).parameters)
        if not names:
            raise WrongUse(f"{self.name}() takes no record. Give it one parameter, such as `ticket: Ticket`.")
        return RecordSchema(self.hints.get(names[0], dict))


class Step(Entry[R, T]):
    """One question to a model with its rules. Made by `@app.step(...)`."""

    def __init__(  # noqa: PLR0913 - what `App.step` was given, by name
        self,
        home: Home,
        fn: Callable[[R], Prompt[T]] | Callable[[R, list[Passage]], Prompt[T]],
        *,
        models: Sequence[Model | Function],
        rule: Rule,
        key: Key,
        settings: Callable[[], Settings],
        mask: tuple[str, ...] = (),
        promise: Promise | None = None,
        context: Passages | None = None,
        split: Split | None = None,
        judge: Judge | None = None,
        examples: int = 0,
    ) -> None:
        super().__init__(home, fn, key)
        self.examples = examples
        refuse_async(fn, "What is awaited goes into a workflow, `@app.workflow`; a step's function is plain")
        refuse_parameters(fn, has_corpus=context is not None)
        self.context = context
        self.split = split
        self.judge = judge
        self._merge: Callable[[list[T], R], T | Prompt[T]] | None = None
        self.mask = mask
        self.promise = promise
        self.models = tuple(models)
        self.rule = rule
        self.checks: list[Callable[..., float | None]] = []
        self._settings = settings

    def prompt(self, value: R, passages: Sequence[Passage] = ()) -> Prompt[T]:
        """What is asked about one record; `passages` are given on where the step has a corpus."""
        said = self.fn(value) if self.context is None else self.fn(value, list(passages))
        return said if isinstance(said, Prompt) else no_prompt(self.fn, said)

    @overload
    def check(self, fn: Callable[[T, R], float | None]) -> Callable[[T, R], float | None]: ...
    @overload
    def check(
        self, fn: Callable[[T, R, list[Passage]], float | None]
    ) -> Callable[[T, R, list[Passage]], float | None]: ...
    def check(self, fn: Callable[..., float | None]) -> Callable[..., float | None]:
        """Add a check: a function of (answer, record) that raises Fault when the answer is not valid.

        It may return a score from 0 to 1 instead, which counts where the step says `confidence="checks"`. One with a
        third parameter is given the passages that the question was asked with.
        """
        refuse_check(fn)
        self.checks.append(fn)
        return fn

    def merge(self, fn: Callable[[list[T], R], T | Prompt[T]]) -> Callable[[list[T], R], T | Prompt[T]]:
        """Say how the answers of a split record become one: a function of (answers, record).

        It returns the answer, or a `Prompt` that asks for it; the step's models are asked and its checks applied.
        """
        refuse_merge(fn)
        if self.split is None:
            raise WrongUse(f"{self.name} is not split, so there is nothing to merge. Add split= to its step.")
        self._merge = fn
        return fn

    @property
    def merging(self) -> Callable[[list[T], R], T | Prompt[T]]:
        """How the answers of a split record become one.

        Raises:
            WrongUse: nobody said how.
        """
        if self._merge is None:
            raise WrongUse(
                f"{self.name} has split= and says not how answers are merged. Add `@{self.name}.merge` over a function "
                "of (answers, record) that returns the answer or a Prompt for it."
            )
        return self._merge

    @cached_property
    def judging(self) -> Step[dict[str, object], Opinion | Grade] | None:
        """The hidden step that asks the judge; None where there is none."""
        if self.judge is None:
            return None
        asking: Any = self.judge.asking(self.name)
        models = as_models(self.judge.models)
        nobody = Rule(None, None, people=False)
        return Step(
            self.home, asking, models=models, rule=nobody, key=None, settings=self._settings, mask=self.mask
        )

    @cached_property
    def embedding(self) -> Step[Texts, Embedded] | None:
        """The hidden step that buys vectors for its passages and queries; None where they are not bought."""
        paid = None if self.context is None else self.context.paid
        if paid is None:
            return None
        from roadworthy.run.vectors import embedding_of  # noqa: PLC0415 - few steps buy vectors

        asking, model = embedding_of(self.name), as_model(cast("str | Model | Function", paid))
        nobody = Rule(None, None, people=False)
        return Step(
            self.home, asking, models=[model], rule=nobody, key=None, settings=self._settings, mask=self.mask
        )

    @property
    def settings(self) -> Callable[[], Settings]:
        """What gives the app's settings as they are."""
        return self._settings

    @property
    def part_chars(self) -> int:
        """The most characters of a split record's text that one question holds."""
        given = self.split.chars if self.split is not None else None
        return given or self._settings().part_chars_max

    @property
    def home_folder(self) -> Path:
        """Where the app's file is."""
        return Path(self.fn.__code__.co_filename).resolve().parent

    @cached_property
    def samples(self) -> int:
        """How many answers of one model its confidence needs."""
        return samples_of(self.rule.source)

    @property
    def apart(self) -> str:
        """The field of an answer that says how sure it is, as a dotted path; it is no part of what is right or wrong."""
        return field_of(self.rule.source)

    def without_checks(self) -> Checker[T]:
        """A checker of the schema alone, for an answer whose record is not at hand."""
        from roadworthy.check.answer import Checker  # noqa: PLC0415 - the rooms load when work begins

        return Checker(self.prepared.kind, self.prepared.schema, (), self._settings())

    @cached_property
    def prepared(self) -> Prepared[T]:
        """Schema, checker and folder; built once, at the start of work.

        Raises:
            WrongUse: the function does not say what it returns, or the type cannot be asked for.
        """
        from roadworthy.ask.schema import compile_schema  # noqa: PLC0415 - the rooms load when work begins
        from roadworthy.check.answer import Checker  # noqa: PLC0415 - the rooms load when work begins

        returned = self.hints.get("return")
        if get_origin(returned) is not Prompt or not get_args(returned):
            raise WrongUse(f"{self.name}() must say what comes out: annotate it `-> Prompt[YourType]`.")
        kind: type[T] = get_args(returned)[0]
        schema = compile_schema(kind)
        settings = self._settings()
        return Prepared(
            kind=kind,
            schema=schema,
            checker=Checker(kind, schema, tuple(self.checks), settings),
            folder=self.home_folder / "prompts",
        )


class Workflow(Entry[R, T]):
    """A plain async function that awaits steps; resumable because steps are kept. Made by `@app.workflow`."""

    def __init__(self, home: Home, fn: Callable[[R], Awaitable[T]], *, key: Key) -> None:
        if not inspect.iscoroutinefunction(fn):
            raise WrongUse(f"The workflow {fn.__name__} is not async. Write `async def {fn.__name__}(...)`.")
        super().__init__(home, fn, key)
        self.body = fn
