"""A worker: it claims records of jobs that others took in, runs them, commits. It holds nothing that the ledger lacks.

`roadworthy work` hosts one in a process of its own, a Kubernetes Job does the same, `run --engine ray` hosts them in actors.
"""

from __future__ import annotations

import asyncio
from typing import Any

from roadworthy._errors import WrongUse
from roadworthy._events import Listener
from roadworthy._quick import quick
from roadworthy.keep.transaction import Transaction, as_text
from roadworthy.observe.summary import Summary
from roadworthy.run.app import App
from roadworthy.run.entry import Entry
from roadworthy.run.job import DONE, INTERRUPTED, Job
from roadworthy.run.options import Options, at_once
from roadworthy.run.runtime import Runtime

DRAINED = "drained"
_LOOK_EVERY_S = 0.5


@quick(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker is to do.

    Attributes:
        entry: the step or workflow of the one job to work on; "" for any.
        job: the name of the one job to work on; None for every job of the app.
        stale_run: the run whose stale records are asked anew too; 0 for none.
        concurrency: records worked on at the same time; None for the setting.
        wait_s: seconds to wait for more work when there is none.
        gives_up: end, too, when all that is left waits for a provider and patience has run out.
    """

    entry: str = ""
    job: str | None = None
    stale_run: int = 0
    concurrency: int | None = None
    wait_s: float = 0.0
    gives_up: bool = False


class Helper:
    """A worker of one app in one event loop.

    Args:
        app: whose jobs it works on.
        work: which of them, and how.
        tell: hears what happens.
        changes: settings that it has otherwise than the app.

    Raises:
        WrongUse: a model, price, key or ledger is wrong; found before anything is paid.
    """

    def __init__(self, app: App, work: Work, tell: Listener, changes: dict[str, float] | None = None) -> None:
        at_once(work.concurrency, app.start_settings(), app.plan.steps)
        self._app = app
        self._work = work
        self._runtime = app.start(None, tell=tell, clock=None, **(changes or {}))
        self._working: asyncio.Task[tuple[Summary, int]] | None = None
        self._draining: asyncio.Task[None] | None = None

    @property
    def stopped(self) -> str:
        """What stopped it: `budget`, `provider`, `cancelled` or `drained`; "" for nothing."""
        return self._runtime.stopped

    @property
    def ledger(self) -> str:
        """What its ledger is called."""
        return self._runtime.store.name

    async def run(self) -> tuple[list[Summary], int]:
        """Work until nothing is left to do, nothing can be done, or someone says `drain`. Closes the ledger at the end."""
        runtime, work = self._runtime, self._work
        found: dict[tuple[str, str], Summary] = {}
        ended: dict[tuple[str, str], int] = {}
        ends = runtime.clock.monotonic() + work.wait_s
        try:
            while not runtime.stopped:
                for entry, name in runtime.store.read(self._unfinished_jobs):
                    found[entry, name], ended[entry, name] = await self._help(entry, name)
                    self._give_up_on(found[entry, name])
                    ends = runtime.clock.monotonic() + work.wait_s
                if runtime.clock.monotonic() >= ends:
                    break
                await runtime.wait_for_settlement(_LOOK_EVERY_S)
        finally:
            if self._draining is not None:
                self._draining.cancel()
            await runtime.close()
        return list(found.values()), max(ended.values(), default=DONE)

    def drain(self) -> None:
        """Claim nothing more; what is on the wire has `work_drain_s` to come back, then it is cut off and charged."""
        if self._draining is None:
            self._runtime.stopped = self._runtime.stopped or DRAINED
            self._draining = asyncio.ensure_future(self._cut_off_later())

    def cut_off(self) -> None:
        """End now: what is on the wire is charged at its worst case."""
        self._runtime.stopped = self._runtime.stopped or DRAINED
        if self._working is not None:
            self._working.cancel()

    async def _cut_off_later(self) -> None:
        await asyncio.sleep(self._runtime.settings.work_drain_s)
        self.cut_off()

    def _give_up_on(self, summary: Summary) -> None:
        if self._work.gives_up and summary.waiting.get("provider") and not summary.pending:
            self._runtime.stopped = self._runtime.stopped or "provider"

    async def _help(self, entry: str, name: str) -> tuple[Summary, int]:
        options = Options(
            job=name, concurrency=self._work.concurrency, joins=True, stale_run=self._work.stale_run
        )
        job = _job(self._app, self._runtime, entry, options)
        self._working = asyncio.ensure_future(job.run())
        try:
            return await self._working
        except asyncio.CancelledError:
            if not self._working.cancelled():
                raise  # not it but this very task was cancelled
            return job.end(INTERRUPTED), INTERRUPTED
        finally:
            self._working.cancel()

    def _unfinished_jobs(self, tx: Transaction) -> list[tuple[str, str]]:
        """(entry, name) of each job with records that a worker may go on with."""
        rows = tx.rows("unfinished_jobs", app=self._app.name, stale_run=self._work.stale_run)
        found = [(as_text(entry), as_text(name)) for entry, name in rows]
        work = self._work
        return [
            (entry, name) for entry, name in found if work.job in {None, name} and work.entry in {"", entry}
        ]


def _job(app: App, runtime: Runtime, entry: str, options: Options) -> Job:
    entries: dict[str, Entry[Any, Any]] = {
        known.name: known for known in [*app.plan.steps, *app.plan.workflows]
    }
    entries |= {hidden.name: hidden for step in app.plan.steps if (hidden := step.embedding) is not None}
    if entry not in entries:
        raise WrongUse(
            f"The job {options.job!r} is of {entry!r}, which the app {app.name!r} has no more. Name another one: --job."
        )
    return Job(runtime, entries[entry], iter(()), options)
