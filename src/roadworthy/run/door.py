"""The direct door: `await step(record)` outside of any run, in the caller's own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from roadworthy._clock import Clock
from roadworthy._errors import Rejected
from roadworthy._events import Listener
from roadworthy._failpoints import VARIABLE, arm
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.intake import record_from_value
from roadworthy.call.price import usd
from roadworthy.keep.intake import find_direct, take_direct
from roadworthy.keep.jobs import DIRECT, begin_run, open_job
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record
from roadworthy.observe.receiver import listen
from roadworthy.run.embedding import Embedding
from roadworthy.run.entry import Entry, Result, Step
from roadworthy.run.options import check_concurrency
from roadworthy.run.plan import Plan
from roadworthy.run.runtime import Runtime
from roadworthy.run.work import begin, run_record

R = TypeVar("R")
T = TypeVar("T")


def start(
    plan: Plan,
    ledger: str,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    tell: Listener,
    clock: Clock | None = None,
    **changes: float,
) -> Runtime:
    """A runtime of an app: models, prices, keys and ledger are checked here, before anything is paid.

    Raises:
        WrongUse: any of those is wrong.
        LedgerUnavailable: the ledger cannot be opened just now.
    """
    arm(environ.get(VARIABLE, ""))
    settings = replace(settings, **changes)  # type: ignore[arg-type] # every setting is a number
    check_concurrency(settings.concurrency, settings)
    with ExitStack() as undo:  # where it cannot be made, nothing stays open
        store = open_ledger(ledger, settings)
        undo.callback(store.close)
        told, hang_up = listen(tell, plan.name, environ, settings)
        if hang_up is not None:
            undo.callback(hang_up)
        runtime = Runtime(plan, store, settings, environ, clock=clock, tell=told)
        runtime.hang_up = hang_up
        runtime.buyer_of = partial(Embedding, runtime)
        runtime.reap()
        undo.pop_all()
    return runtime


@quick(frozen=True, slots=True)
class Ended:
    """A record that was run: as the ledger holds it, and the entry's answer; None where none is accepted."""

    kept: Kept
    value: Any


class Door:
    """A runtime at work in one event loop, with the jobs that direct calls belong to.

    Calls enter and leave in its own loop; it may be shut from any thread. Whoever is told that it is shut closes it, and
    nobody else does.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._loop = asyncio.get_running_loop()
        self._jobs: dict[str, tuple[int, int]] = {}
        self._counting = threading.Lock()
        self._inside = 0
        self._shut = False
        self._last_shuts = False

    def enter(self) -> bool:
        """Be inside until `leave`. False: it is shut, and there is no way in any more."""
        with self._counting:
            if self._shut:
                return False
            self._inside += 1
            return True

    async def leave(self) -> None:
        """Go out; the last one out closes it, where the app was closed meanwhile.

        A call that only ends because its loop is gone cannot: whoever opens or closes the app next abandons the door.
        """
        with self._counting:
            self._inside -= 1
            closing = self._last_shuts and not (self._inside or self._shut or self._loop.is_closed())
            self._shut = self._shut or closing
        if closing:
            await self.close()

    def shut(self) -> bool:
        """Let nobody in any more. True: the caller is to close it."""
        with self._counting:
            before, self._shut = self._shut, True
            return not before

    def shut_when_empty(self) -> bool:
        """Let nobody in any more once nobody is inside. True: so it is now, and the caller is to close it."""
        with self._counting:
            self._last_shuts = True
            if self._inside or self._shut:
                return False
            self._shut = True
            return True

    async def result(self, entry: Entry[R, T], given: R) -> Result[T]:
        """Where one record stands after running it through an entry."""
        try:
            ended = await self.run(entry, given)
        except Rejected as rejected:
            return Result(rejected.key, "rejected", None, None, False, usd(0), "", 0, rejected.reason)
        kept = ended.kept
        return Result(
            key=kept.key,
            outcome=kept.outcome,
            value=ended.value,
            confidence=kept.confidence,
            certified=kept.certified,
            cost_usd=usd(kept.cost_pico),
            model=kept.model,
            attempts=kept.attempts,
            reason=kept.reason,
            waiting_for=kept.waiting_for,
        )

    async def run(self, entry: Entry[R, T], given: R) -> Ended:
        """Run one record through an entry.

        Raises:
            Rejected: it is no record of the entry's, and nothing of it is kept.
        """
        runtime = self._runtime
        store = runtime.store
        taken = record_from_value(given, schema=entry.record_schema, key=entry.key, settings=runtime.settings)
        value: Any = taken.value  # of the entry's type, as its schema made it
        job_id, run_id = self._jobs.get(entry.name) or await self._job(entry.name)
        found = store.read(lambda tx: find_direct(tx, job_id, taken))
        if found is None:
            kept, held = await store.write(lambda tx: take_direct(tx, job_id, run_id, taken)), None
        else:
            kept, held = found
        held = held if isinstance(entry, Step) else None  # a workflow may wait, and a person rule meanwhile
        session = begin(runtime, kept, run_id, held=held)
        fate = await run_record(entry, value, session)
        if session.changed:
            record_id = kept.id
            after = store.read(lambda tx: find_record(tx, record_id))
            assert after is not None
            kept = after
        if kept.outcome != "accepted" or kept.value is None:
            return Ended(kept, None)
        if session.answer is not None and fate.value == kept.value:
            return Ended(kept, session.answer)
        return Ended(kept, entry.read_answer(kept.value))

    async def close(self) -> None:
        """Close ledger and connections, in its own loop."""
        await self._runtime.close()

    async def close_from_afar(self) -> None:
        """The same in another loop, where nobody is inside."""
        await self._runtime.close_wire()
        await asyncio.to_thread(self.abandon)

    def abandon(self) -> None:
        """Close all but the wire, which wants a loop: its own is gone, or works on something else."""
        self._runtime.close_rest()

    async def _job(self, entry: str) -> tuple[int, int]:
        """The job and the run that direct calls of an entry belong to."""
        store, plan = self._runtime.store, self._runtime.plan
        job_id = await store.write(lambda tx: open_job(tx, plan.name, entry, DIRECT, plan.payer))
        await asyncio.to_thread(self._runtime.set_caps, job_id, None)
        run_id = await store.write(lambda tx: begin_run(tx, job_id, store.owner))
        self._jobs[entry] = (job_id, run_id)
        return self._jobs[entry]
