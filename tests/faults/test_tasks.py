"""Workflows whose code runs steps at the same time, and code that cancels what is its own."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest
from tests.faults.bench import GOOD, PRICES, SETTINGS, SMALL, Bench, Note, Topic, go, notes

from roadworthy import App, Fault, Function, Prompt
from roadworthy._events import Event, Noted
from roadworthy._settings import DEFAULTS
from roadworthy.accept.source import Source
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.rulings import rule
from roadworthy.run.entry import Workflow
from roadworthy.run.survey import Drawn, survey
from roadworthy.vet.simulator import Simulator


def in_a_group(*, refused: str) -> Workflow[Note, dict[str, Any]]:
    """A workflow that asks twice in a task group; a note that ends with `refused` needs a person."""
    app = App("w", settings=SETTINGS)

    @app.step(models=[SMALL])
    def topic(note: Note) -> Prompt[Topic]:
        return Prompt("Which topic?", note.text)

    @topic.check
    def good(answer: Topic, note: Note) -> None:
        if note.text.endswith(refused):
            raise Fault("no")

    @app.workflow
    async def flow(note: Note) -> dict[str, Any]:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(topic(note))
            second = group.create_task(topic(note.model_copy(update={"text": f"{note.text} again"})))
        return {"first": first.result().topic, "second": second.result().topic}

    return flow


def test_a_record_waits_in_a_task_group_as_it_does_outside(bench: Bench) -> None:
    """One record that needs a person would end the whole run, and do so again at every resume."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, default_answer=json.dumps(GOOD)) as sim:
            bench.provider(sim.url)
            ran = await bench.run(in_a_group(refused="3"), notes(6), concurrency=4)
            assert (ran.status, ran.summary.accepted, ran.summary.waiting) == (0, 5, {"review": 1})
            again = await bench.run(in_a_group(refused="3"), notes(6), concurrency=4)
            assert (again.status, again.summary.waiting, again.summary.attempts) == (0, {"review": 1}, 0)

    go(scenario())


def test_a_persons_rejection_reaches_through_a_task_group(bench: Bench) -> None:
    """A record that a person rejected would fail as a bug, and whoever asks for its result would get an exception."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, default_answer=json.dumps(GOOD)) as sim:
            bench.provider(sim.url)
            flow = in_a_group(refused="")
            app: App = flow.home  # type: ignore[assignment] # every entry of a test is an app's
            async with app:
                assert (await flow.result(Note(id="a", text="x"))).outcome == "waiting"
                ledger = open_ledger(bench.ledger, DEFAULTS)
                for (number,) in bench.ask("SELECT id FROM review"):
                    ledger.write_now(
                        partial(rule, review_id=number, ruling="reject", correction=None, ruled_by="ann")
                    )
                ledger.close()
                assert (await flow.result(Note(id="a", text="x"))).outcome == "rejected"

    go(scenario())


def test_a_step_that_gather_leaves_behind_ends_before_its_record_does(bench: Bench) -> None:
    """What it buys would be written after the record's outcome, or after the ledger is closed: never, and unpaid for."""
    gone: list[str] = []

    async def slowly(note: Note) -> dict[str, Any]:
        await asyncio.sleep(0.2)
        gone.append(note.id)
        return GOOD

    async def scenario() -> None:
        app = App("w", settings=SETTINGS)

        @app.step(models=[SMALL])
        def fast(note: Note) -> Prompt[Topic]:
            return Prompt("Which topic?", note.text)

        @fast.check
        def never(answer: Topic, note: Note) -> None:
            raise Fault(f"{answer.topic} is not {note.text}")

        @app.step(models=[Function(slowly, usd_per_call="0.001")])
        def slow(note: Note) -> Prompt[Topic]:
            return Prompt("Which topic now?", note.text)

        @app.workflow
        async def flow(note: Note) -> dict[str, Any]:
            await asyncio.gather(fast(note), slow(note))
            return {}

        async with Simulator(prices=PRICES, default_answer=json.dumps(GOOD)) as sim:
            bench.provider(sim.url)
            ran = await bench.run(flow, notes(3), concurrency=3)
            assert (ran.status, ran.summary.waiting, sorted(gone)) == (
                0,
                {"review": 3},
                ["N-0", "N-1", "N-2"],
            )
            assert {row[0] for row in bench.attempts()} == {"settled"}
            assert bench.ask("SELECT max(reserved_pico) FROM budget") == [(0,)]

    go(scenario())


def test_a_step_called_after_its_workflow_has_ended_buys_nothing(bench: Bench) -> None:
    """A task that nobody awaits would spend money for a record that has its outcome."""
    late: list[asyncio.Task[Topic]] = []

    async def scenario() -> None:
        app = App("w", settings=SETTINGS)

        @app.step(models=[SMALL])
        def topic(note: Note) -> Prompt[Topic]:
            return Prompt("Which topic?", note.text)

        @app.workflow
        async def flow(note: Note) -> dict[str, Any]:
            async def later() -> Topic:
                await asyncio.sleep(0.05)
                return await topic(note)

            late.append(asyncio.create_task(later()))
            return {}

        async with Simulator(prices=PRICES, default_answer=json.dumps(GOOD)) as sim:
            bench.provider(sim.url)
            ran = await bench.run(flow, notes(1))
            assert (ran.status, ran.summary.accepted) == (0, 1)
            with pytest.raises(Exception, match="after its workflow had ended"):
                await late[0]
            assert sim.requests() == []

    go(scenario())


@pytest.mark.parametrize("place", ["function", "workflow"])
def test_a_task_that_the_teams_code_cancelled_is_its_records_bug_and_nobodys_interrupt(
    bench: Bench, place: str
) -> None:
    """Each such record would end a worker in silence; with the last of them the run would stand still for ever."""

    async def mine(note: Note) -> dict[str, Any]:
        if int(note.id[2:]) < 2:
            task = asyncio.create_task(asyncio.sleep(10))
            task.cancel()
            await task
        return GOOD

    async def scenario() -> None:
        app = App("w", settings=SETTINGS)

        @app.step(models=[Function(mine, usd_per_call="0.001")])
        def topic(note: Note) -> Prompt[Topic]:
            return Prompt("Which topic?", note.text)

        @app.workflow
        async def flow(note: Note) -> dict[str, Any]:
            return await mine(note)

        entry = topic if place == "function" else flow
        ran = await bench.run(entry, notes(300), concurrency=2)
        assert (ran.summary.accepted, ran.summary.pending) == (298, 0)
        assert bench.ask("SELECT count(*) FROM record WHERE reason LIKE '%CancelledError%'") == [(2,)]

    go(scenario())


def test_a_plan_goes_on_where_the_teams_code_cancelled_a_task_of_its_own(bench: Bench) -> None:
    """One record of an input would end `plan` without a figure or a word."""
    told: list[Event] = []

    async def scenario() -> None:
        app = App("w", settings=SETTINGS)

        @app.workflow
        async def flow(note: Note) -> dict[str, Any]:
            if note.id == "N-1":
                task = asyncio.create_task(asyncio.sleep(10))
                task.cancel()
                await task
            return GOOD

        place = bench.folder / "notes.jsonl"
        place.write_text("".join(json.dumps(row) + "\n" for row in notes(3)))
        runtime = app.start(tell=told.append)
        try:
            drawn = Drawn.of(Source.from_path(place, runtime.settings), flow, runtime.settings)
            count = await survey(runtime, flow, drawn, None)
        finally:
            await runtime.close()
        assert (count.answered, count.would_fail) == (2, 1)

    go(scenario())
    assert [event for event in told if isinstance(event, Noted) and "CancelledError" in event.message]
