"""Outcomes on their way to the disk, which workers do not wait for."""

import asyncio

import pytest

from roadworthy._errors import LedgerUnavailable
from roadworthy.run.tail import Tail


async def many_turns() -> None:
    """Everything that can go on has gone on, however slow the machine."""
    for _ in range(100):
        await asyncio.sleep(0)


def test_every_ending_is_seen_in_the_order_in_which_it_was_handed_over() -> None:
    """A record would never be told to have ended, or before one whose commit came first."""

    async def go() -> list[int]:
        tail, told = Tail(), list[int]()
        commits = [asyncio.get_running_loop().create_future() for _ in range(4)]

        async def ending(number: int) -> None:
            await commits[number // 5]
            told.append(number)

        serving = asyncio.create_task(tail.serve())
        for number in range(20):
            tail.add(ending(number))
            await asyncio.sleep(0)
        for number, commit in enumerate(commits):
            assert len(told) == 5 * number
            commit.set_result(None)
            await many_turns()
        tail.end()
        await serving
        return told

    assert asyncio.run(asyncio.wait_for(go(), 60)) == list(range(20))


def test_an_outcome_that_cannot_be_written_ends_the_run() -> None:
    """A run would go on buying answers that the ledger does not take."""

    async def go() -> int:
        tail, tried = Tail(), 0

        async def broken() -> None:
            nonlocal tried
            tried += 1
            raise LedgerUnavailable("the disk is full")

        for _ in range(3):
            tail.add(broken())
        with pytest.raises(LedgerUnavailable, match="disk is full"):
            await tail.serve()
        tail.add(broken())  # by a worker that was not stopped yet
        await tail.rest()
        return tried

    assert asyncio.run(asyncio.wait_for(go(), 60)) == 4


def test_an_interrupt_lets_what_was_handed_over_get_to_its_end() -> None:
    """A record that is written as accepted would not be counted as such by the run that was interrupted."""

    async def go() -> list[int]:
        tail, told = Tail(), list[int]()
        commit: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def ending(number: int) -> None:
            if number:
                await commit
            told.append(number)

        async def waiting() -> None:
            await asyncio.Event().wait()

        tail.add(waiting())
        for number in range(3):
            tail.add(ending(number))
        serving = asyncio.create_task(tail.serve())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.01, commit.set_result, None)
        serving.cancel()
        await asyncio.wait([serving])
        assert serving.cancelled()
        await tail.rest()
        return sorted(told)

    assert asyncio.run(asyncio.wait_for(go(), 60)) == [0, 1, 2]
