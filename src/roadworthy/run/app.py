"""An app: a named set of steps and workflows with one ledger and one set of limits."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Self, TypeAlias, TypeVar

from roadworthy._errors import Failed, Rejected, Waiting, WrongUse
from roadworthy._events import Listener, silence
from roadworthy._figure import is_number, is_whole, plain
from roadworthy._settings import Settings, read_settings
from roadworthy.accept.passage import Passage
from roadworthy.ask.passages import Passages
from roadworthy.ask.prompt import Prompt
from roadworthy.call.model import Function, Model, as_models
from roadworthy.call.price import Price, checked_prices, pico
from roadworthy.decide.confidence import JudgeGrade, kinds_of
from roadworthy.decide.promise import promise_of
from roadworthy.decide.rule import Rule, rule_of
from roadworthy.run.entry import Entry, Key, Result, Step, Workflow
from roadworthy.run.plan import PERIODS, Plan

if TYPE_CHECKING:
    from roadworthy._clock import Clock
    from roadworthy.ask.split import Split
    from roadworthy.check.judge import Judge
    from roadworthy.run.doors import Doors
    from roadworthy.run.runtime import Runtime
    from roadworthy.run.session import Session

R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")
EXAMPLES_MAX = 20  # more cost more with each question and teach little
P = ParamSpec("P")
Asking: TypeAlias = Callable[[R], Prompt[T]] | Callable[[R, list[Passage]], Prompt[T]]
"""A step's function: of the record, or of the record and the passages that fit it."""


