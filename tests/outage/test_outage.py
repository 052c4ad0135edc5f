"""A provider that is down for minutes: nothing is lost, nothing hammers it, and the run goes on by itself."""

import asyncio

import pytest
from tests.outage.bench import DOWN, UP, Outage, an_app, notes, provider, run_through

from roadworthy.run.job import Job
from roadworthy.run.options import Options
from roadworthy.vet.process import start_simulator


def drained(found: Outage, records: int) -> None:
    """Every record has its answer, and nobody had to help."""
    assert (found.status, found.summary.records, found.summary.accepted) == (0, records, records)
    assert len(found.log) == found.summary.attempts, "an attempt is at most one request and one row"


@pytest.mark.timeout(90)
def test_three_minutes_of_outage_drain_by_themselves() -> None:
    """A run would lose records, hammer a provider that is down, or need a person to go on afterwards."""
    with provider(latency_ms=100) as sim:
        found = asyncio.run(
            run_through(sim, records=600, pace=60, script=[(120, DOWN), (300, UP)], concurrency=8)
        )
    drained(found, 600)
    assert len(found.log) <= 1.2 * 600
    assert found.well_again_s(0.9, 60) <= 2 * (found.ended_s - found.began_s)
    assert [line.split(": ")[0].partition("/")[2] for line in found.told if "/" in line.split(": ")[0]] == [
        "small does not answer",
        "small answers again",
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifteen_minutes_of_outage_in_ten_thousand_records() -> None:
    """The same at full length: 15 minutes, 10,000 records."""
    with provider(latency_ms=100) as sim:
        found = asyncio.run(
            run_through(sim, records=10_000, pace=60, script=[(1_200, DOWN), (2_100, UP)], concurrency=8)
        )
    drained(found, 10_000)
    share, again_s = len(found.log) / 10_000, found.well_again_s(0.95, 120)
    outage_s = found.ended_s - found.began_s
    print(
        f"outage {outage_s:.0f} s, {share:.4f} requests a record, 95 % goodput {again_s:.0f} s after its end"
    )
    assert share <= 1.2
    assert again_s <= 2 * outage_s


@pytest.mark.timeout(60)
def test_the_last_records_have_the_same_patience() -> None:
    """Rounds would run out within seconds where only a few records are left, though patience is half an hour."""
    with provider(in_a_row_max=0, faults={"503": 1.0}) as sim:
        found = asyncio.run(
            run_through(sim, records=2, pace=120, script=[(600, UP)], attempts_max=1, park_rounds_max=2)
        )
    drained(found, 2)
    assert len(found.log) <= 2 + 16, "five tries open the breaker, then it doubles its pause"


@pytest.mark.timeout(60)
def test_patience_ends_in_order_and_a_later_run_goes_on() -> None:
    """An outage without an end would keep a run for ever, or cost records."""
    with provider(in_a_row_max=0, faults={"529": 1.0}) as sim:
        found = asyncio.run(run_through(sim, records=40, pace=120, script=[], patience_s=300.0))
        assert found.status == 3
        standing = found.summary.waiting.get("provider", 0) + found.summary.pending
        assert (found.summary.records, standing, found.summary.failed) == (40, 40, 0)
        assert any("no answer for 300 s" in line for line in found.told), found.told
        sim.script(UP)
        sim.reset()
        again = asyncio.run(run_through(sim, records=40, pace=1, script=[]))
    drained(again, 40)


@pytest.mark.timeout(60)
def test_a_provider_that_refuses_connections_is_waited_for() -> None:
    """A provider that is gone from the network would end the run, or cost money for what never left."""
    with provider() as sim:
        port = sim.port
        url = sim.url

    async def go() -> tuple[int, int, int]:
        app, entry = an_app()
        runtime = app.start({"OPENAI_BASE_URL": url}, breaker_open_s=0.5)
        job = Job(runtime, entry, notes(100), Options(job="gone"))
        working = asyncio.create_task(job.run())
        await asyncio.sleep(2)
        assert not working.done()
        back = await asyncio.to_thread(
            lambda: start_simulator(prices={"small": "0.1,0.4"}, default_answer='{"mood":"glad"}', port=port)
        )
        try:
            summary, status = await working
            return status, summary.accepted, back.bill().total.requests
        finally:
            back.close()
            await runtime.close()

    assert asyncio.run(go()) == (0, 100, 100), "what never left is no request"


@pytest.mark.timeout(60)
def test_asked_to_wait_an_hour_the_lane_keeps_quiet() -> None:
    """A hostile or honest Retry-After of an hour would be sent into again and again, or stop the run at once."""
    with provider(in_a_row_max=0, faults={"retry_after_3600": 1.0}) as sim:
        found = asyncio.run(run_through(sim, records=300, pace=120, script=[(900, UP)], concurrency=16))
    drained(found, 300)
    assert len(found.log) <= 1.2 * 300
