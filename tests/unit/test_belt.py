"""Records on their way to the workers."""

import asyncio
from collections.abc import Sequence

import pytest

from roadworthy.run.belt import Belt


async def carried(most: int, batches: Sequence[Sequence[int]], workers: int) -> tuple[list[int], int]:
    """What workers took from a belt, in order, and the most that lay on it."""
    belt: Belt[int] = Belt(most)
    taken: list[int] = []
    fullest = 0

    async def work() -> None:
        nonlocal fullest
        while (one := await belt.take()) is not None:
            taken.append(one)
            fullest = max(fullest, 1 + next(held for held in range(most + 99) if belt.has_room(most - held)))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
        for batch in batches:
            await belt.put(batch)
            if batch and batch[-1] % 5 == 0:
                await asyncio.sleep(0)  # workers catch up, and wait for more
        belt.end()
    return taken, fullest


@pytest.mark.parametrize("most", [1, 2, 7, 64])
@pytest.mark.parametrize("size", [1, 3, 50])
def test_everything_is_taken_once_and_in_order_and_no_more_lies_there_than_fits(most: int, size: int) -> None:
    """A record would be left out or worked on twice, a run would never end, or a long input would fill the memory."""
    numbers = list(range(500))
    batches = [numbers[at : at + size] for at in range(0, len(numbers), size)]
    taken, fullest = asyncio.run(asyncio.wait_for(carried(most, batches, 4), 60))
    assert taken == numbers
    assert fullest <= most


def test_workers_end_where_nothing_ever_comes() -> None:
    """A run on an empty input would wait for ever."""
    assert asyncio.run(asyncio.wait_for(carried(8, [[], []], 3), 60)) == ([], 0)