class App:
    """A named set of steps and workflows with one ledger and one set of limits.

    Args:
        name: names the ledger, the jobs and the reports; letters, digits, `-` and `_`.
        budget_usd: the cap on everything this app spends per `budget_period`; None for none.
        budget_period: `total`, `day` or `month` (UTC).
        record_budget_usd: the most that may be spent on one record; past it a person is asked.
        ledger: the ledger's file, or `postgresql://...` (extra `postgres`); `ROADWORTHY_LEDGER` overrides it; default
            `<name>.db` in the working directory.
        namespace: part of every reply's identity; two namespaces never share a reply.
        prices: prices by model name, for models that the bundled price list does not know.
        settings: rows of docs/settings.md that differ from their defaults.
        gate: an edited step wants `--yes` to run, unless `roadworthy learn APP --candidate FILE --apply` promoted it.

    Raises:
        WrongUse: a name, cap or period that cannot be used.
    """

    def __init__(  # noqa: PLR0913 - the app's own declarations, by name
        self,
        name: str,
        *,
        budget_usd: float | str | Decimal | None = None,
        budget_period: str = "total",
        record_budget_usd: float | str | Decimal | None = None,
        ledger: str | Path = "",
        namespace: str = "",
        prices: Mapping[str, Price] | None = None,
        settings: Mapping[str, float | int] | None = None,
        gate: bool = False,
    ) -> None:
        if not name or not name.replace("-", "").replace("_", "").isalnum():
            raise WrongUse(f"The app's name is {name!r}. Use letters, digits, `-` and `_`.")
        if budget_period not in PERIODS:
            raise WrongUse(f"budget_period={budget_period!r}: use one of {', '.join(PERIODS)}.")
        if not isinstance(ledger, str | Path):  # None is a variable that is not set, and means no file
            raise WrongUse(
                f"ledger={ledger!r}: give a file's path or a postgresql:// address, or leave it out for {name}.db."
            )
        self.name = name
        self.plan = Plan(
            name=name,
            payer=name,
            namespace=namespace or name,
            ledger=str(ledger),
            budget_pico=_cap("budget_usd", budget_usd),
            budget_period=budget_period,
            record_budget_pico=_cap("record_budget_usd", record_budget_usd),
            prices=checked_prices(prices),
            given_settings=dict(settings or {}),
            gated=gate,
        )
        self._doors: Doors | None = None
        self._thread: _LoopThread | None = None
        # Threads that call first at the same time get the same doors and loop.
        self._beginning = threading.Lock()

    def step(  # noqa: PLR0913 - a step's own declarations, by name
        self,
        *,
        models: Sequence[str | Model | Function],
        review_below: float | None = None,
        confidence: str | None = None,
        review: bool = True,
        key: Key = None,
        mask: bool | Collection[str] = False,
        max_error: float | None = None,
        audit_share: float | None = None,
        hold_until_certified: bool = False,
        context: Passages | None = None,
        split: str | None = None,
        part_chars: int | None = None,
        judge: Judge | None = None,
        examples: int = 0,
    ) -> Callable[[Asking[R, T]], Step[R, T]]:
        """Declare a step: a function from a record to a `Prompt`.

        Args:
            models: the ladder, cheapest first; the next one is asked when an answer is not good enough.
            review_below: an answer less confident than this goes to the next model, then to a person.
            confidence: where confidence comes from: `field:NAME`, `tokens`, `samples:N`, `models`, `checks`, `student`,
                or several as `checks+tokens`; then an answer is as sure as the least sure of them says.
            review: whether a person is asked when no model's answer is accepted; else the record fails.
            key: the field, or a function of the record, that identifies it; default its field `id`.
            mask: personal data that no model may see: True for all that is found, or some of `email`, `card`, `iban`,
                `phone`, `ip`, `key`. It is hidden in the question and shown again in the answer; a `Function` that
                takes the record sees it.
            max_error: the share of accepted answers that may be wrong by the reviewers' judgement. Chance picks some of
                them for a person (`roadworthy review`), and a certificate says how many can be wrong at most.
            audit_share: the share that is picked; default the setting `audit_share`.
            hold_until_certified: answers wait for `review` until the step is certified; then the same run accepts them.
            context: a folder or table; the function takes the passages of it that fit as its second parameter.
            split: the field of text that is cut where it is too long; `@step.merge` says how its parts' answers become one.
            part_chars: the most characters of a part; default the setting `part_chars_max`.
            judge: a second model that each answer must convince once it has passed the checks.
            examples: so many corrections of other records, which `learn --apply` chose, are shown to the models.

        Raises:
            WrongUse: no model, an unknown model name, a threshold without a source, or a share that cannot be.
        """
        if not models:
            raise WrongUse('A step needs a model: models=["openai:gpt-5-nano"].')
        ladder, examples = as_models(models), plain(examples)
        rule = rule_of(plain(review_below), confidence, people=review, promised=max_error is not None)
        hidden, cut = _hidden(mask, examples), _cut(split, plain(part_chars))
        promise = promise_of(plain(max_error), plain(audit_share), hold=hold_until_certified)

        def declare(fn: Asking[R, T]) -> Step[R, T]:
            self._check_name(fn.__name__)
            step = Step(
                self,
                fn,
                models=ladder,
                rule=_graded(rule, judge),
                key=key,
                settings=self._settings,
                mask=hidden,
                promise=promise,
                context=context,
                split=cut,
                judge=judge,
                examples=examples,
            )
            self.plan.steps.append(step)
            return step

        return declare

    def workflow(self, fn: Callable[[R], Awaitable[T]]) -> Workflow[R, T]:
        """Declare a workflow: a plain async function that awaits steps. On every resume it runs again from the top."""
        self._check_name(fn.__name__)
        workflow = Workflow(self, fn, key=None)
        self.plan.workflows.append(workflow)
        return workflow

    def once(self, fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """Keep the result of an async function per record and arguments, so that a resume does not run it again.

        It runs at least once: a process that dies inside it runs it again with the same `idempotency_key`,
        which is passed to a parameter of that name where the function has one. Its result must be JSON-able.
        """

        @functools.wraps(fn)
        async def kept(*args: P.args, **kwargs: P.kwargs) -> T:
            session = self._session()
            if session is None:
                return await fn(*args, **kwargs)
            from roadworthy.run.once import Once  # noqa: PLC0415 - the rooms load when work begins

            return await Once(fn).run(session, args, kwargs)

        return kept

    async def approval(self, question: str, subject: S) -> S:
        """Wait for a person, across restarts. Returns what was approved: `subject`, or the person's correction.

        Raises:
            Waiting: nobody has ruled yet.
            Rejected: the person said no.
            WrongUse: called outside a workflow.
        """
        session = self._session()
        if session is None:
            raise WrongUse("app.approval() works inside a workflow only; outside there is nothing to resume.")
        from roadworthy.run.approval import approve  # noqa: PLC0415 - the rooms load when work begins

        return await approve(session, question, subject)

    async def answer(self, entry: Entry[R, T], record: R) -> T:
        """The accepted answer of an entry for one record; inside a workflow, as part of its record."""
        session = self._session()
        if session is not None and isinstance(entry, Step):
            from roadworthy.run.work import step_in_workflow  # noqa: PLC0415 - the rooms load when work begins

            return await step_in_workflow(entry, record, session)
        door = self._every_door().enter()
        try:
            ended = await door.run(entry, record)
        finally:
            await door.leave()
        kept = ended.kept
        match kept.outcome:
            case "accepted":
                answer: T = ended.value
                return answer
            case "waiting":
                raise Waiting(kept.waiting_for, kept.reason)
            case "rejected":
                raise Rejected(kept.key, kept.reason)
            case _:
                raise Failed(kept.key, kept.reason)

    async def result(self, entry: Entry[R, T], record: R) -> Result[T]:
        """Where one record stands after running it through an entry; never raises for a record."""
        door = self._every_door().enter()
        try:
            return await door.result(entry, record)
        finally:
            await door.leave()

    def wait_for(self, work: Awaitable[T]) -> T:
        """Run `work` to its end in the app's own thread; for code without an event loop, or beside one."""
        with self._beginning:
            if self._thread is None:
                self._thread = _LoopThread()
        return self._thread.run(work)

    async def close(self) -> None:
        """Close ledger and connections; the app may be used again after.

        Calls in flight in this loop are cut off. Those in another thread's loop, or of `.sync()`, go on, and what they
        use is closed with the last of them.
        """
        if self._doors is not None:
            await self._doors.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start_settings(self) -> Settings:
        """The app's settings: the table's defaults under the environment under what the app gives."""
        return self._settings()

    def start(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        tell: Listener = silence,
        clock: Clock | None = None,
        **changes: float,
    ) -> Runtime:
        """A runtime of this app: models, prices, keys and ledger are checked here, before anything is paid.

        Args:
            environ: where keys, base URLs and the ledger's place are read.
            tell: hears what happens.
            clock: time and chance for calls; default the machine's. A test may let time run faster.
            changes: settings that this runtime alone has otherwise.

        Raises:
            WrongUse: any of those is wrong.
            LedgerUnavailable: the ledger cannot be opened just now.
        """
        from roadworthy.run.door import start  # noqa: PLC0415 - the rooms load when work begins

        environ = os.environ if environ is None else environ
        return start(
            self.plan,
            self.ledger_place(environ),
            self._settings(),
            environ,
            tell=tell,
            clock=clock,
            **changes,
        )

    def ledger_place(self, environ: Mapping[str, str] | None = None) -> str:
        """Where the ledger is: a file's whole path, or a `postgresql://` address."""
        environ = os.environ if environ is None else environ
        place = environ.get("ROADWORTHY_LEDGER") or self.plan.ledger or f"{self.name}.db"
        return place if "://" in place else str(Path(place).resolve())

    def _settings(self) -> Settings:
        if self.plan.settings is None:
            self.plan.settings = read_settings(self.plan.given_settings)
        return self.plan.settings

    def _check_name(self, name: str) -> None:
        taken = [entry.name for entry in [*self.plan.steps, *self.plan.workflows]]
        if name in taken:
            raise WrongUse(
                f"The app {self.name!r} has an entry {name!r} already. Give this one another name. In a notebook run the cell "
                "of `app = App(...)` first, then this one."
            )

    def _every_door(self) -> Doors:
        doors = self._doors
        if doors is None:
            from roadworthy.run.doors import Doors  # noqa: PLC0415 - the rooms load when work begins

            with self._beginning:
                doors = self._doors = self._doors or Doors(self.start)
        return doors

    def _session(self) -> Session | None:
        """The session of this app's workflow that the caller runs in."""
        if "roadworthy.run.session" not in sys.modules:
            return None
        from roadworthy.run.session import current_session  # noqa: PLC0415 - the rooms load when work begins

        session = current_session()
        return session if session is not None and session.runtime.plan is self.plan else None


def _graded(rule: Rule, judge: Judge | None) -> Rule:
    """The rule, once its judge gives the grade that it counts on."""
    if JudgeGrade in kinds_of(rule.source) and (judge is None or not judge.grades):
        raise WrongUse('confidence="judge" needs a judge that grades: judge=Judge(..., grades=True).')
    return rule


def _hidden(mask: bool | Collection[str], examples: int) -> tuple[str, ...]:  # noqa: FBT001 - as `App.step` takes it
    if not is_whole(examples) or not 0 <= examples <= EXAMPLES_MAX:
        raise WrongUse(f"examples={examples!r}: give 0 to {EXAMPLES_MAX}.")
    if not mask:
        return ()
    if examples:
        raise WrongUse(
            "examples= shows other records to the models, and mask= hides what they say. Give one of them."
        )
    from roadworthy.accept.personal import mask_kinds  # noqa: PLC0415 - few steps hide anything

    return mask_kinds(mask)


def _cap(name: str, usd: float | str | Decimal | None) -> int | None:
    usd = plain(usd)
    return None if usd is None else pico(str(usd) if is_number(usd) else usd, name)  # type: ignore[arg-type] # what else it is, is refused


def _cut(split: str | None, part_chars: int | None) -> Split | None:
    if split is None and part_chars is None:
        return None
    from roadworthy.ask.split import split_of  # noqa: PLC0415 - few steps cut anything

    return split_of(split, part_chars)


class _LoopThread:
    """One event loop in one thread: the one sync door."""

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415 - as above

        self._asyncio = asyncio
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="roadworthy-sync", daemon=True).start()

    def run(self, work: Awaitable[T]) -> T:
        async def all_of_it() -> T:
            return await work

        return self._asyncio.run_coroutine_threadsafe(all_of_it(), self._loop).result()
