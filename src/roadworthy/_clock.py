"""Time and chance, from one place, so that a test can hold both still."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol


class Clock(Protocol):
    """What the driver asks for time and chance; the stages themselves never ask."""

    def monotonic(self) -> float:
        """Seconds that only grow; for durations and deadlines."""

    def now(self) -> float:
        """Seconds since 1970, UTC; for rows a person reads."""

    def random(self) -> float:
        """A number in [0, 1); for jitter."""

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


class SystemClock:
    """The machine's own time and chance; each call looks at the time some ten times, so nothing stands in between."""

    monotonic = staticmethod(time.monotonic)
    now = staticmethod(time.time)

    def random(self) -> float:
        """A number in [0, 1); jitter needs no cryptography."""
        return random.random()  # noqa: S311 - jitter

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        await asyncio.sleep(seconds)
