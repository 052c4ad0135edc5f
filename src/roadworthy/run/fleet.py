"""Workers somewhere else, kept alive by this process: the supervising loop of `run --engine`.

An engine places a worker and says when it is gone. What a worker has done is in the ledger and nowhere else: one that
is lost is placed anew, and the ledger says what is left to do. Nothing here sends, retries or counts a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import field
from typing import Protocol

from roadworthy._clock import Clock
from roadworthy._errors import Passing, WrongUse
from roadworthy._events import Listener, Noted
from roadworthy._quick import quick
from roadworthy._settings import Settings

_PAUSE_S_MAX = 30.0
_LIVED_S = 60.0
_DRAIN_MARGIN_S = 10.0


class Lost(Exception):
    """A worker is gone, or cannot be reached: its process or its machine ended."""


@quick(frozen=True, slots=True)
class Report:
    """What a worker says when it ends in order.

    Attributes:
        stopped: what stopped it, as in a run's summary; "" where there was nothing left to do.
        wrong: why it could not work at all, in words; "" where it could.
        reused, repaired, escalated: as in a run's summary.
    """

    stopped: str = ""
    wrong: str = ""
    reused: int = 0
    repaired: int = 0
    escalated: int = 0


class Placed(Protocol):
    """One worker, somewhere."""

    async def work(self) -> Report:
        """Let it work until it ends.

        Raises:
            Lost: it ended without a word.
        """

    async def drain(self) -> None:
        """Tell it to claim nothing more and to end when what is on the wire has come back."""

    def end(self) -> None:
        """End it now, if it still lives."""


class Engine(Protocol):
    """What places workers. It never knows what they do."""

    name: str

    def place(self) -> Placed:
        """Place a worker; it need not have begun when this returns."""

    def close(self) -> None:
        """Let go of the engine; workers that still run end with it."""


@quick(slots=True)
class Fleet:
    """So many workers, each placed again when it is lost, until there is nothing left to do.

    Attributes:
        open_engine: begins to place workers; called when there is something to do.
        left: how much is left to do; asked now and then. A worker that says it has nothing to do is placed again
            while something is.
        done: grows with what is done; tells workers that die at work from workers that cannot begin.
        reports: what workers said that ended in order.
        losses: how many were lost.
    """

    open_engine: Callable[[], Engine]
    count: int
    settings: Settings
    clock: Clock
    tell: Listener
    left: Callable[[], bool]
    done: Callable[[], int]
    reports: list[Report] = field(default_factory=list)
    losses: int = 0
    _engine: Engine | None = None
    _draining: bool = False
    _placed: dict[int, tuple[Placed, asyncio.Future[Report]]] = field(default_factory=dict)

    @property
    def stopped(self) -> str:
        """What stopped the workers before the end; "" for nothing."""
        return next((report.stopped for report in self.reports if report.stopped not in {"", "drained"}), "")

    async def run(self) -> None:
        """Keep the workers alive until nothing is left, or all of them were stopped.

        Raises:
            WrongUse: a worker cannot work at all: no such app there, no key, another ledger.
            Passing: workers die as soon as they begin.
        """
        engine = self._engine = await asyncio.to_thread(self.open_engine)
        async with asyncio.TaskGroup() as group:
            for number in range(self.count):
                group.create_task(self._keep(engine, number))

    async def close(self) -> None:
        """Have every worker end, and let go of the engine."""
        await self.drain()
        if self._engine is not None:
            self._engine.close()

    async def drain(self) -> None:
        """Have every worker end in order; those that do not are ended."""
        self._draining = True
        placed = dict(self._placed)
        await asyncio.gather(*(worker.drain() for worker, _ in placed.values()))
        if placed:
            within = self.settings.work_drain_s + _DRAIN_MARGIN_S
            await asyncio.wait([working for _, working in placed.values()], timeout=within)
        for worker, working in placed.values():
            if not working.done():
                worker.end()

    async def _keep(self, engine: Engine, number: int) -> None:
        """One place in the fleet: a worker, and the next one where it was lost."""
        losses, seen = 0, self.done()
        while not self._draining:
            began = self.clock.monotonic()
            worker = engine.place()
            working = asyncio.ensure_future(worker.work())
            self._placed[number] = (worker, working)
            try:
                report = await asyncio.shield(working)  # a run that is interrupted drains what it has placed
            except Lost as lost:
                worker.end()
                self.losses += 1
                moved = self.done() > seen or self.clock.monotonic() - began > _LIVED_S
                losses, seen = 1 if moved else losses + 1, self.done()
                self._say_lost(engine, number, lost)
            else:
                self.reports.append(report)
                if report.wrong:
                    raise WrongUse(f"A worker on {engine.name} cannot begin: {report.wrong}")
                if report.stopped or not self.left():
                    return
            if losses > self.settings.worker_losses_max:
                raise Passing(
                    f"{losses} workers on {engine.name} died one after the other and nothing got done meanwhile. Nothing "
                    "that was kept is lost; see why they die and run the same command again."
                )
            await self._pause(losses)

    def _say_lost(self, engine: Engine, number: int, lost: Lost) -> None:
        if not self._draining:
            self.tell(Noted(f"worker {number + 1} on {engine.name} is lost and is placed again: {lost}"))

    async def _pause(self, losses: int) -> None:
        """A worker that died is placed at once the first time, then later and later."""
        seconds = self.settings.worker_restart_s * 2.0 ** (losses - 2) if losses > 1 else 0.0
        await self.clock.sleep(min(_PAUSE_S_MAX, seconds))
