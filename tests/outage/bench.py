"""Runs against a provider that is down for a while, with a clock that runs faster than the machine's."""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

from pydantic import BaseModel

from roadworthy import App, Model, Price, Prompt
from roadworthy._events import Event, LaneChanged, Noted
from roadworthy.accept.intake import record_from_value
from roadworthy.accept.record import Record
from roadworthy.observe.summary import Summary
from roadworthy.run.job import Job
from roadworthy.run.options import Options
from roadworthy.vet.bill import LoggedRequest
from roadworthy.vet.process import RunningSimulator, start_simulator

DOWN = {"faults": {"503": 0.5, "529": 0.5}, "in_a_row_max": 0}
UP: Mapping[str, object] = {"faults": {}}


class FastClock:
    """A clock that runs `pace` times as fast as the machine's."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._chance = random.Random(7)
        self._began = time.time()

    def monotonic(self) -> float:
        return time.monotonic() * self._pace

    def now(self) -> float:
        return self._began + (time.time() - self._began) * self._pace

    def random(self) -> float:
        return self._chance.random()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._pace)


class Note(BaseModel):
    id: str
    text: str


class Mood(BaseModel):
    mood: Literal["glad", "sad"]


@dataclass(frozen=True)
class Outage:
    """What a run with an outage in it came to; seconds are the clock's.

    Attributes:
        began_s, ended_s: when the provider's first two changes took effect, since the first request.
        log: every request that the provider saw, with `at` in seconds since the first.
        told: what was said to the person.
    """

    summary: Summary
    status: int
    began_s: float
    ended_s: float
    log: list[tuple[float, int]]
    told: list[str]

    def goodput(self, from_s: float, to_s: float) -> float:
        """Answers a second."""
        good = sum(1 for at, status in self.log if status == 200 and from_s <= at < to_s)
        return good / (to_s - from_s)

    def well_again_s(self, share: float, window_s: float) -> float:
        """Seconds from the end of the outage until goodput is back at `share` of what it was before it."""
        before = self.goodput(min(window_s, self.began_s / 2), self.began_s)
        last = self.log[-1][0]
        starts = (self.ended_s + step * window_s / 4 for step in count())
        for start in starts:
            if start + window_s > last:
                break
            if self.goodput(start, start + window_s) >= share * before:
                return start + window_s - self.ended_s
        raise AssertionError(f"goodput never came back to {share:.0%} of {before:.2f} a second")


def notes(number: int) -> Iterator[Record]:
    """That many records."""
    for index in range(number):
        found = record_from_value(
            Note(id=f"n{index}", text=f"the weather of day {index}"),
            schema=SCHEMA,
            key=None,
            settings=SETTINGS,
        )
        yield replace(found, line=index + 1)


def an_app(**settings: float) -> tuple[App, Any]:
    """An app with one step and one model."""
    app = App("outage", settings=settings)

    @app.step(models=[Model("openai:small", price=Price(input="0.1", output="0.4"))])
    def mood(note: Note) -> Prompt[Mood]:
        return Prompt("Glad or sad?", note.text)

    return app, mood


_APP, _STEP = an_app()
SCHEMA, SETTINGS = _STEP.record_schema, _APP.start_settings()


@contextmanager
def provider(**options: Any) -> Iterator[RunningSimulator]:
    """A simulated provider that knows the model."""
    with start_simulator(prices={"small": "0.1,0.4"}, default_answer='{"mood":"glad"}', **options) as sim:
        yield sim


async def run_through(
    sim: RunningSimulator,
    *,
    records: int,
    pace: float,
    script: list[tuple[float, Mapping[str, object]]],
    concurrency: int = 16,
    **settings: float,
) -> Outage:
    """Run records while the provider changes by `script`: (clock's seconds since the start, change)."""
    app, entry = an_app(**settings)
    clock, told = FastClock(pace), list[str]()

    def tell(event: Event) -> None:
        match event:
            case Noted(message):
                told.append(message)
            case LaneChanged(lane, state, reason):
                told.append(f"{lane} {state}: {reason}")

    runtime = app.start({"OPENAI_BASE_URL": sim.url}, tell=tell, clock=clock)
    changes: list[float] = []

    async def change() -> None:
        for at_s, what in script:
            await clock.sleep(max(0.0, at_s - (clock.monotonic() - began)))
            await asyncio.to_thread(sim.script, what)
            changes.append(time.time())

    began = clock.monotonic()
    changing = asyncio.create_task(change())
    try:
        job = Job(runtime, entry, notes(records), Options(job="outage", concurrency=concurrency))
        summary, status = await job.run()
        changing.cancel()
    finally:
        await runtime.close()
    rows: list[LoggedRequest] = sim.requests()
    first = rows[0].at
    log = [((row.at - first) * pace, row.status) for row in rows]
    times = [*((at - first) * pace for at in changes), log[-1][0], log[-1][0]]
    return Outage(summary, status, times[0], times[1], log, told)
