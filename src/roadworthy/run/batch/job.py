"""A job whose calls go through batches, or that has some under way from an earlier run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadworthy.accept.record import Record, Unusable
from roadworthy.keep.batches import open_batches, queued
from roadworthy.keep.records import open_records
from roadworthy.keep.transaction import Transaction, as_int
from roadworthy.run.batch.office import Office
from roadworthy.run.batch.tray import Tray
from roadworthy.run.entry import Entry
from roadworthy.run.job import Job
from roadworthy.run.options import Options
from roadworthy.run.runtime import Runtime


class BatchJob(Job):
    """One run of a job with batches: work as far as it goes, then the office, then what came back.

    Args:
        runtime: as for `Job`.
        entry: as for `Job`.
        items: as for `Job`.
        options: as for `Job`; where `batch` is not given, what is under way is imported and new calls are direct.
    """

    def __init__(
        self, runtime: Runtime, entry: Entry[Any, Any], items: Iterator[Record | Unusable], options: Options
    ) -> None:
        if options.batch:
            Tray(runtime, options.direct_after)
        row = runtime.store.read(lambda tx: tx.row("last_attempt"))
        runtime.bought_before = as_int(row[0]) if row else 0
        super().__init__(runtime, entry, items, options)
        self._office = Office(runtime, self._can_go_on, wait=not options.no_wait)

    async def _all_of_it(self) -> None:
        try:
            await super()._all_of_it()
            while await self._office.turn():
                await self._unfinished()
        finally:
            await self._office.close()

    def _can_go_on(self) -> bool:
        return "pending" in self._runtime.store.read(lambda tx: open_records(tx, self.job_id))


def begin_job(
    runtime: Runtime, entry: Entry[Any, Any], items: Iterator[Record | Unusable], options: Options
) -> Job:
    """The run that a command asks for; batches of the app that are under way are seen to in either case."""
    app = runtime.plan.payer
    under_way = runtime.store.read(lambda tx: bool(open_batches(tx, app) or queued(tx, app)))
    kind = BatchJob if options.batch or under_way else Job
    job = kind(runtime, entry, items, options)
    if runtime.store.read(lambda tx: _is_batch(tx, job.job_id)) != options.batch:
        runtime.store.write_now(
            lambda tx: tx.change("set_job_batch", job_id=job.job_id, batch=int(options.batch))
        )
    return job


def _is_batch(tx: Transaction, job_id: int) -> bool:
    row = tx.row("job_batch", job_id=job_id)
    return row is not None and bool(as_int(row[0]))
