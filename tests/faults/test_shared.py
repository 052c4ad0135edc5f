"""Records that share a reply which one of them bought: rulings, retries, refreshes and passages are each one's own."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel
from tests.faults.bench import GOOD, PRICES, SETTINGS, SMALL, Bench, Note, Topic, go, notes, recorded

from roadworthy import App, Fault, Function, Model, Price, Prompt
from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.rulings import rule
from roadworthy.run.desk import Desk
from roadworthy.run.entry import Step, Workflow
from roadworthy.vet.simulator import Simulator

TWINS = [{"id": "A", "text": "note number 0"}, {"id": "B", "text": "note number 0"}]
RIGHT = {"topic": "shipping", "urgency": 5}


def answers(bench: Bench) -> list[tuple[str, str, Any]]:
    """(key, outcome, answer) of every record."""
    rows = bench.ask("SELECT key, outcome, value FROM record ORDER BY key")
    return [(key, outcome, value and json.loads(value)) for key, outcome, value in rows]


def ruled(bench: Bench, correction: Mapping[str, object]) -> None:
    """A person corrects whatever waits."""
    ledger = open_ledger(bench.ledger, DEFAULTS)
    for (number,) in bench.ask("SELECT id FROM review WHERE ruling IS NULL"):
        said = json.dumps(correction)
        assert ledger.write_now(
            partial(rule, review_id=number, ruling="wrong", correction=said, ruled_by="ann")
        )
    ledger.close()


def careful(**step: Any) -> Step[Note, Topic]:
    """A step whose check takes no urgency of 2."""
    app = App("w", settings=SETTINGS)

    @app.step(models=[SMALL], **step)
    def topic(note: Note) -> Prompt[Topic]:
        return Prompt("Which topic?", note.text)

    @topic.check
    def never(answer: Topic, note: Note) -> None:
        if answer.urgency == GOOD["urgency"]:
            raise Fault(
                "that urgency may not be"
            )  # in the same words for both, so that a re-ask is shared too

    return topic


def audited() -> Workflow[Note, dict[str, Any]]:
    """A workflow whose step's answers are all audited."""
    app = App("w", settings=SETTINGS)

    @app.step(models=[SMALL], max_error=0.2, audit_share=1.0)
    def topic(note: Note) -> Prompt[Topic]:
        return Prompt("Which topic?", note.text)

    @app.workflow
    async def flow(note: Note) -> dict[str, Any]:
        return {"topic": (await topic(note)).topic}

    return flow


def test_a_ruling_counts_for_a_record_that_bought_nothing(bench: Bench) -> None:
    """The answer that a person had found wrong would be accepted again."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, default_answer=json.dumps(GOOD)) as sim:
            bench.provider(sim.url)
            await bench.run(audited(), TWINS, concurrency=1)
            assert bench.ask("SELECT key, attempts FROM record ORDER BY key") == [("A", 1), ("B", 0)]
            ruled(bench, RIGHT)
            assert (await bench.run(audited(), TWINS)).status == 0
            assert {answer["topic"] for _, _, answer in answers(bench)} == {"shipping"}

    go(scenario())


def test_a_ruling_counts_after_a_refresh_too(bench: Bench) -> None:
    """What a person had decided would wait for a person again."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, answers=recorded(GOOD)) as sim:
            bench.provider(sim.url)
            await bench.run(careful(), TWINS, concurrency=1)
            ruled(bench, RIGHT)
            passes: list[dict[str, Any]] = [{}, {"refresh": True, "yes": True}, {}]
            for options in passes:
                await bench.run(careful(), TWINS, **options)
                assert answers(bench) == [("A", "accepted", RIGHT), ("B", "accepted", RIGHT)], options

    go(scenario())


