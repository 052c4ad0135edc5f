"""The runs of a service: one for each of the jobs that hold what its callers hand over."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from roadworthy.keep.jobs import begin_run
from roadworthy.keep.submissions import open_served_job
from roadworthy.run.runtime import Runtime


class Runs:
    """The jobs of single records and files that this process works on, each in one run as long as nobody cancels it.

    Args:
        runtime: the app at work in this event loop.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._jobs: dict[tuple[str, str], tuple[int, int]] = {}
        self._runs: dict[int, int] = {}
        self._opening, self._beginning = asyncio.Lock(), asyncio.Lock()

    async def job(self, entry: str, namespace: str) -> tuple[int, int]:
        """The job of single records of an entry and a namespace, and the run of it; both are opened where they are not."""
        if (known := self._jobs.get((entry, namespace))) is not None:
            return known
        async with self._opening:  # of many that come at once, one
            if (entry, namespace) not in self._jobs:
                runtime, app = self._runtime, self._runtime.plan.name
                job_id = await runtime.store.write(lambda tx: open_served_job(tx, app, entry, namespace))
                await asyncio.to_thread(runtime.set_caps, job_id, None)
                self._jobs[entry, namespace] = (job_id, await self.run(job_id))
        return self._jobs[entry, namespace]

    async def run(self, job_id: int) -> int:
        """The run of a job, begun where there is none."""
        if (known := self._runs.get(job_id)) is not None:
            return known
        async with self._beginning:
            if job_id not in self._runs:
                owner = self._runtime.store.owner
                self._runs[job_id] = await self._runtime.store.write(lambda tx: begin_run(tx, job_id, owner))
        return self._runs[job_id]

    async def begin_anew(self, job_id: int) -> int:
        """A new run of a job."""
        self._runs.pop(job_id, None)
        return await self.run(job_id)

    def forget_but(self, worked_on: Collection[int]) -> None:
        """Forget the runs of all other jobs, which were cancelled, here or elsewhere.

        What is handed over to one of them begins a new run of it: with that it goes on.
        """
        self._jobs = {whose: job for whose, job in self._jobs.items() if job[0] in worked_on}
        self._runs = {job_id: run_id for job_id, run_id in self._runs.items() if job_id in worked_on}

    def is_cancelled(self, run_id: int) -> bool:
        """Whether somebody has cancelled a run."""
        return self._runtime.store.read(lambda tx: tx.row("cancelled", run_id=run_id)) is not None
