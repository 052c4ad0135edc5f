"""An app at work for callers: records taken in, worked on in the background, found again.

Every record is in the ledger before anything is bought for it, so a caller that goes away, or a process that dies,
loses nothing: what was left behind is taken up again, here or by another process on the same ledger.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

from roadworthy._errors import LedgerUnavailable, Rejected
from roadworthy._events import Noted
from roadworthy._failpoints import failpoint
from roadworthy._quick import quick
from roadworthy.accept.intake import record_from_value
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Json, Record, Unusable
from roadworthy.keep.intake import take_in
from roadworthy.keep.record import Fate, Kept
from roadworthy.keep.records import claim, fates, find_record, keep
from roadworthy.keep.submissions import (
    Clash,
    claim_ruled,
    claim_served,
    find_in_namespace,
    find_job_in_namespace,
    open_served_job,
    ruled_records,
    served_jobs,
    submit,
    tokens_of,
)
from roadworthy.keep.transaction import TakenForDead, as_int
from roadworthy.run.entry import Entry
from roadworthy.run.revive import revived
from roadworthy.run.runtime import Runtime
from roadworthy.run.work import begin, run_record
from roadworthy.serve.caller import Caller
from roadworthy.serve.problem import Problem
from roadworthy.serve.runs import Runs
from roadworthy.serve.standing import JobStanding, job_standing
from roadworthy.serve.terms import Terms

_PAGE: Final = 100
_RATE_OVER: Final = 200
_RETRY_AFTER_MAX_S: Final = 60


@quick(frozen=True, slots=True)
class Stands:
    """Where a record stands.

    Attributes:
        working: whether work on it goes on, here or elsewhere.
    """

    kept: Kept
    working: bool = False


class Service:
    """The app behind every door.

    Args:
        runtime: the app at work in this event loop.
        entries: its steps and workflows, by name.
    """

    def __init__(self, runtime: Runtime, entries: dict[str, Entry[Any, Any]]) -> None:
        self.runtime = runtime
        self.entries = entries
        self.draining = False
        self.taken_for_dead: asyncio.Future[TakenForDead] = asyncio.get_running_loop().create_future()
        self._working: dict[int, asyncio.Task[Stands | None]] = {}
        self._coming = 0
        self._runs = Runs(runtime)
        self._going: dict[int, asyncio.Task[None]] = {}
        self._ended: deque[float] = deque(maxlen=_RATE_OVER)
        self._again_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for what was left behind."""
        self._looking = asyncio.create_task(self._look_again_and_again())

    async def drain(self) -> None:
        """Take nothing more in; wait for what is on the wire, then let go. What is cut off is taken up by the next start."""
        self.draining = True
        looking = [*self._going.values(), *([self._looking] if self._looking is not None else [])]
        for look in looking:
            look.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        tasks = list(self._working.values())
        if tasks:
            await asyncio.wait(tasks, timeout=self.runtime.settings.serve_drain_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.runtime.close()

    def admit(self) -> None:
        """Whether one more record fits.

        Raises:
            Problem: 429 with a Retry-After where it does not, 503 where the service is ending.
        """
        if self.draining:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "The service is ending. Send it again.", {"Retry-After": "5"}
            )
        most = self.runtime.settings.serve_records_max
        if len(self._working) + self._coming >= most:
            seconds = self._seconds_until_room()
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{most} records are being worked on, and no more are taken. Send it again in {seconds} s.",
                {"Retry-After": str(seconds)},
            )

    def entry(self, name: str) -> Entry[Any, Any]:
        """A step or a workflow.

        Raises:
            Problem: 404.
        """
        if name not in self.entries:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"There is no step {name!r}. There are: {', '.join(self.entries)}."
            )
        return self.entries[name]

    def record(self, entry: Entry[Any, Any], body: Json) -> Record:
        """A body as the entry's record.

        Raises:
            Problem: 422 with the place and what to do.
        """
        try:
            return record_from_value(
                body, schema=entry.record_schema, key=entry.key, settings=self.runtime.settings
            )
        except Rejected as rejected:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, rejected.reason) from rejected

    async def submit(self, entry: Entry[Any, Any], record: Record, caller: Caller, terms: Terms) -> Stands:
        """Take a record in and wait for its outcome, as long as the caller's terms say.

        Raises:
            Problem: 409 where the token came with another body; as `admit`.
        """
        store, owner = self.runtime.store, self.runtime.store.owner
        job_id, run_id = await self._runs.job(entry.name, caller.namespace)
        self.admit()  # again, with nothing awaited until it is counted: many may have been let in at the same moment
        self._coming += 1
        try:
            taken = await store.write(
                lambda tx: submit(tx, job_id, run_id, record, owner=owner, token=terms.token)
            )
        finally:
            self._coming -= 1
        failpoint("intake_committed")
        if isinstance(taken, Clash):
            raise Problem(
                HTTPStatus.CONFLICT,
                "This Idempotency-Key came before with another body. Use a new key for another record.",
            )
        kept = taken.kept
        if taken.mine:
            task = self._begin(entry, kept, run_id, record.value, terms.seconds)
            await self._wait(task, terms.wait_s)
            if task.done() and not task.cancelled() and (stands := task.result()) is not None:
                return stands
        kept = store.read(lambda tx: find_record(tx, kept.id) or kept)
        return Stands(kept, working=kept.id in self._working or not taken.mine)

    def tokens(self, kept: Kept) -> tuple[int, int]:
        """What a record's attempts read and wrote."""
        return self.runtime.store.read(lambda tx: tokens_of(tx, kept.id))

    def find(self, caller: Caller, key: str, step: str = "") -> list[Kept]:
        """Every version of a key that the caller may see, newest first; of one step or workflow where it is named.

        Raises:
            Problem: 404.
        """
        app = self.runtime.plan.name
        found = self.runtime.store.read(lambda tx: find_in_namespace(tx, app, caller.namespace, key, step))
        if not found:
            raise Problem(HTTPStatus.NOT_FOUND, "No record that you may see has this key.")
        return found

    async def take_file(
        self, entry: Entry[Any, Any], items: Iterator[Record | Unusable], caller: Caller, name: str
    ) -> int:
        """Take a whole input in as a job; it is worked on in the background. The job's number."""
        runtime, app, size = self.runtime, self.runtime.plan.name, self.runtime.settings.intake_batch
        # Read before the job is touched: a file that is refused at once brings no cancelled job back.
        batch = await asyncio.to_thread(lambda: list(islice(items, size)))
        job_id = await runtime.store.write(
            lambda tx: open_served_job(tx, app, entry.name, caller.namespace, name)
        )
        await asyncio.to_thread(runtime.set_caps, job_id, None)
        run_id = await self._runs.begin_anew(job_id)  # a job that was cancelled goes on
        while batch:
            await runtime.store.write(lambda tx, batch=batch: take_in(tx, job_id, run_id, batch, owner=None))  # type: ignore[misc] # bound at once
            failpoint("intake_committed")
            batch = await asyncio.to_thread(lambda: list(islice(items, size)))
        self._again_at = 0.0
        return job_id

    def job(self, caller: Caller, job_id: int) -> JobStanding:
        """Where the records of a job stand.

        Raises:
            Problem: 404.
        """
        app, store = self.runtime.plan.name, self.runtime.store
        found = store.read(lambda tx: find_job_in_namespace(tx, app, caller.namespace, job_id))
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "There is no job of this number that you may see.")
        outcomes, waiting = store.read(lambda tx: fates(tx, job_id))
        return job_standing(job_id, *found, outcomes, waiting)

    async def cancel(self, caller: Caller, job_id: int) -> None:
        """Work no more on a job; what is on the wire still comes back."""
        self.job(caller, job_id)
        await self.runtime.store.write(
            lambda tx: tx.change("cancel_job", job_id=job_id, cancelled_by=caller.name, now=tx.now)
        )

    def look_now(self) -> None:
        """Somebody ruled: what waited for it goes on at the next look."""
        self._again_at = 0.0

    async def judge_again(self, review_id: int) -> None:
        """A ruling was taken back: what came of it is judged anew, where the service works on the record's job."""
        store, app = self.runtime.store, self.runtime.plan.name
        row = store.read(lambda tx: tx.row("record_of_review", review_id=review_id))
        kept = None if row is None else store.read(lambda tx: find_record(tx, as_int(row[0])))
        jobs = dict(store.read(lambda tx: served_jobs(tx, app)))
        if kept is None or (entry := jobs.get(kept.job_id)) not in self.entries:
            return
        run_id = await self._runs.run(kept.job_id)
        if await store.write(lambda tx: claim(tx, kept.id, store.owner)):
            self._begin(self.entries[entry], kept, run_id, None)

    @property
    def in_work(self) -> int:
        """Records that are worked on."""
        return len(self._working)

    def _begin(
        self,
        entry: Entry[Any, Any],
        kept: Kept,
        run_id: int,
        value: object,
        seconds: float | None = None,
        ruled_until: float | None = None,
    ) -> asyncio.Task[Stands | None]:
        """Work on a record, unless this process does already; `ruled_until`: because of rulings up to that moment."""
        if kept.id not in self._working:
            task = asyncio.create_task(self._work(entry, kept, run_id, value, seconds, ruled_until))
            self._working[kept.id] = task
            task.add_done_callback(lambda _task: self._working.pop(kept.id, None))
        return self._working[kept.id]

    async def _work(
        self,
        entry: Entry[Any, Any],
        kept: Kept,
        run_id: int,
        value: object,
        seconds: float | None,
        ruled_until: float | None,
    ) -> Stands | None:
        """Work on a record; where it stands, as the commit of its outcome left it, None where nothing was written."""
        runtime = self.runtime
        await runtime.keys.wait()
        seen: list[Kept] = []
        try:
            value = revived(entry.record_schema, kept, runtime.store) if value is None else value
            session = begin(runtime, kept, run_id, seconds=seconds)
            session.after = lambda tx: seen.append(find_record(tx, kept.id) or kept)
            await run_record(entry, value, session)
            if ruled_until is not None and not seen:  # it waits on until the next ruling
                vain = {"record_id": kept.id, "at": ruled_until}
                await runtime.store.write(lambda tx: tx.change("ruled_in_vain", vain))
        except WrongRecord as wrong:
            fate = Fate("rejected", reason=f"it no longer meets the record type: {wrong}")
            await runtime.store.write(lambda tx: keep(tx, kept.id, fate))
        except LedgerUnavailable:
            return None  # nothing was lost; it is found again at a later look
        self._ended.append(runtime.clock.monotonic())
        return Stands(seen[-1]) if seen else None

    async def _wait(self, task: asyncio.Task[Stands | None], seconds: float) -> None:
        """Wait for work that goes on whatever becomes of whoever waits."""
        try:
            await asyncio.wait([task], timeout=seconds)
        except asyncio.CancelledError:  # the service ends: whoever waits is told where to look
            waiting = asyncio.current_task()
            assert waiting is not None
            waiting.uncancel()

    async def _look_again_and_again(self) -> None:
        settings = self.runtime.settings
        while True:
            try:
                await self._look()
            except TakenForDead as error:
                self.taken_for_dead.set_result(error)
                return
            except LedgerUnavailable:
                pass  # the next look meets it again, and whoever writes is told
            await self.runtime.clock.sleep(settings.serve_look_s)

    async def _look(self) -> None:
        """Take up what people ruled on, what a dead process left, and now and then what waits for a provider or money."""
        runtime, app = self.runtime, self.runtime.plan.name
        now = runtime.clock.monotonic()
        again = now >= self._again_at
        if again:
            self._again_at = now + runtime.settings.serve_again_s
            await runtime.store.write(lambda _tx: None)  # whether it still may
        jobs = runtime.store.read(lambda tx: served_jobs(tx, app))
        self._runs.forget_but({job_id for job_id, _ in jobs})
        for job_id, name in jobs:
            entry = self.entries.get(name)
            if entry is None:
                continue
            run_id = await self._runs.run(job_id)
            looked_at = runtime.clock.now()
            for kept in await self._ruled(job_id):
                self._begin(entry, kept, run_id, None, ruled_until=looked_at)
            if again and job_id not in self._going:
                going = asyncio.create_task(self._go_on(entry, job_id, run_id))
                self._going[job_id] = going
                going.add_done_callback(partial(self._gone_on, job_id))

    async def _ruled(self, job_id: int) -> list[Kept]:
        """What people ruled on, claimed; most looks find nothing and write nothing."""
        store = self.runtime.store
        found = store.read(lambda tx: ruled_records(tx, job_id, _PAGE))
        if all(kept.id in self._working for kept in found):
            return []
        return await store.write(lambda tx: claim_ruled(tx, job_id, _PAGE, store.owner))

    async def _go_on(self, entry: Entry[Any, Any], job_id: int, run_id: int) -> None:
        """Page after page, with no more in work than the app's own concurrency."""
        store, most = self.runtime.store, self.runtime.settings.concurrency
        after = 0
        while not self.draining and not self._runs.is_cancelled(run_id):
            page = await store.write(
                lambda tx: claim_served(
                    tx,
                    job_id,
                    after=after,  # noqa: B023 - written at once
                    count=min(_PAGE, most),
                    owner=store.owner,
                )
            )
            if not page:
                return
            for kept in page:
                after = kept.id
                if kept.id in self._working:
                    continue
                while len(self._working) >= most:
                    await asyncio.wait(list(self._working.values()), return_when=asyncio.FIRST_COMPLETED)
                self._begin(entry, kept, run_id, None)

    def _gone_on(self, job_id: int, task: asyncio.Task[None]) -> None:
        """A ledger that was away is met again at the next look; anything else is a bug, and is told."""
        self._going.pop(job_id, None)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, LedgerUnavailable):
            self.runtime.tell(
                Noted(f"job {job_id} is not worked on until the next look: {type(error).__name__}")
            )

    def _seconds_until_room(self) -> int:
        """How long until one of the records in work has ended, at the pace of late."""
        if len(self._ended) < 2:
            return 1
        pace_s = (self._ended[-1] - self._ended[0]) / (len(self._ended) - 1)
        return min(_RETRY_AFTER_MAX_S, max(1, math.ceil(pace_s)))