def test_a_shared_reply_is_asked_anew_for_each_that_failed_by_it(bench: Bench) -> None:
    """`--retry failed` and `--refresh` would help the record that bought the reply, and the others never."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, answers=recorded(GOOD)) as sim:
            bench.provider(sim.url)
            await bench.run(careful(review=False), TWINS, concurrency=1)
            assert [outcome for _, outcome, _ in answers(bench)] == ["failed", "failed"]
        for said, option in ((RIGHT, "retry_failed"), (RIGHT | {"urgency": 4}, "refresh")):
            async with Simulator(prices=PRICES, answers=recorded(said)) as sim:
                bench.provider(sim.url)
                given: dict[str, Any] = {option: True}
                ran = await bench.run(careful(review=False), TWINS, concurrency=1, **given)
                assert ran.status == 0
                assert answers(bench) == [("A", "accepted", said), ("B", "accepted", said)], option
                assert len(sim.requests()) == 1, "and it is still shared"

    go(scenario())


class Claim(BaseModel):
    """A record with more than its prompt shows."""

    id: str
    text: str
    country: str


def test_a_function_that_takes_the_record_is_asked_about_each_that_differs(bench: Bench) -> None:
    """Two claims with the same words would get one answer, whatever else the function looks at."""
    called: list[str] = []

    def mine(claim: Claim) -> dict[str, object]:
        called.append(claim.id)
        return {"topic": "billing" if claim.country == "CH" else "shipping", "urgency": 1}

    app = App("w", settings=SETTINGS)

    @app.step(models=[Function(mine, usd_per_call="0.001")])
    def topic(claim: Claim) -> Prompt[Topic]:
        return Prompt("Which topic?", claim.text)

    rows = [{"id": place, "text": "the same words", "country": place} for place in ("CH", "DE")]
    go(bench.run(topic, rows, concurrency=1))
    assert [answer["topic"] for _, _, answer in answers(bench)] == ["billing", "shipping"]
    go(bench.run(topic, rows, concurrency=1))
    assert called == ["CH", "DE"], "and about none twice"


def test_what_no_model_can_take_is_no_edit(bench: Bench) -> None:
    """The same command again would be refused for records that were never asked."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, default_answer=json.dumps(GOOD)) as sim:
            bench.provider(sim.url)
            small = Model("openai:small", price=Price(input="0.1", output="0.4"), context_tokens=600)
            step = bench.topics(small)
            rows = [{"id": "long", "text": "word " * 3_000}, *notes(5)]
            first = await bench.run(step, rows, concurrency=1)
            again = await bench.run(step, rows, concurrency=1)
            assert (
                (first.status, first.summary.waiting)
                == (again.status, again.summary.waiting)
                == (0, {"review": 1})
            )
            assert len(sim.requests()) == 5
            assert bench.ask("SELECT count(*) FROM app_version") == [(1,)], (
                "its text is kept with the first that is sent"
            )

    go(scenario())


class Failing:
    """A connection whose next commit fails once `armed`, after a while in which somebody can go away."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.armed = False
        self.failing = threading.Event()
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """As the connection does, but for that commit."""
        if sql == "COMMIT" and self.armed:
            self.armed = False
            self.failing.set()
            self.go_on.wait(20)
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(sql, *values)


def test_who_goes_away_in_a_commit_that_fails_gives_nobody_elses_call_back(
    file_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next call, which has that attempt's number now, would be booked as never sent, and its reply be dropped."""
    bench, opening = file_bench, Desk.open

    async def scenario() -> None:
        async with Simulator(prices=PRICES, default_answer=json.dumps(GOOD), latency_ms=300) as sim:
            bench.provider(sim.url)
            step = bench.topics()
            app: App = step.home  # type: ignore[assignment] # every entry of a test is an app's
            async with app:
                await step.result(Note(id="0", text="warm up"))
                doors: Any = app._doors
                (door,) = doors._by_loop.values()
                store: Any = door._runtime.store
                failing = store._connection = Failing(store._connection)

                async def opened(desk: Desk, *given: Any) -> Any:
                    failing.armed = desk.session.kept.key == "A"
                    return await opening(desk, *given)

                monkeypatch.setattr(Desk, "open", opened)
                first = asyncio.create_task(step.result(Note(id="A", text="note A")))
                assert await asyncio.to_thread(failing.failing.wait, 20)
                second = asyncio.create_task(step.result(Note(id="B", text="note B")))
                await asyncio.sleep(0)
                first.cancel()
                await asyncio.sleep(0)
                failing.go_on.set()
                assert (await second).outcome == "accepted"
                with pytest.raises(asyncio.CancelledError):
                    await first
            assert (
                sim.bill().total.cost_usd
                == Decimal(bench.ask("SELECT sum(cost_pico) FROM attempt")[0][0]) / 10**12
            )
            assert {row[0] for row in bench.attempts()} == {"settled"}

    go(scenario())
