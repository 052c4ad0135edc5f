"""Answers that come together go on a few a turn."""

import asyncio
from collections import Counter

import pytest

from roadworthy.call.turnstile import Turnstile

MOST = 3


async def came(turnstile: Turnstile, number: int, went_on: list[int]) -> None:
    """One answer."""
    if turnstile.full():
        await turnstile.wait()
    went_on.append(number)


def test_so_many_go_on_in_a_turn_in_their_order_and_all_of_them() -> None:
    """A thousand calls would march in step, all at once on the wire and all at once in the ledger; or some would hang."""

    async def scenario() -> tuple[list[int], list[int]]:
        turnstile, went_on, each_turn = Turnstile(MOST), list[int](), list[int]()
        tasks = [asyncio.create_task(came(turnstile, number, went_on)) for number in range(20)]
        while not all(task.done() for task in tasks):
            before = len(went_on)
            await asyncio.sleep(0)
            each_turn.append(len(went_on) - before)
            assert len(each_turn) < 100, "somebody waits for ever"
        return went_on, each_turn

    went_on, each_turn = asyncio.run(scenario())
    assert went_on == list(range(20))
    assert max(each_turn) == MOST
    assert Counter(count for count in each_turn if count) == {MOST: 6, 2: 1}


def test_what_comes_a_few_at_a_time_waits_for_nobody() -> None:
    """A quiet run would pay a turn of the loop for every answer."""

    async def scenario() -> list[bool]:
        turnstile, full = Turnstile(MOST), list[bool]()
        for _ in range(5):
            full += [turnstile.full() for _ in range(MOST)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return full

    assert asyncio.run(scenario()) == [False] * 5 * MOST


def test_whoever_is_stopped_while_it_waits_takes_nobodys_place() -> None:
    """After a record that ran out of time, one place a turn would be lost, or the others would wait for ever."""

    async def scenario() -> list[int]:
        turnstile, went_on = Turnstile(MOST), list[int]()
        tasks = [asyncio.create_task(came(turnstile, number, went_on)) for number in range(12)]
        await asyncio.sleep(0)
        for task in tasks[3:9]:
            task.cancel()
        async with asyncio.timeout(2):
            await asyncio.gather(*tasks, return_exceptions=True)
        return went_on

    assert asyncio.run(scenario()) == [0, 1, 2, 9, 10, 11]


def test_a_loop_that_ended_in_a_turn_leaves_nothing_to_the_next() -> None:
    """An app that is used from one `asyncio.run` after the other would stand still, or remember every loop it ever saw."""
    turnstile = Turnstile(MOST)

    async def cut_off() -> None:
        while not turnstile.full():
            pass

    async def whole() -> list[int]:
        went_on: list[int] = []
        async with asyncio.timeout(2):
            await asyncio.gather(*(came(turnstile, number, went_on) for number in range(10)))
        return went_on

    for _ in range(30):
        asyncio.run(cut_off())
        assert asyncio.run(whole()) == list(range(10))
    assert len(turnstile._turns) <= 10


@pytest.mark.parametrize("most", [0, 1])
def test_one_a_turn_is_the_least(most: int) -> None:
    """With a setting of 0 no answer would ever go on."""

    async def scenario() -> list[int]:
        turnstile, went_on = Turnstile(most), list[int]()
        async with asyncio.timeout(2):
            await asyncio.gather(*(came(turnstile, number, went_on) for number in range(5)))
        return went_on

    assert asyncio.run(scenario()) == [0, 1, 2, 3, 4]
