"""A fixed number of calls kept in flight, and what they took. Standard library only: it runs in peers' environments."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Call = Callable[[int], Awaitable[object]]
"""One call: the number of a ticket in, a validated answer out."""


@dataclass(slots=True)
class Taken:
    """What some calls took.

    Attributes:
        cpu_s: user + system time of the whole process.
        latencies_s: of each call.
        ended_at: when each call ended, in seconds since 1970, where somebody asked.
    """

    calls: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    ended_at: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The figures of a result line."""
        ordered = sorted(self.latencies_s) or [0.0]
        return {
            "calls": self.calls,
            "cpu_us": round(self.cpu_s / self.calls * 1e6, 2),
            "calls_per_s": round(self.calls / self.wall_s, 1),
            "busy": round(self.cpu_s / self.wall_s, 3),
            "p50_ms": round(ordered[len(ordered) // 2] * 1e3, 3),
            "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e3, 3),
            "peak_rss_mb": round(peak_rss_mb(), 1),
        }


def cpu_s() -> float:
    """User + system time of this process and all its threads, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_rss_mb() -> float:
    """The most memory this process has had; `ru_maxrss` would begin with its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def run_calls(call: Call, first: int, calls: int, in_flight: int) -> Taken:
    """Make `calls` calls with the numbers from `first` on, `in_flight` at a time."""
    numbers = iter(range(first, first + calls))
    taken = Taken(calls)
    latencies = taken.latencies_s

    async def serve() -> None:
        for number in numbers:
            began = time.perf_counter()
            await call(number)
            latencies.append(time.perf_counter() - began)

    cpu, wall = cpu_s(), time.perf_counter()
    await asyncio.gather(*(serve() for _ in range(min(in_flight, calls))))
    taken.cpu_s, taken.wall_s = cpu_s() - cpu, time.perf_counter() - wall
    return taken


Slice = Callable[[int, int], Awaitable[Taken]]
"""Some calls, measured: the first ticket's number and how many."""


def slices_of(call: Call, in_flight: int) -> Slice:
    """Slices of a call."""

    async def slice_(first: int, calls: int) -> Taken:
        return await run_calls(call, first, calls, in_flight)

    return slice_
