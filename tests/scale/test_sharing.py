"""Several processes and one provider: its rate is spent together, and one finds out for all that it is down."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.test_processes import Crowd, crowd, ended
from tests.conftest import QUICK
from tests.ledgers import ask

from roadworthy._clock import SystemClock
from roadworthy.call.lane import Lane
from roadworthy.call.reply import Ending, Outcome
from roadworthy.keep.lanes import take_slice
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.run.sharing import SharedLanes

LIMITED = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt
app = App("many", settings={"lease_s": 3, "queue_max": 8, "intake_batch": 8})
small = Model("openai:small", price=Price(input="0.50", output="1.50"), max_output_tokens=64, requests_per_minute=%d)
class Note(BaseModel):
    id: str
    text: str
@app.step(models=[small])
def mood(note: Note) -> Prompt[str]:
    return Prompt("Glad or sad?", note.text)
"""


def most_within(times: list[float], seconds: float) -> int:
    """The most requests that the provider counted in any window of so many seconds."""
    times = sorted(times)
    most = begin = 0
    for end, at in enumerate(times):
        while at - times[begin] >= seconds:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def share_out(many: Crowd, records: int, a_minute: int) -> list[float]:
    """Four processes work off an input; when the provider counted each request."""
    (many.folder / "many.py").write_text(LIMITED % a_minute)
    many.notes(records)
    crew = [many.start("work", "--concurrency", "16", "--wait", "30") for _ in range(3)]
    many.until("SELECT count(*) FROM lease WHERE ended_at IS NULL", 3)
    first = many.start("run", "notes.jsonl", "--concurrency", "16")
    status, summary, said = ended(first)
    assert (status, summary["accepted"]) == (0, records), said
    for worker in crew:
        worker.terminate()
    # 3: the word to drain came while it still looked whether this job had more for it.
    assert {ended(worker)[0] for worker in crew} <= {0, 3}
    return [row.at for row in many.sim.requests()]


@pytest.mark.timeout(120)
def test_four_processes_send_no_faster_than_one_may(tmp_path: Path, ledger: str) -> None:
    """Processes that each keep to the declared rate would together send four times as much."""
    with crowd(tmp_path, ledger, latency_ms=30.0) as many:
        times = share_out(many, 150, 900)
    owners = ask(ledger, "SELECT owner, count(*) FROM attempt GROUP BY owner")
    print(
        f"{most_within(times, 2.0)} within 2 s, {times[-1] - times[0]:.1f} s for 150 at 900 a minute, {owners}"
    )
    assert len(owners) >= 2, "one process did all the work"
    # 15 a second, and what was held for up to a second before it was spent and was a second on its way to the wire.
    assert most_within(times, 2.0) <= 15 * (2 + 1 + 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_in_no_minute_does_the_provider_see_more_than_the_declared_rate(tmp_path: Path, ledger: str) -> None:
    """A provider that counts a minute would refuse what four processes send within it."""
    with crowd(tmp_path, ledger, latency_ms=30.0) as many:
        times = share_out(many, 330, 300)
    most = most_within(times, 60.0)
    print(f"{most} within a minute, 300 declared; {times[-1] - times[0]:.1f} s for 330")
    assert times[-1] - times[0] > 60
    assert most <= 300


@pytest.fixture
def two(ledger: str) -> Iterator[tuple[Ledger, Ledger]]:
    """One ledger, opened by two who share it."""
    first, second = open_ledger(ledger, QUICK), open_ledger(ledger, QUICK)
    yield first, second
    for store in (first, second):
        store.close()


def test_no_second_of_a_rate_is_given_out_twice(two: tuple[Ledger, Ledger]) -> None:
    """Two processes would send in the same second, or one would hold the next minute for itself."""
    now = SystemClock().now()
    begins = []
    for turn in range(6):
        took, begin = two[turn % 2].write_now(
            lambda tx: take_slice(tx, "lane", requests_s=10.0, tokens_s=4.0, ahead_s=45.0, now=now)
        )
        begins.append((took, round(begin / 10)))
    assert begins[:5] == [(True, 0), (True, 1), (True, 2), (True, 3), (True, 4)]
    assert begins[5][0] is False, "five times ten seconds are held, more than 45 ahead"
    assert 0 <= begins[5][1] <= 1, "there is room again in about five seconds"


def failing(lane: Lane, now: float) -> None:
    """A lane whose provider only fails."""
    while not lane.down:
        lane.admit(now, 1)
        lane.saw(Outcome(Ending.TRANSIENT, detail="503"), now, 1)


def test_one_finds_out_for_all_that_a_provider_is_down_and_is_back(two: tuple[Ledger, Ledger]) -> None:
    """Each process would hammer a provider that is down until it has seen five failures of its own."""

    async def scene() -> None:
        from dataclasses import replace  # noqa: PLC0415

        settings = replace(QUICK, breaker_open_s=0.3, share_look_s=0.0)
        clock = SystemClock()
        lanes = [Lane("provider", settings) for _ in two]
        shared = [
            SharedLanes(store, settings, clock, lambda lane=lane: {"provider": lane})  # type: ignore[misc] # a default
            for store, lane in zip(two, lanes, strict=True)
        ]
        failing(lanes[0], clock.monotonic())
        shared[0].changed(lanes[0])
        await shared[0].close()
        shared[1].look()
        assert lanes[1].down, "the other one knows, and has asked nothing itself"
        assert lanes[1].admit(clock.monotonic(), 1) > 0
        await asyncio.sleep(0.35)
        assert [lane.admit(clock.monotonic(), 1) for lane in lanes] == [0, 0], (
            "for each alone it is time to try"
        )
        turns = [await each.turn(lane, 1) for each, lane in zip(shared, lanes, strict=True)]
        assert turns[0] == 0, "one tries"
        assert await shared[1].turn(lanes[1], 1) >= 0
        lanes[1].give_back(clock.monotonic(), 1)
        lanes[0].saw(Outcome(Ending.OK, text="{}"), clock.monotonic(), 1)
        shared[0].changed(lanes[0])
        await shared[0].close()
        shared[1].look()
        assert [lane.down for lane in lanes] == [False, False]

    asyncio.run(scene())


def test_one_process_alone_tries_a_provider_that_is_down(two: tuple[Ledger, Ledger]) -> None:
    """Every process would send its own request to a provider that has just come back to its feet."""

    async def scene() -> list[float]:
        from dataclasses import replace  # noqa: PLC0415

        settings = replace(QUICK, breaker_open_s=0.2, share_look_s=0.5)
        clock = SystemClock()
        lanes = [Lane("provider", settings) for _ in two]
        shared = [SharedLanes(store, settings, clock, dict) for store in two]
        for each, lane in zip(shared, lanes, strict=True):
            failing(lane, clock.monotonic())
            each.changed(lane)
            await each.close()
        await asyncio.sleep(0.25)
        for lane in lanes:
            assert lane.admit(clock.monotonic(), 1) == 0
        return [await each.turn(lane, 1) for each, lane in zip(shared, lanes, strict=True)]

    assert asyncio.run(scene()) == [0.0, 0.5]
