"""One app in several event loops: `.sync()` beside `await`, and who closes what."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from tests.faults.bench import GOOD, Bench, Note, Topic, go

from roadworthy import App, Function
from roadworthy.run.entry import Step

T = TypeVar("T")
BOUND_S = 30.0
"""More than any of it takes; only something that waits for ever lasts longer."""
LIVE = "SELECT count(*) FROM lease WHERE ended_at IS NULL"


class Gate:
    """A model that holds the records whose id begins with `slow` until it is opened."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self.opened = threading.Event()

    async def answer(self, note: Note) -> dict[str, Any]:
        """The answer, once it may be given; the loop goes on meanwhile."""
        if note.id.startswith("slow"):
            self.came.release()
            assert await asyncio.to_thread(self.opened.wait, BOUND_S)
        return GOOD

    async def begun(self) -> None:
        """A slow record is with the model."""
        assert await asyncio.to_thread(self.came.acquire, timeout=BOUND_S)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate, which lets everybody through in the end."""
    made = Gate()
    yield made
    made.opened.set()


@pytest.fixture
def topic(bench: Bench, gate: Gate) -> Step[Note, Topic]:
    """A step that asks the gate."""
    return bench.topics(Function(gate.answer, usd_per_call="0.001"))


def app_of(step: Step[Note, Topic]) -> App:
    """The app of a step."""
    assert isinstance(step.home, App)
    return step.home


def note(name: str) -> Note:
    """A record with a text of its own."""
    return Note(id=name, text=f"note {name}")


def in_thread(work: Callable[[], T]) -> Future[T]:
    """Do it in a thread that keeps no process from ending."""
    done: Future[T] = Future()

    def doing() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - handed to the test
            done.set_exception(error)

    threading.Thread(target=doing, daemon=True).start()
    return done


def sync_loops() -> int:
    """How many threads serve `.sync()`, those of earlier tests too."""
    return [one.name for one in threading.enumerate()].count("roadworthy-sync")


@contextmanager
def other_loop() -> Iterator[Callable[[Awaitable[Any]], Future[Any]]]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def all_of_it(work: Awaitable[Any]) -> Any:
        return await work

    yield lambda work: asyncio.run_coroutine_threadsafe(all_of_it(work), loop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(BOUND_S)
    loop.close()


def test_sync_calls_and_awaited_ones_do_not_disturb_each_other(
    bench: Bench, topic: Step[Note, Topic], gate: Gate
) -> None:
    """Whoever came last would close the ledger under the other's calls: they would hang, or be charged and lost."""

    async def scenario() -> None:
        awaited = asyncio.create_task(topic.result(note("slow-awaited")))
        await gate.begun()
        assert (await asyncio.wrap_future(in_thread(lambda: topic.sync(note("quick"))))).urgency == 2
        called = in_thread(lambda: topic.sync(note("slow-called")))
        await gate.begun()
        assert (await topic(note("quick too"))).urgency == 2
        gate.opened.set()
        assert (await awaited).outcome == "accepted"
        assert (await asyncio.wrap_future(called)).urgency == 2
        await app_of(topic).close()

    go(scenario())
    assert set(bench.outcomes().values()) == {("accepted", "")}
    assert [state for state, *_ in bench.attempts()] == ["settled"] * 4
    assert bench.ask(LIVE) == [(0,)]


def test_closing_an_app_lets_the_calls_of_other_loops_end(
    bench: Bench, topic: Step[Note, Topic], gate: Gate
) -> None:
    """`async with app` would take the ledger from under a thread that waits in `.sync()`, or leave it open behind it."""

    async def scenario() -> None:
        async with app_of(topic):
            await topic(note("quick"))
            called = in_thread(lambda: topic.sync(note("slow")))
            await gate.begun()
        assert bench.ask(LIVE) == [(1,)]
        gate.opened.set()
        assert (await asyncio.wrap_future(called)).urgency == 2

    go(scenario())
    assert bench.ask(LIVE) == [(0,)]
    assert [state for state, *_ in bench.attempts()] == ["settled"] * 2


def test_an_app_closes_what_a_loop_that_stands_still_has_left(bench: Bench, topic: Step[Note, Topic]) -> None:
    """`app.wait_for(app.close())` in a notebook would wait for the notebook's own loop, which waits for it."""

    async def scenario() -> None:
        await topic(note("1"))
        app = app_of(topic)
        closed = threading.Event()

        async def closing() -> None:
            await app.close()
            closed.set()

        topic.sync(note("2"))
        in_thread(lambda: app.wait_for(closing()))
        assert closed.wait(BOUND_S)  # this loop stands still meanwhile
        assert bench.ask(LIVE) == [(0,)]
        await topic(note("3"))
        await app.close()

    go(scenario())
    assert bench.ask(LIVE) == [(0,)]
    assert set(bench.outcomes().values()) == {("accepted", "")}


def test_a_loop_that_is_closed_leaves_nothing_open(bench: Bench, topic: Step[Note, Topic]) -> None:
    """A script with one `asyncio.run` after another would hold a ledger, a thread and a lease for each of them."""
    for name in ("1", "2", "3"):
        go(topic.result(note(name)))
        assert bench.ask(LIVE) == [(1,)]
    go(app_of(topic).close())
    assert bench.ask(LIVE) == [(0,)]


def test_a_call_in_a_third_loop_outlives_a_close_and_closes_after_itself(
    bench: Bench, topic: Step[Note, Topic], gate: Gate
) -> None:
    """A server with a loop per thread would lose the answers of the others when one of them closes the app."""

    async def scenario() -> None:
        with other_loop() as there:
            slow = there(topic.result(note("slow")))
            await gate.begun()
            quick = await asyncio.wrap_future(there(topic.result(note("quick"))))
            await app_of(topic).close()
            gate.opened.set()
            assert quick.outcome == (await asyncio.wrap_future(slow)).outcome == "accepted"
            assert bench.ask(LIVE) == [(0,)]
            assert (await asyncio.wrap_future(there(topic.result(note("later"))))).outcome == "accepted"
            await app_of(topic).close()

    go(scenario())
    assert bench.ask(LIVE) == [(0,)]


def test_threads_that_call_first_at_the_same_time_share_one_loop(
    bench: Bench, topic: Step[Note, Topic]
) -> None:
    """Each would start a loop with a ledger of its own, and all but one would never be closed."""
    before, threads = sync_loops(), 8
    begin = threading.Barrier(threads)

    def call(number: int) -> int:
        begin.wait(BOUND_S)
        return topic.sync(note(str(number))).urgency

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(call, range(threads), timeout=BOUND_S)) == [2] * threads
    assert bench.ask(LIVE) == [(1,)]
    assert sync_loops() - before == 1
    app_of(topic).wait_for(app_of(topic).close())
    assert bench.ask(LIVE) == [(0,)]
