"""Rows D1 to D5 and D8 to D13: processes that die or stop, and answers that are used again."""

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from tests.faults.bench import GOOD, LARGE, PRICES, SMALL, Bench, Note, Topic, go, notes, recorded

from roadworthy import App, Fault, Model, Prompt
from roadworthy.vet.process import RunningSimulator, start_simulator
from roadworthy.vet.simulator import Simulator

PICO = Decimal(10) ** 12
JOB = ("run", "app.py", "in.jsonl", "--concurrency", "8")


def until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)


def requests_of(sim: RunningSimulator) -> int:
    """How many requests arrived so far."""
    return sim.bill().total.requests


@pytest.mark.fault("D1")
@pytest.mark.timeout(90)
@pytest.mark.parametrize("failpoint", ["before_commit:9", "after_commit:8", "before_send:11"])
def test_a_process_that_is_killed_loses_no_record_and_buys_no_answer_twice(
    bench: Bench, failpoint: str
) -> None:
    """A power cut would lose records or answers. The sweep over every point stands elsewhere; here are three."""
    bench.write("in.jsonl", notes(30))
    with start_simulator(prices=PRICES) as sim:
        bench.provider(sim.url)
        assert bench.call(*JOB, ROADWORTHY_FAILPOINT=failpoint).returncode == -signal.SIGKILL
        kept = bench.ask("SELECT count(*) FROM reply")[0][0]
        before = requests_of(sim)
        done = bench.call(*JOB, "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["records"], said["accepted"], said["reused"] >= kept) == (30, 30, True)
        assert requests_of(sim) - before == 30 - kept
        unknown = bench.ask("SELECT count(*) FROM attempt WHERE state = 'unknown'")[0][0]
        assert requests_of(sim) <= 30 + unknown
        assert unknown <= 8


@pytest.mark.fault("D2")
@pytest.mark.timeout(90)
def test_an_answer_that_came_and_was_not_written_is_charged_twice_and_said_so(bench: Bench) -> None:
    """The accounts would be lower than the bill by what a crash lost."""
    bench.write("in.jsonl", notes(10))
    with start_simulator(prices=PRICES) as sim:
        bench.provider(sim.url)
        words = ("run", "app.py", "in.jsonl", "--concurrency", "1")
        assert bench.call(*words, ROADWORTHY_FAILPOINT="after_send:4").returncode == -signal.SIGKILL
        assert bench.call(*words).returncode == 0
        billed = sim.bill().total.cost_usd
        assert billed is not None
        states: dict[str, int] = dict(bench.ask("SELECT state, count(*) FROM attempt GROUP BY state"))
        assert (states, requests_of(sim)) == ({"settled": 10, "unknown": 1}, 11)
        settled = bench.ask("SELECT sum(cost_pico) FROM attempt WHERE state = 'settled'")[0][0]
        every = bench.ask("SELECT sum(cost_pico) FROM attempt")[0][0]
        assert Decimal(settled) / PICO < billed <= Decimal(every) / PICO
        assert len({row.body for row in sim.requests()}) == 10


@pytest.mark.fault("D3")
def test_an_answer_that_took_too_long_is_asked_for_once_more_and_both_are_charged(bench: Bench) -> None:
    """A job of a hundred records would be billed hundreds of times, and nobody would see it in the accounts."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"hang": 1.0}, in_a_row_max=1) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(settings={"attempt_timeout_s": 1.0}), notes(4))
            bill = sim.bill().total
            assert bill.cost_usd is not None
            assert (ran.status, ran.summary.accepted, ran.summary.unknown) == (0, 4, 4)
            assert (bill.requests, bill.billed_requests) == (8, 8)
            assert ran.summary.cost_usd >= bill.cost_usd
            settled = sum(cost for state, _, cost, _ in bench.attempts() if state == "settled")
            assert Decimal(settled) / PICO == bill.cost_usd / 2, "to the last digit"

    go(scenario())


@pytest.mark.fault("D4")
@pytest.mark.timeout(90)
def test_processes_on_one_job_share_it_and_pay_for_nothing_twice(bench: Bench) -> None:
    """Two workers would take the same record, and both would pay."""
    bench.write("in.jsonl", notes(100))
    with start_simulator(prices=PRICES, latency_ms=40) as sim:
        bench.provider(sim.url)
        running = [bench.start(*JOB) for _ in range(3)]
        ends = [(child.communicate(timeout=60)[1], child.returncode) for child in running]
        assert [code for _, code in ends] == [0, 0, 0], ends
        assert requests_of(sim) == 100
        assert bench.ask("SELECT count(*), count(DISTINCT key) FROM record WHERE outcome = 'accepted'") == [
            (100, 100)
        ]
        assert bench.ask("SELECT count(*) FROM reply") == [(100,)]


def stopped_in_flight(bench: Bench, sim: RunningSimulator) -> "tuple[Any, int]":
    """A run that is stopped while eight requests are on the wire, and how many it had sent."""
    child = bench.start(*JOB)
    until(lambda: requests_of(sim) >= 8)
    until(lambda: bench.ask("SELECT count(*) FROM attempt WHERE state = 'intent'")[0][0] == 8)
    time.sleep(0.3)
    child.send_signal(signal.SIGSTOP)
    return child, requests_of(sim)


@pytest.mark.fault("D5")
@pytest.mark.timeout(90)
def test_a_process_that_is_stopped_and_goes_on_spoils_nothing(file_bench: Bench) -> None:
    """A worker that slept would find its records done by others, and pay for them again or write over them.

    On a file the kernel knows that it lives, so what it took stays its own; `tests/acceptance/test_processes.py` has the
    other case, a lease that runs out.
    """
    bench = file_bench
    bench.write("in.jsonl", notes(40))
    with start_simulator(prices=PRICES, latency_ms=1_500) as sim:
        bench.provider(sim.url)
        child, sent = stopped_in_flight(bench, sim)
        try:
            sim.script({"latency_ms": 5})
            second = bench.start(*JOB[:-1], "16")
            until(lambda: bench.ask("SELECT count(*) FROM lease WHERE ended_at IS NULL") == [(2,)])
            time.sleep(1.0)
            assert requests_of(sim) == sent, "what the stopped one took is left to it: it lives"
        finally:
            child.send_signal(signal.SIGCONT)
        assert [p.wait(60) for p in (child, second)] == [0, 0]
        assert (sent, requests_of(sim)) == (8, 40)
        assert bench.ask("SELECT count(*) FROM record WHERE outcome = 'accepted'") == [(40,)]
        for one in (child, second):
            one.communicate()


@pytest.mark.fault("D5")
@pytest.mark.timeout(90)
def test_a_process_that_was_held_for_dead_cannot_write_over_what_was_done_since(file_bench: Bench) -> None:
    """Two answers to one record would be kept, or one whose reply the ledger does not hold.

    That its sign of life is taken away stands for a lease that ran out. The answers that it waits for are good; who took
    its records over was refused.
    """
    bench = file_bench
    bench.write("in.jsonl", notes(8))
    with start_simulator(prices=PRICES, latency_ms=1_500) as sim:
        bench.provider(sim.url)
        child, _ = stopped_in_flight(bench, sim)
        try:
            sim.script({"latency_ms": 5, "faults": {"refused": 1.0}})
            for sign in bench.folder.glob("ledger.db.live-*"):
                sign.unlink()
            assert bench.call(*JOB).returncode == 0
            before = bench.ask("SELECT id, outcome, value, attempts, cost_pico FROM record ORDER BY id")
            assert {outcome for _, outcome, *_ in before} == {"waiting"}
        finally:
            child.send_signal(signal.SIGCONT)
        child.communicate(timeout=60)
        assert bench.ask("SELECT id, outcome, value, attempts, cost_pico FROM record ORDER BY id") == before
        states: dict[str, int] = dict(bench.ask("SELECT state, count(*) FROM attempt GROUP BY state"))
        assert (states, requests_of(sim)) == ({"unknown": 8, "settled": 8}, 16)
        assert bench.ask("SELECT count(*) FROM reply") == [(8,)]


@pytest.mark.fault("D8")
def test_one_key_with_two_bodies_is_a_conflict_and_not_a_choice(bench: Bench) -> None:
    """The second of two records with one key would get the first one's answer, or replace it."""

    async def scenario() -> None:
        rows = [*notes(2), {"id": "N-0", "text": "another body"}]
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), rows)
            assert (ran.summary.records, ran.summary.accepted, ran.summary.rejected) == (3, 2, 1)
            assert len(sim.requests()) == 2
            reason = bench.ask("SELECT reason FROM record WHERE outcome = 'rejected'")[0][0]
            assert "N-0" in reason
            assert "line 1" in reason

    go(scenario())


