"""A job: an input run through an entry, in bounded memory, resumable at any instant.

A run takes the input in and works on records as they come. Where earlier runs answered some already, it first
judges those anew from their stored replies, which costs nothing, and counts what an edit would ask again; only
past the guard is anything bought. Records that had to wait come round again at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import orjson

from roadworthy._daemons import Daemons
from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._events import Noted
from roadworthy._failpoints import failpoint
from roadworthy._quick import quick
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Record, Unusable
from roadworthy.call.price import usd
from roadworthy.keep.alarms import standing_alarms
from roadworthy.keep.jobs import begin_run, end_run, open_job, put_back_all, put_back_failed
from roadworthy.keep.record import Fate, Kept
from roadworthy.keep.records import claim_unfinished, find_record, keep, open_records
from roadworthy.keep.reviews import is_decided
from roadworthy.keep.transaction import Transaction, as_int, as_text
from roadworthy.observe.certified import claims
from roadworthy.observe.summary import Summary
from roadworthy.observe.watched import alarm_json
from roadworthy.run.auditor import stamp_all
from roadworthy.run.belt import Belt
from roadworthy.run.entry import Entry, Step
from roadworthy.run.options import Options, at_once
from roadworthy.run.output import write_output
from roadworthy.run.promotion import check_versions
from roadworthy.run.revive import revived
from roadworthy.run.runtime import Runtime
from roadworthy.run.session import WouldAsk
from roadworthy.run.tail import Tail
from roadworthy.run.taking import Taken, Taking
from roadworthy.run.work import begin, run_record

DONE, SOME_FAILED, STOPPED, INTERRUPTED = 0, 1, 3, 130
_CLAIMED_AHEAD = 2  # records claimed per worker, so that other processes find some too
_OTHERS_PAUSE_S = 0.5
_GOES_ON = {"pending", "budget", "provider"}
"""What a record stands at that a round may go on with."""


@quick(slots=True)
class _Stale:
    """What an edit would ask again: found by judging stored replies under today's rules."""

    marked: bool = False
    answered: int = 0
    count: int = 0
    worst_pico: int = 0


