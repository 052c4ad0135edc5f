"""Group commit: one thread per process drains its queue into one transaction.

A caller goes on when its change is on disk. A ledger that is away fails every caller in its transaction, so nobody
waits for ever and nobody is told of a commit that did not happen. Where a change raises, the transaction is rolled
back and its changes run again, each in one of its own: only the culprit's caller hears of it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from roadworthy._edge import told_to
from roadworthy._errors import LedgerUnavailable
from roadworthy._threads import wake_at_once, wake_in_turn
from roadworthy.keep.transaction import Change, TakenForDead

if TYPE_CHECKING:
    import asyncio

R = TypeVar("R")
_Run: TypeAlias = Callable[[list[Change[object]]], list[object]]
_Waiter: TypeAlias = "asyncio.Future[object] | Future[object]"


class _Gathered:
    """What one turn of a loop has to write, handed over once, at its end: fewer wakes, larger transactions.

    Without a loop: what one thread has to write.
    """

    __slots__ = ("changes", "loop", "results", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.changes: list[Change[object]] = []
        self.results: list[object] = []
        self.waiters: list[_Waiter] = []

    def end(self, error: BaseException | None) -> None:
        """Tell who waits; runs in the waiters' loop where they have one."""
        if error is None:
            for waiter, result in zip(self.waiters, self.results, strict=True):
                if not waiter.done():
                    waiter.set_result(result)
        else:
            for waiter in self.waiters:
                if not waiter.done():
                    waiter.set_exception(error)


def _alone(change: Change[object], waiter: Future[object]) -> _Gathered:
    """One change of a thread without an event loop."""
    gathered = _Gathered(None)
    gathered.changes.append(change)
    gathered.waiters.append(waiter)
    return gathered


