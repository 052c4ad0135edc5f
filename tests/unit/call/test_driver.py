"""The driver: what it does when it is told to stop."""

import asyncio
import math

import pytest

from roadworthy._clock import SystemClock
from roadworthy._events import silence
from roadworthy._settings import DEFAULTS
from roadworthy.call.driver import Driver
from roadworthy.call.lane import Lane


def test_a_turn_that_comes_with_the_order_to_stop_is_passed_on() -> None:
    """Ctrl-C would be swallowed by whoever was next at that moment, and the run would hang until it is killed."""

    async def scenario() -> None:
        driver, lane = Driver(DEFAULTS, SystemClock(), silence), Lane("lane", DEFAULTS)
        first, second = (asyncio.create_task(driver._turn(lane, math.inf)) for _ in range(2))
        await asyncio.sleep(0)
        driver._wake(lane)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await asyncio.wait_for(second, 2.0)

    asyncio.run(scenario())
