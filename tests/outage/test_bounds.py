"""Every queue and every memory of a run has a bound."""

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.outage.bench import FastClock, an_app, notes, provider

from roadworthy._events import silence
from roadworthy._settings import DEFAULTS
from roadworthy.accept.record import Record
from roadworthy.ask.question import Message, Question
from roadworthy.call.driver import Driver
from roadworthy.call.lane import Lane
from roadworthy.run import runtime as runtime_module
from roadworthy.run.job import Job
from roadworthy.run.options import Options


def test_whoever_stops_waiting_for_a_slot_leaves_the_queue() -> None:
    """A lane that is full for hours would remember each look of each waiting record."""

    async def go() -> tuple[int, int]:
        lane = Lane("l", replace(DEFAULTS, lane_concurrency_start=1))
        assert lane.admit(0.0, 1) == 0
        driver = Driver(DEFAULTS, FastClock(1), silence)
        waiting = [asyncio.create_task(driver._turn(lane, float("inf"))) for _ in range(50)]
        await asyncio.sleep(0)
        queued = len(driver._queues["l"])
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return queued, len(driver._queues["l"])

    assert asyncio.run(go()) == (50, 0)


def test_as_many_are_woken_as_there_are_slots() -> None:
    """A lane that won slots would not use them: each answer would wake one waiter, for its own slot."""

    async def go() -> int:
        lane = Lane("l", replace(DEFAULTS, lane_concurrency_start=3))
        driver = Driver(DEFAULTS, FastClock(1), silence)
        waiting = [asyncio.create_task(driver._turn(lane, float("inf"))) for _ in range(5)]
        await asyncio.sleep(0)
        driver._wake(lane)
        await asyncio.sleep(0.05)
        woken = sum(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        return woken

    assert asyncio.run(go()) == 3


@pytest.mark.timeout(60)
def test_a_run_reads_no_further_ahead_than_its_queue() -> None:
    """While a provider is down a run would read its whole input into memory."""
    handed = 0

    def counted() -> Iterator[Record]:
        nonlocal handed
        for record in notes(5_000):
            handed += 1
            yield record

    async def go(url: str) -> None:
        app, entry = an_app(queue_max=32, intake_batch=16)
        runtime = app.start({"OPENAI_BASE_URL": url})
        job = Job(runtime, entry, counted(), Options(job="bounded", concurrency=4))
        working = asyncio.create_task(job.run())
        await asyncio.sleep(2.0)
        gc.collect()
        alive = sum(isinstance(thing, Record) for thing in gc.get_objects())
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await runtime.close()
        assert handed <= 4 + 32 + 3 * 16
        assert alive <= 4 + 32 + 3 * 16

    with provider(faults={"503": 1.0}, in_a_row_max=0) as sim:
        asyncio.run(go(sim.url))


def test_versions_of_prompts_are_remembered_up_to_a_bound() -> None:
    """A prompt with a time or a name in its instructions would be remembered once for each record."""

    async def go() -> int:
        app, entry = an_app()
        runtime = app.start({"OPENAI_API_KEY": "sk-none"})
        for number in range(runtime_module._VERSIONS_MAX + 500):
            runtime.unseen_version(entry, Question(str(number), b"", (Message("user", "x"),)))
        remembered = len(runtime._remembered)
        await runtime.close()
        return remembered

    assert asyncio.run(go()) <= runtime_module._VERSIONS_MAX + 1