class Writer:
    """The queue and its thread.

    Args:
        run: performs changes as one durable transaction and returns what each said; raises LedgerUnavailable.
        rows_max: changes in one transaction at most.
        name: what messages call the ledger.
        idle: called when nothing was to be written for `idle_s` seconds; None for never.
    """

    def __init__(
        self,
        run: _Run,
        rows_max: int,
        *,
        name: str,
        idle: Callable[[], None] | None = None,
        idle_s: float = 0.0,
    ) -> None:
        self._run = run
        self._rows_max = rows_max
        self._name = name
        self._idle = idle
        self._idle_s = idle_s if idle is not None else None
        self._queue: queue.SimpleQueue[_Gathered | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, _Gathered] = {}
        self._thread = threading.Thread(target=self._work, name="roadworthy-ledger", daemon=True)
        self._broken: LedgerUnavailable | None = None
        # Nothing may be gathered or queued behind the word that ends the thread: nobody would ever answer it.
        self._open = threading.Lock()
        self._closed = False
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more."""
        return self._closed

    def write(self, change: Change[R]) -> Awaitable[R]:
        """Run `change` in the next transaction; its result, once that is on disk.

        A refusal is a result, not an error; a change that raises is rolled back, and its caller is told. It may run
        more than once, and then alone, because a neighbour raised: what it does beside the ledger must bear that, as
        `Ledger.write` says. A caller that is cancelled while it waits does not undo the change. Once the ledger is
        closed, awaiting raises LedgerUnavailable.
        """
        loop = _loop_getter()()
        waiter: asyncio.Future[object] = loop.create_future()
        with self._open:
            if self._closed:
                waiter.set_exception(self._too_late())
                return waiter  # type: ignore[return-value] # it has none
            gathered = self._gathered.get(loop)
            if gathered is None:
                gathered = self._gathered[loop] = _Gathered(loop)
                loop.call_soon(self._hand_over, loop)
            gathered.changes.append(change)
            gathered.waiters.append(waiter)
        return waiter  # type: ignore[return-value] # its result is the change's

    def write_now(self, change: Change[R]) -> R:
        """The same from a thread without an event loop."""
        waiter: Future[object] = Future()
        self._put(_alone(change, waiter))
        return waiter.result()  # type: ignore[return-value] # its result is the change's

    def nudge(self) -> None:
        """Have it perform an empty transaction soon; many of them at once are one."""
        with self._open:
            if self._refusal() is None:
                self._queue.put(_Gathered(None))

    def close(self, last: Change[None] | None = None) -> None:
        """Commit what is gathered and queued, and end the thread; who writes from now on is told that it is closed.

        Args:
            last: a change that nothing comes after.

        Raises:
            LedgerUnavailable: `last` was not committed. The thread has ended all the same.
        """
        said: Future[object] = Future()
        with self._open:
            if not self._closed:
                self._closed = True
                for gathered in self._gathered.values():
                    self._queue.put(gathered)
                self._gathered.clear()
                if last is not None:
                    self._queue.put(_alone(last, said))
                self._queue.put(None)
        self._thread.join()
        if said.done():
            said.result()

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._open:
            gathered = self._gathered.pop(loop, None)
            if gathered is None:
                return  # the ledger was closed meanwhile, and it was handed over then
            refusal = self._refusal()
            if refusal is None:
                self._queue.put(gathered)
                return
        gathered.end(refusal)

    def _put(self, gathered: _Gathered) -> None:
        with self._open:
            refusal = self._refusal()
            if refusal is not None:
                raise refusal
            self._queue.put(gathered)

    def _refusal(self) -> LedgerUnavailable | None:
        """Why nothing is taken any more; None while it is. Asked under the lock."""
        if self._broken is not None:
            return type(self._broken)(f"The ledger's writer has stopped: {self._broken}")
        return self._too_late() if self._closed else None

    def _too_late(self) -> LedgerUnavailable:
        return LedgerUnavailable(
            f"The ledger {self._name!r} was closed before this was written. What was written until then stands. Wait for "
            "what is at work before you close the app, or run the same command again."
        )

    def _work(self) -> None:
        wake_in_turn()
        behind = False
        while True:
            batch, last = self._drain()
            if behind != self._is_behind(batch):
                behind = not behind
                (wake_at_once if behind else wake_in_turn)()
            error = self._tried(batch) if batch else None
            if error is None or isinstance(error, LedgerUnavailable) or _is_single(batch):
                _tell(batch, error)
            else:
                self._one_by_one(batch)
            if last:
                return

    def _is_behind(self, batch: list[_Gathered]) -> bool:
        """Whether so much waits that the thread is not to wait for its turn as well.

        A loop that never sleeps would keep it from the core, statement after statement, and what the loop could send
        meanwhile stands behind this commit.
        """
        return 2 * sum(len(gathered.changes) for gathered in batch) > self._rows_max

    def _tried(self, batch: list[_Gathered]) -> BaseException | None:
        """What came of it, whatever that is: a thread that ended silently would strand who waits."""
        errors: list[BaseException] = []
        with told_to(errors.append, kinds=(BaseException,)):
            self._perform(batch)
        return errors[0] if errors else None

    def _one_by_one(self, batch: list[_Gathered]) -> None:
        """Each change in a transaction of its own, in their order; each caller hears of its own, at once.

        Once the ledger is away the rest is not tried: each might wait for it as long as `ledger_busy_s`.
        """
        away: BaseException | None = None
        for one in _apart(batch):
            error = away or self._tried([one])
            away = error if isinstance(error, LedgerUnavailable) else None
            _tell([one], error)

    def _perform(self, batch: list[_Gathered]) -> None:
        """All that was gathered in one transaction; each gets its results."""
        changes: list[Change[object]] = []
        for gathered in batch:
            changes += gathered.changes
        results = self._run(changes)
        start = 0
        for gathered in batch:
            end = start + len(gathered.changes)
            gathered.results, start = results[start:end], end

    def _drain(self) -> tuple[list[_Gathered], bool]:
        """What is waiting, up to the limit of a transaction and the turn that reaches it; and whether it is the last."""
        batch: list[_Gathered] = []
        count = 0
        try:
            gathered = self._queue.get(timeout=self._idle_s)
        except queue.Empty:
            self._rest()
            return batch, False
        while gathered is not None:
            batch.append(gathered)
            count += len(gathered.changes)
            if count >= self._rows_max:
                return batch, False
            try:
                gathered = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _rest(self) -> None:
        """Nothing is to be written; whoever is not let in any more is told at the next change.

        A ledger that is away just now may be back by then, and that change is the one to find out.
        """
        assert self._idle is not None
        try:
            self._idle()
        except TakenForDead as error:
            self._broken = error
        except LedgerUnavailable:
            return


@cache
def _loop_getter() -> Callable[[], asyncio.AbstractEventLoop]:
    """`asyncio.get_running_loop`, looked up once."""
    from asyncio import get_running_loop  # noqa: PLC0415 - heavy, and there by now where somebody awaits

    return get_running_loop


def _is_single(batch: list[_Gathered]) -> bool:
    return len(batch) == 1 and len(batch[0].changes) == 1


def _apart(batch: list[_Gathered]) -> Iterator[_Gathered]:
    """The same changes, in their order, each by itself."""
    for gathered in batch:
        for change, waiter in zip(gathered.changes, gathered.waiters, strict=True):
            one = _Gathered(gathered.loop)
            one.changes, one.waiters = [change], [waiter]
            yield one


def _tell(batch: list[_Gathered], error: BaseException | None) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Gathered]] = {}
    for gathered in batch:
        if gathered.loop is None:
            gathered.end(error)
        else:
            by_loop.setdefault(gathered.loop, []).append(gathered)
    for loop, turns in by_loop.items():
        try:
            loop.call_soon_threadsafe(_end_all, turns, error)
        except RuntimeError:
            continue  # the loop is closed: whoever waited is gone, the change stands


def _end_all(turns: list[_Gathered], error: BaseException | None) -> None:
    for gathered in turns:
        gathered.end(error)
