"""A team's own function that does not return in time."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from threading import Event, Semaphore

import pytest
from pydantic import BaseModel

from roadworthy import Function
from roadworthy._settings import DEFAULTS
from roadworthy.ask.schema import compile_schema
from roadworthy.call.driver import settle
from roadworthy.call.lane import Lane
from roadworthy.call.meter import Ask, Opened
from roadworthy.call.reply import Ending, Outcome
from roadworthy.call.rung import FunctionRung

WAIT_S = 20.0


class Answer(BaseModel):
    """An answer."""

    mood: str


class Provider:
    """A function whose client waits for ever, once it is told to."""

    def __init__(self) -> None:
        self.begun = Semaphore(0)
        self.release = Event()

    def __call__(self, prompt: str) -> str:
        """Answer at once, or hang."""
        if prompt == "hang":
            self.begun.release()
            self.release.wait(60)
        return '{"mood":"glad"}'

    async def all_hang(self, count: int) -> None:
        """So many calls have begun."""
        async with asyncio.timeout(WAIT_S):
            while count:
                count -= self.begun.acquire(blocking=False)
                await asyncio.sleep(0.001)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """What hangs returns when the test has ended."""
    made = Provider()
    yield made
    made.release.set()


def rung(provider: Provider, most: int) -> FunctionRung:
    """The function in a model's place, with so many requests in flight at most."""
    function = Function(provider, usd_per_call="0.001", name="mine")
    settings = replace(DEFAULTS, lane_concurrency_max=most)
    return FunctionRung(function, compile_schema(Answer), Lane("mine", settings), settings)


def asks(text: str) -> Ask:
    """A request."""
    body = b'{"prompt":["%s"]}' % text.encode()
    return Ask("mine", body, b"", "", 1, worst_pico=10**9, tokens_likely=0, subject=None)


def test_calls_that_hang_take_no_others_with_them(provider: Provider) -> None:
    """As many hung calls as a loop has threads of its own would time every other record out."""

    async def scenario() -> None:
        mine = rung(provider, 1_000)
        hung = [asyncio.create_task(mine.send(asks("hang"), 60.0, 0.0)) for _ in range(64)]
        await provider.all_hang(64)
        assert (await mine.send(asks("answer"), WAIT_S, 0.0)).ending is Ending.OK
        async with asyncio.timeout(WAIT_S):
            assert await asyncio.to_thread(str, 7) == "7", "the loop's own threads are free"
        for one in hung:
            one.cancel()
        await asyncio.wait(hung, timeout=WAIT_S)
        assert all(one.cancelled() for one in hung)

    asyncio.run(scenario())


def test_what_was_not_called_costs_nothing_and_what_was_is_charged(provider: Provider) -> None:
    """A record would pay for the time in which others hung, or one that was perhaps billed would be free."""
    mine = rung(provider, 2)

    def cost(outcome: Outcome) -> tuple[str, int]:
        settled = settle(mine, asks("x"), Opened(1, 1), outcome, 0.0)
        return settled.state, settled.cost_pico

    async def scenario() -> None:
        hung = [asyncio.create_task(mine.send(asks("hang"), 0.5, 0.0)) for _ in range(2)]
        await provider.all_hang(2)
        waits = await mine.send(asks("hang"), 0.05, 0.0)
        assert (waits.ending, cost(waits)) == (Ending.UNSENT, ("unsent", 0))
        assert "mine was not called" in waits.detail
        for one in await asyncio.gather(*hung):
            assert (one.ending, cost(one)) == (Ending.UNKNOWN, ("unknown", 10**9))
        still = asyncio.create_task(mine.send(asks("answer"), WAIT_S, 0.0))
        provider.release.set()
        assert (await still).ending is Ending.OK, "who waits goes on as soon as one returns"
        assert not provider.begun.acquire(blocking=False), "what was given up is not called later"

    asyncio.run(scenario())