class Unnamed(BaseModel):
    """A record without an id."""

    text: str


@pytest.mark.fault("D9")
def test_a_record_without_an_id_that_comes_twice_is_answered_once(bench: Bench) -> None:
    """A client that tries again because it heard nothing would pay twice."""

    async def scenario() -> None:
        app = App("unnamed")

        @app.step(models=[SMALL])
        def topic(given: Unnamed) -> Prompt[Topic]:
            return Prompt("Which topic?", given.text)

        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            ran = await bench.run(topic, [{"text": "one"}, {"text": "two"}, {"text": "one"}])
            assert (ran.summary.records, ran.summary.accepted, len(sim.requests())) == (3, 3, 2)
            async with app:
                first = await topic.result(Unnamed(text="one"))
                again = await topic.result(Unnamed(text="one"))
            assert first.key == again.key
            assert len(sim.requests()) == 2

    go(scenario())


@pytest.mark.fault("D10")
def test_a_hundred_at_once_with_one_question_ask_it_once(bench: Bench) -> None:
    """Everybody who waits for the same answer would buy it."""

    async def scenario() -> None:
        rows = [{"id": str(n), "text": "the same"} for n in range(100)]
        async with Simulator(prices=PRICES, latency_ms=200) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), rows, concurrency=100)
            assert (ran.summary.accepted, ran.summary.attempts, ran.summary.reused) == (100, 1, 99)
            assert len(sim.requests()) == 1
            topic = bench.topics()
            asked = [topic.result(Note(id=f"d{n}", text="another")) for n in range(100)]
            results = await asyncio.gather(*asked)
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            assert {result.outcome for result in results} == {"accepted"}
            assert len(sim.requests()) == 2

    go(scenario())


