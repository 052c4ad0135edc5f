"""A job whose records are worked on elsewhere: this process takes the input in, supervises, and writes the output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._events import Noted
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.record import Record, Unusable
from roadworthy.keep.transaction import TakenForDead, Transaction, as_int
from roadworthy.observe.summary import Summary
from roadworthy.run.entry import Entry
from roadworthy.run.fleet import Engine, Fleet
from roadworthy.run.helper import Work
from roadworthy.run.job import Job
from roadworthy.run.options import Options
from roadworthy.run.promotion import check_versions
from roadworthy.run.runtime import Runtime

_LOOK_EVERY_S = 0.5
_LOOK_SHARE = 0.05  # of the time may go into looking how far the job is
_LOOK_PAUSE_S_MAX = 5.0  # though one look may have waited long for a dead worker's locks


@quick(frozen=True, slots=True)
class Placing:
    """How a run's workers are placed.

    Attributes:
        engine: opens the engine for a piece of work; given the ledger's name, which every worker must find too, and
            the settings that it works under.
        count: how many workers.
    """

    engine: Callable[[Work, str, Settings], Engine]
    count: int


def check_shared(ledger: str) -> None:
    """Find before anything is begun that workers elsewhere cannot reach the ledger.

    Raises:
        WrongUse: it is a file.
    """
    if "://" not in ledger:
        raise WrongUse(
            f"The ledger is the file {ledger!r}, which other machines cannot share. "
            "Name a Postgres ledger with ROADWORTHY_LEDGER=postgresql://host/database."
        )


class PlacedJob(Job):
    """One run of one job whose records workers elsewhere work on.

    What is bought again after an edit, in which order, and when a run stops are those of `Job`. A job without answers is
    worked on while its input is taken in; else its stored answers are judged here first, and workers begin after the guard.

    Args:
        placing: where the workers go.

    Raises:
        WrongUse: the ledger is a file; processes on other machines cannot share it.
    """

    def __init__(
        self,
        runtime: Runtime,
        entry: Entry[Any, Any],
        items: Iterator[Record | Unusable],
        options: Options,
        placing: Placing,
    ) -> None:
        check_shared(runtime.store.name)
        super().__init__(runtime, entry, items, options)
        self._taken = False
        work = Work(
            entry=entry.name,
            job=options.job,
            stale_run=self.run_id,
            concurrency=options.concurrency,
            wait_s=float("inf"),
            gives_up=True,
        )
        self._fleet = Fleet(
            lambda: placing.engine(work, runtime.store.name, runtime.settings),
            placing.count,
            runtime.settings,
            runtime.clock,
            runtime.tell,
            self._is_left,
            self._progress,
        )

    def _may_claim(self, count: int) -> bool:
        """No record is for this process."""
        del count
        return False

    async def _all_of_it(self) -> None:
        check_versions(self._runtime, self._entry, yes=self._options.yes)
        await self._runtime.prepare()
        try:
            if self._known:
                await self._work(self._taken_in())
                self._taken = True
                self._guard()
                await self._supervise()
            else:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._supervise())
                    await self._take_in()
        finally:
            await asyncio.shield(self._fleet.close())

    async def _take_in(self) -> None:
        async for _batch in self._taken_in():
            if self._runtime.stopped:
                return
        self._taken = True

    async def _supervise(self) -> None:
        """Keep the workers alive until nothing is left; charge what the dead ones had on the wire."""
        if not self._is_left():
            return
        watching = asyncio.create_task(self._watch_ledger())
        try:
            await self._fleet.run()
            if watching.done():
                watching.result()  # what ended the watch ends the run
        finally:
            watching.cancel()
            await asyncio.wait((watching,))
        self._runtime.stopped = self._runtime.stopped or self._fleet.stopped

    async def _watch_ledger(self) -> None:
        """Have the workers end when nothing is left, and when this process cannot see any more whether something is."""
        watch = asyncio.current_task()
        assert watch is not None
        try:
            await self._look_until_done()
        finally:
            if not watch.cancelling():  # whoever cancels the watch has done with the workers
                await self._fleet.drain()

    async def _look_until_done(self) -> None:
        runtime = self._runtime
        while not runtime.stopped:
            began = runtime.clock.monotonic()
            try:
                await asyncio.to_thread(runtime.reap)
                if not self._is_left():
                    return
            except TakenForDead:
                raise
            except LedgerUnavailable as error:
                runtime.tell(Noted(f"the ledger does not answer: {error}"))
            took = runtime.clock.monotonic() - began
            pause_s = min(_LOOK_PAUSE_S_MAX, took / _LOOK_SHARE)
            await runtime.clock.sleep(max(_LOOK_EVERY_S, pause_s))

    def _is_left(self) -> bool:
        """Whether a worker may find something to do, now or when more of the input is taken in."""
        if not self._taken:
            return True
        row = self._runtime.store.read(lambda tx: tx.row("job_left", job_id=self.job_id, run_id=self.run_id))
        return row is None or bool(row[0])

    def _progress(self) -> int:
        row = self._runtime.store.read(lambda tx: tx.row("last_attempt"))
        return as_int(row[0]) if row else 0

    def _summarize(self, tx: Transaction) -> Summary:
        """What this command did is what the runs of the job did since it began, its workers' among them."""
        did = self._runtime.tally
        row = tx.row("done_since", job_id=self.job_id, run_id=self.run_id)
        assert row is not None
        did.attempts, did.unknown, did.cost_pico = (as_int(cell) for cell in row)
        reports = self._fleet.reports
        did.reused = sum(report.reused for report in reports)
        did.repaired = sum(report.repaired for report in reports)
        did.escalated = sum(report.escalated for report in reports)
        return super()._summarize(tx)
