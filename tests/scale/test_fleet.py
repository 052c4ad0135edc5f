"""The supervising loop: workers that are lost are placed again, those that cannot work are not."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from tests.scale.soak import APP

from roadworthy._clock import SystemClock
from roadworthy._errors import LedgerUnavailable, Passing, WrongUse
from roadworthy._events import silence
from roadworthy._settings import DEFAULTS
from roadworthy.run.fleet import Fleet, Lost, Report
from roadworthy.run.helper import Work
from roadworthy.run.on_ray import Hand, Order

SETTINGS = replace(DEFAULTS, worker_restart_s=0.001, worker_losses_max=5, work_drain_s=0.2)


class Desk:
    """Workers in this very loop, each with a life of its own."""

    name = "here"

    def __init__(self, life: Callable[["Desk"], Report | None]) -> None:
        self.life = life
        self.placed = 0
        self.ended = 0
        self.told = asyncio.Event()
        self.closed = False

    def place(self) -> "Desk":
        self.placed += 1
        return self

    async def work(self) -> Report:
        await asyncio.sleep(0)
        said = self.life(self)
        if said is None:
            await self.told.wait()
            return Report(stopped="drained")
        return said

    async def drain(self) -> None:
        self.told.set()

    def end(self) -> None:
        self.ended += 1

    def close(self) -> None:
        self.closed = True


def fleet(desk: Desk, count: int, left: Callable[[], bool] = lambda: True, done: int = 0) -> Fleet:
    """So many workers at that desk."""
    return Fleet(lambda: desk, count, SETTINGS, SystemClock(), silence, left, lambda: done)


def test_a_worker_that_is_lost_is_placed_again_until_nothing_is_left() -> None:
    """A machine that dies would take its share of the work with it."""

    def life(desk: Desk) -> Report:
        if desk.placed < 4:
            raise Lost("its node is gone")
        return Report(reused=2)

    async def scene() -> tuple[Fleet, Desk]:
        desk = Desk(life)
        crew = fleet(desk, 1, left=lambda: desk.placed < 4)
        await crew.run()
        await crew.close()
        return crew, desk

    crew, desk = asyncio.run(scene())
    assert (desk.placed, crew.losses, desk.ended, desk.closed) == (4, 3, 3, True)
    assert [report.reused for report in crew.reports] == [2]


def test_workers_that_die_at_once_end_the_run() -> None:
    """An app that kills its process would be started for ever."""

    def life(_desk: Desk) -> Report:
        raise Lost("it died")

    async def scene() -> int:
        desk = Desk(life)
        with pytest.raises(BaseExceptionGroup) as found:
            await fleet(desk, 1).run()
        assert found.group_contains(Passing, match="died one after the other")
        return desk.placed

    assert asyncio.run(scene()) == SETTINGS.worker_losses_max + 1


def test_a_worker_that_cannot_begin_says_why() -> None:
    """A missing key on a node would look like a machine that dies."""

    async def scene() -> None:
        with pytest.raises(BaseExceptionGroup) as found:
            await fleet(Desk(lambda _desk: Report(wrong="there is no file app.py")), 1).run()
        assert found.group_contains(WrongUse, match=r"there is no file app\.py")

    asyncio.run(scene())


def test_a_worker_finds_a_ledger_that_is_away_no_reason_to_give_the_run_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is placed while the server is busy or restarts would end the whole run as wrongly used."""
    ledger = "postgresql://127.0.0.1:1/none"
    monkeypatch.setenv("ROADWORTHY_LEDGER", ledger)
    place = tmp_path / "soak.py"
    place.write_text(APP.format(ledger=ledger, settings={}))
    monkeypatch.chdir(tmp_path)

    def hand(app: Path) -> Hand:
        order = Order(app=str(app), folder=str(tmp_path), ledger=ledger, work=Work(), settings={})
        return Hand(order.as_json())

    with pytest.raises(LedgerUnavailable):
        asyncio.run(hand(place).work())
    said = orjson.loads(asyncio.run(hand(tmp_path / "other.py").work()))
    assert "other.py" in said["wrong"]


def test_an_interrupted_run_drains_its_workers() -> None:
    """What is on the wire would be cut off and charged, though a moment later its answer is there."""

    async def scene() -> Desk:
        desk = Desk(lambda _desk: None)
        crew = fleet(desk, 3)
        running = asyncio.create_task(crew.run())
        async with asyncio.timeout(60):
            while desk.placed < 3:  # noqa: ASYNC110 - a desk tells nobody
                await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await crew.close()
        return desk

    desk = asyncio.run(scene())
    assert (desk.placed, desk.told.is_set(), desk.ended, desk.closed) == (3, True, 0, True)


def test_a_worker_stopped_by_the_budget_is_not_placed_again() -> None:
    """A cap that is used up would be run against for ever."""

    async def scene() -> tuple[int, str]:
        desk = Desk(lambda _desk: Report(stopped="budget"))
        crew = fleet(desk, 2)
        await crew.run()
        return desk.placed, crew.stopped

    assert asyncio.run(scene()) == (2, "budget")


def test_a_worker_is_told_of_settings_without_an_end() -> None:
    """JSON has no word for it: a worker would be told nothing, and refuse to begin."""
    order = Order(app="a.py", folder=".", ledger="l", work=Work(), settings={"patience_s": math.inf})
    assert Order.read(order.as_json()) == order
