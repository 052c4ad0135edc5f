"""Group commit: one thread per process drains its queue into one transaction.

A caller goes on when its change is on disk. A transaction that fails fails every caller in it, so nobody
waits for ever and nobody is told of a commit that did not happen.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.transaction import Change, Transaction

if TYPE_CHECKING:
    import asyncio

R = TypeVar("R")
_Run = Callable[[list[Callable[[Transaction], None]]], None]


class _Job:
    """One change, and who waits for it."""

    __slots__ = ("_change", "_result", "_waiter", "loop")

    def __init__(
        self,
        change: Change[object],
        loop: asyncio.AbstractEventLoop | None,
        waiter: asyncio.Future[object] | Future[object],
    ) -> None:
        self._change = change
        self._waiter = waiter
        self._result: object = None
        self.loop = loop

    def apply(self, transaction: Transaction) -> None:
        self._result = self._change(transaction)

    def end(self, error: BaseException | None) -> None:
        """Tell the waiter; runs in the waiter's loop where it has one."""
        if self._waiter.done():
            return
        if error is None:
            self._waiter.set_result(self._result)
        else:
            self._waiter.set_exception(error)


class Writer:
    """The queue and its thread.

    Args:
        run: performs a list of changes as one durable transaction; raises LedgerUnavailable.
        rows_max: changes in one transaction at most.
        idle: called when nothing was to be written for `idle_s` seconds; None for never.
    """

    def __init__(
        self, run: _Run, rows_max: int, *, idle: Callable[[], None] | None = None, idle_s: float = 0.0
    ) -> None:
        self._run = run
        self._rows_max = rows_max
        self._idle = idle
        self._idle_s = idle_s if idle is not None else None
        self._queue: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        self._thread = threading.Thread(target=self._work, name="roadworthy-ledger", daemon=True)
        self._broken: LedgerUnavailable | None = None
        self._thread.start()

    def write(self, change: Change[R]) -> Awaitable[R]:
        """Run `change` in the next transaction; its result, once that is on disk.

        The change must leave the ledger as it was if it raises; a refusal is a result, not an error. A caller
        that is cancelled while it waits does not undo the change.
        """
        loop = _loop_getter()()
        waiter: asyncio.Future[object] = loop.create_future()
        self._gather(_Job(change, loop, waiter), loop)
        return waiter  # type: ignore[return-value] # the job's result is the change's

    def write_now(self, change: Change[R]) -> R:
        """The same from a thread without an event loop."""
        waiter: Future[object] = Future()
        self._put([_Job(change, None, waiter)])
        return waiter.result()  # type: ignore[return-value] # the job's result is the change's

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        for loop in list(self._gathered):
            self._hand_over(loop)
        self._queue.put(None)
        self._thread.join()

    def _gather(self, job: _Job, loop: asyncio.AbstractEventLoop) -> None:
        """What one turn of a loop has to write is handed over once, at its end: fewer wakes, larger transactions."""
        gathered = self._gathered.get(loop)
        if gathered is None:
            self._gathered[loop] = [job]
            loop.call_soon(self._hand_over, loop)
        else:
            gathered.append(job)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs = self._gathered.pop(loop, [])
        if not jobs:
            return  # the ledger was closed meanwhile, and they were handed over then
        try:
            self._put(jobs)
        except LedgerUnavailable as error:
            _end_all(jobs, error)

    def _put(self, jobs: list[_Job]) -> None:
        if self._broken is not None:
            raise type(self._broken)(f"The ledger's writer has stopped: {self._broken}")
        self._queue.put(jobs)

    def _work(self) -> None:
        while True:
            batch, last = self._drain()
            try:
                if batch:
                    self._run([job.apply for job in batch])
                error: BaseException | None = None
            except BaseException as caught:  # noqa: BLE001 - handed to every waiter; a silent thread strands them
                error = caught
            _tell(batch, error)
            if last:
                return

    def _drain(self) -> tuple[list[_Job], bool]:
        """What is waiting, up to the limit of a transaction and the turn that reaches it; and whether it is the last."""
        batch: list[_Job] = []
        try:
            jobs = self._queue.get(timeout=self._idle_s)
        except queue.Empty:
            self._rest()
            return batch, False
        while jobs is not None:
            batch += jobs
            if len(batch) >= self._rows_max:
                return batch, False
            try:
                jobs = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _rest(self) -> None:
        """Nothing is to be written; whoever is not let in any more is told at the next change."""
        assert self._idle is not None
        try:
            self._idle()
        except LedgerUnavailable as error:
            self._broken = error


@cache
def _loop_getter() -> Callable[[], asyncio.AbstractEventLoop]:
    """`asyncio.get_running_loop`, looked up once."""
    from asyncio import get_running_loop  # noqa: PLC0415 - heavy, and there by now where somebody awaits

    return get_running_loop


def _tell(batch: list[_Job], error: BaseException | None) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in batch:
        if job.loop is None:
            job.end(error)
        else:
            by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_end_all, jobs, error)
        except RuntimeError:
            continue  # the loop is closed: whoever waited is gone, the change stands


def _end_all(jobs: list[_Job], error: BaseException | None) -> None:
    for job in jobs:
        job.end(error)