@pytest.mark.fault("D10")
@pytest.mark.timeout(90)
def test_two_processes_with_one_question_ask_it_once(bench: Bench) -> None:
    """Single flight would end at the edge of a process."""
    bench.write("in.jsonl", [{"id": str(n), "text": "the same"} for n in range(50)])
    with start_simulator(prices=PRICES, latency_ms=2_000) as sim:
        bench.provider(sim.url)
        running = [bench.start(*JOB, "--job", name) for name in ("one", "two")]
        assert [child.wait(60) for child in running] == [0, 0]
        for child in running:
            child.communicate()
        assert requests_of(sim) == 1
        assert bench.ask("SELECT count(*) FROM attempt") == [(1,)]
        assert bench.ask("SELECT count(*) FROM record WHERE outcome = 'accepted'") == [(100,)]


class Theme(BaseModel):
    """Another answer type that the same answers fit."""

    topic: Literal["billing", "shipping", "other"]
    urgency: int


def small(**more: Any) -> Model:
    """The small model, a little different."""
    return Model(SMALL.name, price=SMALL.price, **more)


@pytest.mark.fault("D11")
def test_an_answer_is_used_again_for_the_very_same_request_alone(bench: Bench) -> None:
    """An answer to another prompt, schema or model would be taken for this one's."""
    note = [{"id": "1", "text": "a note"}]
    others: dict[str, Callable[[], Any]] = {
        "instructions": lambda: bench.topics(instructions="Which topic, please?"),
        "model": lambda: bench.topics(LARGE),
        "schema": lambda: bench.step(Theme),
        "temperature": lambda: bench.topics(small(temperature=0.5)),
        "extra": lambda: bench.topics(small(extra={"seed": 7})),
        "output cap": lambda: bench.topics(small(max_output_tokens=77)),
        "namespace": lambda: bench.topics(namespace="another"),
    }

    async def scenario() -> None:
        async with Simulator(
            prices=PRICES, answers=recorded(GOOD, text="a note", models=("small", "large"))
        ) as sim:
            bench.provider(sim.url)
            await bench.run(bench.topics(), note, job="first")
            for name, make in others.items():
                before = len(sim.requests())
                await bench.run(make(), note, job=name)
                assert len(sim.requests()) == before + 1, name
            text = await bench.run(bench.topics(), [{"id": "1", "text": "A note"}], job="text")
            assert text.summary.attempts == 1
            anew = await bench.run(bench.topics(), note, job="first", refresh=True)
            assert anew.summary.attempts == 1, "somebody asked for it"
            for name, make in {"first": bench.topics, **others}.items():
                again = await bench.run(make(), note, job=f"{name} again")
                assert (again.summary.attempts, again.summary.accepted) == (0, 1), name
            parser = await bench.run(bench.topics(settings={"json_depth_max": 9}), note, job="parser")
            assert parser.summary.attempts == 0, "how an answer is read is not what was asked"

    go(scenario())


