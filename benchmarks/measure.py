"""One subject in a process of its own, that measures a slice of calls whenever it is told to.

python -m benchmarks.measure '{"subject": "aiohttp", "url": "http://127.0.0.1:1234", "in_flight": 64}'

It says `{}` once it is warm; then each line of standard input is a number of calls, and each answer a line of JSON.
Slices let subjects take turns every second without starting anew.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.pool import Slice, Taken, slices_of

T = TypeVar("T")
PEER = "peer "
SUBJECTS = (
    "raw",
    "raw kept",
    "aiohttp",
    "aiohttp as written",
    "pyreqwest",
    "aiohttp transport",
    "stages",
    "roadworthy",
    "roadworthy over aiohttp",
)
"""The floors, the yardstick twice, the bare transports, the product without and with its ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What is measured.

    Attributes:
        subject: a row of `SUBJECTS`, or `peer NAME`.
        url: the provider, without its shape.
        loop: `asyncio` or `uvloop`.
        core: the core it runs on.
        warm_up: calls made before anything counts: every connection open, every cache warm.
    """

    subject: str
    url: str
    in_flight: int
    loop: str = "asyncio"
    core: int = 0
    warm_up: int = 300


@asynccontextmanager
async def opened(spec: Spec) -> AsyncIterator[Slice]:
    """The subject, ready to make slices of calls."""
    url = f"{spec.url}/json/v1"
    if spec.subject.startswith(PEER):
        peer: Any = importlib.import_module(f"benchmarks.peers.{spec.subject.removeprefix(PEER)}")
        base = f"{spec.url}/{peer.SHAPE}/v1"
        if hasattr(peer, "whole"):
            yield peer.whole(base, spec.in_flight)
            return
        context = peer.opened(base, spec.in_flight)
    elif spec.subject.startswith("roadworthy"):
        from benchmarks.product import jobs  # noqa: PLC0415 - the product, where it is measured

        wire = "aiohttp" if spec.subject.endswith("aiohttp") else "pyreqwest"
        async with jobs(url, spec.in_flight, transport=wire) as slice_:
            yield slice_
        return
    elif spec.subject == "stages":
        from benchmarks.product import without_ledger  # noqa: PLC0415 - the product, where it is measured

        context = without_ledger(url, spec.in_flight)
    else:
        from benchmarks import clients  # noqa: PLC0415 - not in a peer's environment

        context = {
            "raw": lambda: clients.raw(url, spec.in_flight),
            "raw kept": lambda: clients.raw_kept(url, spec.in_flight),
            "aiohttp": lambda: clients.aiohttp(url, spec.in_flight),
            "aiohttp as written": lambda: clients.aiohttp_as_written(url, spec.in_flight),
            "pyreqwest": lambda: clients.bare(url, "pyreqwest"),
            "aiohttp transport": lambda: clients.bare(url, "aiohttp"),
        }[spec.subject]()
    async with context as call:
        yield slices_of(call, spec.in_flight)


class Turns:
    """A subject that is warm, slice after slice. Idle connections may have been closed since: each begins with a few calls."""

    def __init__(self, spec: Spec, slice_: Slice) -> None:
        self._spec = spec
        self._slice = slice_
        self._next = 0

    async def warm(self) -> None:
        """Warm up once."""
        await self._take(self._spec.warm_up)
        gc.collect()
        gc.freeze()

    async def turn(self, calls: int) -> Taken:
        """Measure some calls."""
        await self._take(self._spec.in_flight)
        return await self._take(calls)

    async def _take(self, calls: int) -> Taken:
        first, self._next = self._next, self._next + calls
        return await self._slice(first, calls)


async def measured(spec: Spec, calls: int) -> Taken:
    """One slice, for who wants no more."""
    async with opened(spec) as slice_:
        turns = Turns(spec, slice_)
        await turns.warm()
        return await turns.turn(calls)


async def obey(spec: Spec) -> None:
    """Measure as standard input says."""
    loop = asyncio.get_running_loop()
    async with opened(spec) as slice_:
        turns = Turns(spec, slice_)
        await turns.warm()
        _say({})
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            _say((await turns.turn(int(line))).as_json())


def run(loop: str, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in a new event loop."""
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - where it is asked for

        result: T = uvloop.run(work)
        return result
    return asyncio.run(work)


def _say(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure what the argument says, when standard input says so."""
    spec = Spec(**json.loads(sys.argv[1]))
    os.sched_setaffinity(0, {spec.core})
    run(spec.loop, obey(spec))


if __name__ == "__main__":
    main()
