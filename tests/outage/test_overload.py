"""A provider with a limit of its own: few requests are wasted, and none of the limit is exceeded after an outage."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.outage.bench import UP, provider, run_through

APP = Path(__file__).parent / "moods.py"
DOWN = {"faults": {"503": 1.0}, "in_a_row_max": 0}


def most_within(moments: Iterable[float], span_s: float) -> int:
    """The most moments in any span of this length."""
    ordered, most, first = sorted(moments), 0, 0
    for last, moment in enumerate(ordered):
        while ordered[first] <= moment - span_s:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.timeout(90)
def test_no_burst_above_the_limit_after_an_outage() -> None:
    """What piled up in an outage would all be sent the moment it ends, and be throttled or bring it down again."""
    a_second = 20
    with provider(latency_ms=50, requests_per_minute=60 * a_second) as sim:
        found = asyncio.run(
            run_through(
                sim,
                records=240,
                pace=1,
                script=[(3, DOWN), (7, UP)],
                concurrency=64,
                breaker_open_s=1.0,
            )
        )
    assert (found.status, found.summary.accepted) == (0, 240)
    assert len(found.log) <= 1.2 * 240
    after = [at for at, _ in found.log if at >= found.ended_s]
    assert most_within(after, 1.0) <= 2 * a_second, "a second's worth at once and a second's refill"
    assert most_within(after, 5.0) <= 6 * a_second


def herd(folder: Path, processes: int, records: int, requests_per_minute: int) -> tuple[float, int]:
    """(requests a record, most requests in a second): processes with ledgers of their own start at once on one key."""
    with (
        provider(latency_ms=100, requests_per_minute=requests_per_minute) as sim,
        ExitStack() as running,
    ):
        started = []
        for number in range(processes):
            rows = ({"id": f"{number}-{day}", "text": f"day {day} of {number}"} for day in range(records))
            (folder / f"in{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            words = ["run", str(APP), f"in{number}.jsonl", "--json"]
            environ = {**os.environ, "OPENAI_BASE_URL": sim.url, "ROADWORTHY_LEDGER": f"l{number}.db"}
            child = subprocess.Popen(
                [sys.executable, "-m", "roadworthy", *words],
                cwd=folder,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            started.append(running.enter_context(child))
            running.callback(child.kill)
        said = [json.loads(child.communicate(timeout=280)[0]) for child in started]
        log = sim.requests()
    assert [one["accepted"] for one in said] == [records] * processes
    return len(log) / (processes * records), most_within((row.at for row in log), 1.0)


@pytest.mark.timeout(120)
def test_six_processes_that_start_at_once_share_a_limit(tmp_path: Path) -> None:
    """Each process would take the limit for its own: a fifth of all requests refused, all of them in one second."""
    share, most = herd(tmp_path, processes=6, records=50, requests_per_minute=240)
    assert share <= 1.15
    assert most <= 150


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_processes_that_start_at_once_share_a_limit(tmp_path: Path) -> None:
    """The same with more processes than the limit has room for."""
    share, most = herd(tmp_path, processes=8, records=60, requests_per_minute=240)
    print(f"{share:.3f} requests a record, {most} requests in the fullest second of a limit of 240 a minute")
    assert share <= 1.2
    assert most <= 240