class Job:
    """One run of one job.

    Args:
        runtime: the app at work.
        entry: what each record is run through.
        items: the input, record by record.
        options: the command's options.
    """

    def __init__(
        self, runtime: Runtime, entry: Entry[Any, Any], items: Iterator[Record | Unusable], options: Options
    ) -> None:
        self._runtime = runtime
        self._entry = entry
        self._items = items
        self._options = options
        self._stale = _Stale()
        steps = [entry] if isinstance(entry, Step) else runtime.plan.steps
        self._concurrency = at_once(options.concurrency, runtime.settings, steps)
        self._belt: Belt[Taken] = Belt(runtime.settings.queue_max)
        self._ended = False
        self._began = time.monotonic()
        self._cut_off = False
        plan, store = runtime.plan, runtime.store
        self.job_id = store.write_now(lambda tx: open_job(tx, plan.name, entry.name, options.job, plan.payer))
        if not options.joins:
            runtime.set_caps(self.job_id, options.budget_pico)
        self.run_id = store.write_now(lambda tx: begin_run(tx, self.job_id, store.owner))
        failpoint("run_begun_committed")
        if options.retry_failed:
            store.write_now(lambda tx: put_back_failed(tx, self.job_id))
        if options.refresh:
            store.write_now(lambda tx: put_back_all(tx, self.job_id))
        answered = store.read(lambda tx: tx.row("any_answered", job_id=self.job_id))
        self._known = answered is not None and not options.joins

    async def run(self) -> tuple[Summary, int]:
        """Run to the end, a stop or an interrupt. Returns the summary and the exit status.

        Raises:
            WrongUse: an edit would ask more answered records anew than the guard lets pass.
        """
        status, summary = INTERRUPTED, None
        try:
            await self._until_cancelled(self._all_of_it())
            await asyncio.to_thread(self._stamp)
            if self._options.output is not None:
                await asyncio.to_thread(write_output, self._runtime.store, self.job_id, self._options.output)
            summary = self.summary()
            status = self._status(summary)
        finally:
            summary = self.end(status, summary)
        return summary, status

    def _stamp(self) -> None:
        """Keep what was counted; mark what the certificates cover by now, and raise what the rulings tell."""
        runtime = self._runtime
        for words in runtime.watch.keep_all():
            runtime.tell(Noted(f"warning: {words}"))
        stamp_all(runtime.store, runtime.plan.name, runtime.plan.promises, runtime.settings)

    def end(self, status: int, summary: Summary | None = None) -> Summary:
        """Note how the run ended, the first time; an interrupt may come before `run` has taken its first step."""
        summary = summary or self.summary()
        if not self._ended:
            self._ended = True
            text = orjson.dumps(summary.as_json()).decode()
            self._runtime.store.write_now(lambda tx: end_run(tx, self.run_id, status, text))
            failpoint("run_ended_committed")
        return summary

    async def _all_of_it(self) -> None:
        if not self._options.joins:
            check_versions(self._runtime, self._entry, yes=self._options.yes)
        await self._runtime.prepare()
        if not self._options.joins:
            await self._work(self._taken_in())
        if not self._runtime.stopped:
            self._guard()
        await self._unfinished()

    async def _until_cancelled(self, work: Coroutine[Any, Any, None]) -> None:
        """Work to the end, or until someone cancels this run; what is on the wire then has a while to come back."""
        working = asyncio.create_task(work)
        watching = asyncio.create_task(self._watch(working))
        try:
            await working
        except asyncio.CancelledError:
            if not self._cut_off:
                raise
        finally:
            watching.cancel()
            await asyncio.wait((watching,))

    async def _watch(self, working: asyncio.Task[None]) -> None:
        """Look now and then; it costs a call nothing."""
        runtime = self._runtime
        while (by := self._cancelled_by()) is None:
            await runtime.clock.sleep(runtime.settings.cancel_look_s)
        runtime.stopped = runtime.stopped or "cancelled"
        runtime.tell(Noted(f"the run stops and can be resumed: it was cancelled by {by}"))
        await runtime.clock.sleep(runtime.settings.cancel_grace_s)
        self._cut_off = True
        working.cancel()

    def _cancelled_by(self) -> str | None:
        try:
            row = self._runtime.store.read(lambda tx: tx.row("cancelled", run_id=self.run_id))
        except LedgerUnavailable:
            return None  # whoever writes meets it too; the next look sees more
        return None if row is None else as_text(row[0])

    def summary(self) -> Summary:
        """The job's fates and what this run did, as they stand now."""
        return self._runtime.store.read(self._summarize)

    async def _taken_in(self) -> AsyncIterator[Sequence[Taken]]:
        """Take the input into the ledger batch by batch; yield what is to be worked on."""
        store = self._runtime.store
        taking = Taking(store, self._runtime.settings, self.job_id, self.run_id)
        take = taking.take_again if self._known else taking.take
        items = islice(self._items, self._options.limit)
        last = 0
        reading = Daemons("roadworthy-input", 1)  # a pipe may stay open for ever; no end waits for it
        while batch := await asyncio.wrap_future(reading.begin(taking.batch, items)):
            owner = store.owner if self._may_claim(len(batch)) else None
            found = await take(batch, owner)
            last = batch[-1].line
            del batch
            yield found
        if self._options.limit is None:
            await store.write(lambda tx: tx.change("drop_lines_after", job_id=self.job_id, number=last))

    def _may_claim(self, count: int) -> bool:
        """Whether so many more records are for this process: all of them while it is alone, else what its belt holds."""
        if self._belt.has_room(count):
            return True
        return len(self._runtime.store.read(lambda tx: tx.rows("live_leases"))) <= 1

    async def _work(self, batches: AsyncIterator[Sequence[Taken]]) -> None:
        """Feed records to a bounded pool of workers; memory does not grow with their number."""
        belt = self._belt = Belt(self._runtime.settings.queue_max)
        tail = Tail()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(tail.serve())
                async with asyncio.TaskGroup() as workers:
                    for _ in range(self._concurrency):
                        workers.create_task(self._serve(belt, tail))
                    async for batch in batches:
                        await belt.put(batch)
                    belt.end()
                tail.end()
        finally:
            await tail.rest()

    async def _serve(self, belt: Belt[Taken], tail: Tail) -> None:
        """Work on one record after the other. A cancellation that a library swallowed on the way still ends it."""
        me = asyncio.current_task()
        assert me is not None
        while not me.cancelling() and (taken := await belt.take()) is not None:
            await self._one(taken, tail)

    async def _one(self, taken: Taken, tail: Tail) -> None:
        runtime, kept = self._runtime, taken.kept
        if runtime.keys.wanted and not self._known:  # judging asks nobody
            await runtime.keys.wait()
        fresh = kept.outcome == "pending" and not kept.attempts
        if runtime.stopped or (self._known and fresh):
            return
        # Judging writes hardly anything, and whoever traces a record hears all of it in one task.
        after = None if self._known or runtime.traced else tail
        session = begin(runtime, kept, self.run_id, offline=self._known, held=taken.held, tail=after)
        try:
            value = self._revive(kept) if taken.value is None else taken.value
            fate = await run_record(self._entry, value, session)
        except WrongRecord as wrong:
            reason = f"it no longer meets the record type: {wrong}"
            await runtime.store.write(lambda tx: keep(tx, kept.id, Fate("rejected", reason=reason)))
            return
        except WouldAsk as missing:
            await self._note_stale(kept, missing)
            return
        if fate.outcome == "waiting" and fate.waiting_for in {"budget", "provider"}:
            self._stop_if_nobody_answers(fate.waiting_for, fate.reason)

    def _revive(self, kept: Kept) -> object:
        if kept.stored is None:  # a large one, which did not wait in memory for its turn
            found = self._runtime.store.read(lambda tx: find_record(tx, kept.id))
            assert found is not None
            kept = found
        return revived(self._entry.record_schema, kept, self._runtime.store)

    async def _note_stale(self, kept: Kept, missing: WouldAsk) -> None:
        """Its answer is out of date, or it never had one: mark it for the paid part of the run.

        The guard counts what was answered or paid. A record that the team's code stopped before anybody was asked is
        worked on again like a new one.
        """
        given_up = kept.outcome == "failed" or kept.waiting_for == "review"
        if kept.outcome == "accepted" or (given_up and not missing.tried):
            edited = (kept.outcome == "accepted" or kept.attempts > 0) and (
                kept.waiting_for != "review"
                or not self._runtime.store.read(lambda tx: is_decided(tx, kept.id))
            )
            self._stale.marked = True
            self._stale.count += edited
            self._stale.worst_pico += missing.worst_pico if edited else 0
            await self._runtime.store.write(
                lambda tx: tx.change("mark_stale", record_id=kept.id, run_id=self.run_id)
            )

    def _guard(self) -> None:
        """Stop before an edit re-buys many answers that nobody asked to buy again."""
        if not self._known:
            return
        self._known = False
        answered = self._runtime.store.read(lambda tx: tx.row("answered_or_paid", job_id=self.job_id))
        self._stale.answered = as_int(answered[0]) if answered else 0
        share = self._runtime.settings.reask_guard_share
        if self._options.yes or self._stale.count <= share * max(1, self._stale.answered):
            return
        raise WrongUse(
            f"Something was edited, or replies were removed: {self._stale.count} of {self._stale.answered} answered records would be asked again, "
            f"for at most {usd(self._stale.worst_pico):.4f} USD. Nothing was bought; the answers kept so far stand. "
            "Give --yes to ask them again."
        )

    async def _unfinished(self) -> None:
        """Go round the records that are not done until none is left, nothing moves any more, or patience ends.

        While a provider is silent its lane alone sets the pace of a round: its breaker lets one request through at
        a time, and patience is the bound. A round is counted where a provider answers and no record gets any
        further, and where money was lost unseen.
        """
        runtime, settings = self._runtime, self._runtime.settings
        stuck, before, unseen = 0, self._open().get("provider", 0), runtime.tally.unknown
        while not runtime.stopped and stuck <= settings.park_rounds_max:
            began = runtime.clock.monotonic()
            worked = await self._round()
            waiting = self._open()
            if waiting.get("budget"):
                runtime.stopped = "budget"
            elif worked and (left := waiting.get("provider", 0)):
                silent_s = self._silent_s(began)
                if silent_s is not None and silent_s >= settings.patience_s:
                    return
                stuck += (silent_s is None and left >= before) or runtime.tally.unknown > unseen
                before, unseen = left, runtime.tally.unknown
                await runtime.clock.sleep(settings.park_pause_s)
            elif not await self._others_work():
                return

    def _open(self) -> dict[str, int]:
        """How many records are pending, and how many wait for what."""
        return self._runtime.store.read(lambda tx: open_records(tx, self.job_id))

    def _silent_s(self, since: float) -> float | None:
        """How long a lane that was wanted since `since` has brought nothing but failures; None where none has."""
        now, lanes = self._runtime.clock.monotonic(), self._runtime.lanes
        return max((lane.silent_s(now) for lane in lanes if lane.is_waited_for(since)), default=None)

    async def _others_work(self) -> bool:
        """Whether other processes work on this job; waits a little, and takes over what a dead one left."""
        owner = self._runtime.store.owner
        row = self._runtime.store.read(lambda tx: tx.row("others_work", job_id=self.job_id, owner=owner))
        if row is None or not row[0]:
            return False
        await self._runtime.wait_for_settlement(_OTHERS_PAUSE_S)
        return True

    async def _round(self) -> int:
        """Work on what can be gone on with; how many records that were. Where the ledger has none, nothing is searched."""
        if not (self._stale.marked or self._options.stale_run or _GOES_ON & self._open().keys()):
            return 0
        worked, owner = 0, self._runtime.store.owner
        count = _CLAIMED_AHEAD * self._concurrency

        async def pages() -> AsyncIterator[Sequence[Taken]]:
            nonlocal worked
            after = 0
            while not self._runtime.stopped:
                change = partial(
                    claim_unfinished,
                    job_id=self.job_id,
                    run_id=self._options.stale_run or self.run_id,
                    after=after,
                    count=count,
                    owner=owner,
                )
                page = await self._runtime.store.write(change)
                if not page:
                    return
                worked += len(page)
                yield [Taken(kept) for _number, kept in page]
                after = page[-1][0]

        await self._work(pages())
        return worked

    def _stop_if_nobody_answers(self, waiting_for: str, reason: str) -> None:
        """A cap with nothing in flight, or no lane open, ends the run; everything else may go on."""
        lanes = self._runtime.lanes
        if waiting_for == "budget" or (
            all(lane.closed for lane in lanes) and not self._runtime.keys.may_come
        ):
            if not self._runtime.stopped:
                stops = "the run stops and can be resumed"
                self._runtime.tell(Noted(f"{stops}: {reason}", f"{stops}: {waiting_for}"))
            self._runtime.stopped = self._runtime.stopped or waiting_for

    def _status(self, summary: Summary) -> int:
        waiting = summary.waiting
        if self._runtime.stopped or waiting.get("budget") or waiting.get("provider") or summary.pending:
            return STOPPED
        return SOME_FAILED if summary.failed else DONE

    def _summarize(self, tx: Transaction) -> Summary:
        did = self._runtime.tally
        did.seconds = time.monotonic() - self._began
        did.stopped = self._runtime.stopped
        plan = self._runtime.plan
        return Summary.of_job(
            tx,
            job_id=self.job_id,
            run_id=self.run_id,
            job=self._options.job,
            did=did,
            app_cap_pico=self._runtime.plan.budget_pico,
            claims=claims(tx, plan.name, plan.promises, self._runtime.settings),
            alarms=[alarm_json(alarm) for alarm in standing_alarms(tx, plan.name)],
        )
