"""An app: a named set of steps and workflows with one ledger and one set of limits."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import ParamSpec, Self, TypeVar, cast

from roadworthy._errors import Failed, Rejected, Waiting, WrongUse
from roadworthy._events import Listener, silence
from roadworthy._settings import Settings, read_settings
from roadworthy.accept.intake import record_from_value
from roadworthy.ask.prompt import Prompt
from roadworthy.call.model import Function, Model, as_model
from roadworthy.call.price import Price, pico, usd
from roadworthy.decide.confidence import parse_source
from roadworthy.decide.rule import Rule
from roadworthy.keep.jobs import begin_run, open_job
from roadworthy.keep.records import Kept, find_record, take_direct
from roadworthy.keep.store import SqliteStore
from roadworthy.run.approval import approve
from roadworthy.run.entry import Entry, Key, Result, Step, Workflow
from roadworthy.run.once import Once
from roadworthy.run.plan import PERIODS, Plan
from roadworthy.run.runtime import Runtime
from roadworthy.run.session import current_session
from roadworthy.run.work import begin, run_record, step_in_workflow

R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")
P = ParamSpec("P")
DIRECT = "(direct)"


@dataclass(slots=True)
class _Open:
    """A runtime at work in one event loop, with the job that direct calls belong to."""

    runtime: Runtime
    loop: asyncio.AbstractEventLoop
    jobs: dict[str, tuple[int, int]] = field(default_factory=dict)


class App:
    """A named set of steps and workflows with one ledger and one set of limits.

    Args:
        name: names the ledger, the jobs and the reports; letters, digits, `-` and `_`.
        budget_usd: the cap on everything this app spends per `budget_period`; None for none.
        budget_period: `total`, `day` or `month` (UTC).
        ledger: the ledger's file; `ROADWORTHY_LEDGER` overrides it; default `<name>.db` in the working directory.
        namespace: part of every reply's identity; two namespaces never share a reply.
        prices: prices by model name, for models that the bundled price list does not know.
        settings: rows of docs/settings.md that differ from their defaults.

    Raises:
        WrongUse: a name, cap or period that cannot be used.
    """

    def __init__(
        self,
        name: str,
        *,
        budget_usd: float | str | Decimal | None = None,
        budget_period: str = "total",
        ledger: str | Path = "",
        namespace: str = "",
        prices: Mapping[str, Price] | None = None,
        settings: Mapping[str, float | int] | None = None,
    ) -> None:
        if not name or not name.replace("-", "").replace("_", "").isalnum():
            raise WrongUse(f"The app's name is {name!r}. Use letters, digits, `-` and `_`.")
        if budget_period not in PERIODS:
            raise WrongUse(f"budget_period={budget_period!r}: use one of {', '.join(PERIODS)}.")
        self.name = name
        self.plan = Plan(
            name=name,
            namespace=namespace or name,
            ledger=str(ledger),
            budget_pico=None if budget_usd is None else pico(str(budget_usd)),
            budget_period=budget_period,
            prices=dict(prices or {}),
            given_settings=dict(settings or {}),
        )
        self._open: _Open | None = None
        self._thread: _LoopThread | None = None

    def step(
        self,
        *,
        models: Sequence[str | Model | Function],
        review_below: float | None = None,
        confidence: str | None = None,
        review: bool = True,
        key: Key[R] = None,
    ) -> Callable[[Callable[[R], Prompt[T]]], Step[R, T]]:
        """Declare a step: a function from a record to a `Prompt`.

        Args:
            models: the ladder, cheapest first; the next one is asked when an answer is not good enough.
            review_below: an answer less confident than this goes to the next model, then to a person.
            confidence: where confidence comes from: `field:NAME`, `tokens`, `samples:N` or `models`.
            review: whether a person is asked when no model's answer is accepted; else the record fails.
            key: the field, or a function of the record, that identifies it; default its field `id`.

        Raises:
            WrongUse: no model, an unknown model name, or a threshold without a source.
        """
        if not models:
            raise WrongUse('A step needs a model: models=["openai:gpt-5-nano"].')
        ladder = [as_model(model) for model in models]
        source = None if confidence is None else parse_source(confidence)
        rule = Rule(review_below, source, review)

        def declare(fn: Callable[[R], Prompt[T]]) -> Step[R, T]:
            self._check_name(fn.__name__)
            step = Step(self, fn, models=ladder, rule=rule, key=key, settings=self._settings)
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
        once = Once(fn)

        @functools.wraps(fn)
        async def kept(*args: P.args, **kwargs: P.kwargs) -> T:
            session = current_session()
            if session is None:
                return await fn(*args, **kwargs)
            return await once.run(session, args, kwargs)

        return kept

    async def approval(self, question: str, subject: S) -> S:
        """Wait for a person, across restarts. Returns what was approved: `subject`, or the person's correction.

        Raises:
            Waiting: nobody has ruled yet.
            Rejected: the person said no.
            WrongUse: called outside a workflow.
        """
        session = current_session()
        if session is None:
            raise WrongUse("app.approval() works inside a workflow only; outside there is nothing to resume.")
        return await approve(session, question, subject)

    async def answer(self, entry: Entry[R, T], record: R) -> T:
        """The accepted answer of an entry for one record; inside a workflow, as part of its record."""
        session = current_session()
        if session is not None and isinstance(entry, Step):
            return await step_in_workflow(entry, record, session)
        result = await self.result(entry, record)
        match result.outcome:
            case "accepted":
                return cast("T", result.value)
            case "waiting":
                raise Waiting(result.waiting_for, result.reason)
            case "rejected":
                raise Rejected(result.key, result.reason)
            case _:
                raise Failed(result.key, result.reason)

    async def result(self, entry: Entry[R, T], record: R) -> Result[T]:
        """Where one record stands after running it through an entry."""
        opened = self._runtime()
        job_id, run_id = await self._direct_job(opened, entry.name)
        taken = record_from_value(
            record, schema=entry.record_schema, key=entry.key, settings=opened.runtime.settings
        )
        kept = await opened.runtime.store.write(lambda tx: take_direct(tx, job_id, run_id, taken))
        session = begin(opened.runtime, kept, run_id)
        await run_record(entry, cast("R", taken.value), session)
        after = opened.runtime.store.read(lambda tx: find_record(tx, kept.id))
        assert after is not None
        return _result(entry, after)

    def wait_for(self, work: Awaitable[T]) -> T:
        """Run `work` to its end in the app's own thread; for code without an event loop, or beside one."""
        if self._thread is None:
            self._thread = _LoopThread()
        return self._thread.run(work)

    async def close(self) -> None:
        """Close ledger and connections; the app may be used again after."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened.runtime.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start_settings(self) -> Settings:
        """The app's settings: the table's defaults under the environment under what the app gives."""
        return self._settings()

    def start(
        self, environ: Mapping[str, str] | None = None, *, tell: Listener = silence, **changes: float
    ) -> Runtime:
        """A runtime of this app: models, prices, keys and ledger are checked here, before anything is paid.

        Args:
            environ: where keys, base URLs and the ledger's place are read.
            tell: hears what happens.
            changes: settings that this runtime alone has otherwise.

        Raises:
            WrongUse: any of those is wrong.
            LedgerUnavailable: the ledger cannot be opened just now.
        """
        environ = os.environ if environ is None else environ
        settings = replace(self._settings(), **changes)  # type: ignore[arg-type] # every setting is a number
        store = SqliteStore(self.ledger_path(environ), settings)
        try:
            runtime = Runtime(self.plan, store, settings, environ, tell=tell)
            runtime.reap()
        except BaseException:
            store.close()
            raise
        return runtime

    def ledger_path(self, environ: Mapping[str, str] | None = None) -> Path:
        """Where the ledger is."""
        environ = os.environ if environ is None else environ
        place = environ.get("ROADWORTHY_LEDGER") or self.plan.ledger or f"{self.name}.db"
        if "://" in place:
            raise WrongUse(
                f"The ledger {place!r} is not a file. This version keeps its ledger in a SQLite file."
            )
        return Path(place).resolve()

    def _settings(self) -> Settings:
        if self.plan.settings is None:
            self.plan.settings = read_settings(self.plan.given_settings)
        return self.plan.settings

    def _check_name(self, name: str) -> None:
        taken = [entry.name for entry in [*self.plan.steps, *self.plan.workflows]]
        if name in taken:
            raise WrongUse(f"The app {self.name!r} has two entries called {name!r}. Rename one.")

    def _runtime(self) -> _Open:
        loop = asyncio.get_running_loop()
        if self._open is not None and self._open.loop is not loop:
            self._open.runtime.store.close()
            self._open = None
        if self._open is None:
            self._open = _Open(self.start(), loop)
        return self._open

    async def _direct_job(self, opened: _Open, entry: str) -> tuple[int, int]:
        if entry not in opened.jobs:
            store = opened.runtime.store
            job_id = await store.write(lambda tx: open_job(tx, self.name, entry, DIRECT))
            await asyncio.to_thread(opened.runtime.set_caps, job_id, None)
            run_id = await store.write(lambda tx: begin_run(tx, job_id, store.owner))
            opened.jobs[entry] = (job_id, run_id)
        return opened.jobs[entry]


class _LoopThread:
    """One event loop in one thread: the one sync door."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="roadworthy-sync", daemon=True).start()

    def run(self, work: Awaitable[T]) -> T:
        async def all_of_it() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(all_of_it(), self._loop).result()


def _result(entry: Entry[R, T], kept: Kept) -> Result[T]:
    value: T | None = None
    if kept.outcome == "accepted" and kept.value is not None:
        value = entry.read_answer(kept.value)
    return Result(
        key=kept.key,
        outcome=kept.outcome,
        value=value,
        confidence=kept.confidence,
        certified=kept.certified,
        cost_usd=usd(kept.cost_pico),
        model=kept.model,
        attempts=kept.attempts,
        reason=kept.reason,
        waiting_for=kept.waiting_for,
    )