@pytest.mark.fault("D12")
def test_namespaces_share_nothing_though_they_share_a_ledger(bench: Bench) -> None:
    """One tenant would be shown what another one's model said."""
    canary = "CANARY-7d1e"

    async def scenario() -> None:
        note = [{"id": "1", "text": "the same note"}]
        first = {"topic": "billing", "urgency": 1, "said": canary}

        class Said(Topic):
            said: str

        def tenant(name: str) -> Any:
            app = App("answers", namespace=name)

            @app.step(models=[SMALL])
            def answer(given: Note) -> Prompt[Said]:
                return Prompt("What is it?", given.text)

            return answer

        async with Simulator(prices=PRICES, answers=recorded(first, text="the same note")) as sim:
            bench.provider(sim.url)
            await bench.run(tenant("one"), note, job="one")
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            out = bench.folder / "two.jsonl"
            two = await bench.run(tenant("two"), note, job="two", output=out)
            assert (two.summary.reused, two.summary.attempts, len(sim.requests())) == (0, 1, 1)
            assert canary not in out.read_text()
            one = await bench.run(tenant("one"), note, job="one again", output=out)
            assert (one.summary.reused, one.summary.attempts) == (1, 0)
            assert canary in out.read_text()

    go(scenario())


@pytest.mark.fault("D13")
def test_what_failed_is_not_kept_as_an_answer(bench: Bench) -> None:
    """A passing failure would be answered from the ledger for ever."""

    async def scenario() -> None:
        settings = {"patience_s": 0.2, "attempts_max": 1}
        async with Simulator(prices=PRICES, faults={"500": 1.0}, in_a_row_max=0) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(settings=settings), notes(3))
            assert (ran.status, bench.ask("SELECT count(*) FROM reply")) == (3, [(0,)])
            sim.script({"faults": {}})
            again = await bench.run(bench.topics(), notes(3))
            assert (again.summary.accepted, again.summary.reused) == (3, 0)

    go(scenario())


@pytest.mark.fault("D13")
@pytest.mark.parametrize("kind", ["refused", "filtered", "truncated", "malformed", "prose", "wrong_enum"])
def test_a_bad_reply_is_kept_and_stays_bad(bench: Bench, kind: str) -> None:
    """A refusal would be bought again in each run, or become an answer by being read a second time."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={kind: 1.0}) as sim:
            bench.provider(sim.url)
            await bench.run(bench.topics(), notes(2))
            count = len(sim.requests())
            sim.script({"faults": {}})
            again = await bench.run(bench.topics(), notes(2))
            assert (again.summary.waiting, again.summary.attempts) == ({"review": 2}, 0)
            elsewhere = await bench.run(bench.topics(), notes(2), job="another")
            assert elsewhere.summary.waiting == {"review": 2}
            assert len(sim.requests()) == count

    go(scenario())


@pytest.mark.fault("D13")
def test_todays_checks_judge_yesterdays_replies(bench: Bench) -> None:
    """An answer that was accepted by mistake would stay accepted after the check that finds it was written."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, answers=recorded(GOOD, text="note number")) as sim:
            bench.provider(sim.url)
            await bench.run(bench.topics(), notes(4))
            strict = bench.topics()

            @strict.check
            def not_the_last(answer: Topic, note: Note) -> None:
                if note.id == "N-3":
                    raise Fault(f"`topic` cannot be {answer.topic}")

            ran = await bench.run(strict, notes(4), yes=True)
            assert (ran.summary.accepted, ran.summary.waiting) == (3, {"review": 1})
            assert (ran.summary.attempts, len(sim.requests())) == (1, 5), "the one re-ask"

    go(scenario())


@pytest.mark.fault("D13")
def test_a_reply_that_somebody_changed_in_the_ledger_is_checked_like_any_other(file_bench: Bench) -> None:
    """Whoever can write to the file could put an answer there that no check ever saw."""
    bench = file_bench

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            await bench.run(bench.topics(), notes(1))
            with sqlite3.connect(Path(bench.ledger)) as connection:
                connection.execute("UPDATE reply SET text = ?", (json.dumps({**GOOD, "topic": "<script>"}),))
            connection.close()
            ran = await bench.run(bench.topics(), notes(1), yes=True)
            assert (ran.summary.accepted, ran.summary.attempts) == (1, 1)
            assert "script" not in bench.ask("SELECT value FROM record")[0][0]

    go(scenario())
