"""One measurement of one subject, in the process that does it; prints one line of JSON.

python -m benchmarks.measure '{"subject": "aiohttp", "url": "http://127.0.0.1:1234", "in_flight": 64, "calls": 4000}'
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from benchmarks.pool import Call, Taken, run_calls, warm_calls

T = TypeVar("T")
PEER = "peer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What is measured.

    Attributes:
        subject: a row of `SUBJECTS`, or `peer NAME`.
        url: the provider, without its shape.
        loop: `asyncio` or `uvloop`.
        core: the core it runs on.
        warm: calls made before it counts; None for enough.
    """

    subject: str
    url: str
    in_flight: int
    calls: int
    loop: str = "asyncio"
    core: int = 0
    warm: int | None = None

    @property
    def warm_up(self) -> int:
        """Calls made before it counts."""
        return warm_calls(self.in_flight) if self.warm is None else self.warm


SUBJECTS = (
    "raw",
    "aiohttp",
    "aiohttp as written",
    "pyreqwest",
    "aiohttp transport",
    "stages",
    "roadworthy",
    "roadworthy over aiohttp",
)
"""What there is to measure: the floor, the yardstick, two bare transports, the product without and with its ledger."""


def run(loop: str, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in a new event loop."""
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - where it is asked for

        result: T = uvloop.run(work)
        return result
    return asyncio.run(work)


def opened(spec: Spec) -> AbstractAsyncContextManager[Call]:
    """The subject's call, ready to be made."""
    if spec.subject.startswith(PEER):
        peer: Any = importlib.import_module(f"benchmarks.peers.{spec.subject.removeprefix(PEER)}")
        context: AbstractAsyncContextManager[Call] = peer.opened(
            f"{spec.url}/{peer.SHAPE}/v1", spec.in_flight
        )
        return context
    from benchmarks import clients  # noqa: PLC0415 - not in a peer's environment

    url = f"{spec.url}/json/v1"
    match spec.subject:
        case "raw":
            return clients.raw(url, spec.in_flight)
        case "aiohttp":
            return clients.aiohttp(url, spec.in_flight)
        case "aiohttp as written":
            return clients.aiohttp_as_written(url, spec.in_flight)
        case "pyreqwest":
            return clients.bare(url, "pyreqwest")
        case "aiohttp transport":
            return clients.bare(url, "aiohttp")
        case "stages":
            from benchmarks.product import without_ledger  # noqa: PLC0415 - the product, where it is measured

            return without_ledger(url, spec.in_flight)
        case _:
            raise SystemExit(f"There is no subject {spec.subject!r}. There are: {', '.join(SUBJECTS)}.")


async def measured(spec: Spec) -> Taken:
    """Warm up, then measure."""
    if spec.subject.startswith("roadworthy"):
        from benchmarks.product import measure_job  # noqa: PLC0415 - the product, where it is measured

        return await measure_job(
            f"{spec.url}/json/v1",
            in_flight=spec.in_flight,
            warm=spec.warm_up,
            calls=spec.calls,
            transport="aiohttp" if spec.subject.endswith("aiohttp") else "pyreqwest",
        )
    async with opened(spec) as call:
        await run_calls(call, 0, spec.warm_up, spec.in_flight)
        gc.collect()
        return await run_calls(call, spec.warm_up, spec.calls, spec.in_flight)


def main() -> None:
    """Measure what the argument says."""
    spec = Spec(**json.loads(sys.argv[1]))
    os.sched_setaffinity(0, {spec.core})
    taken = run(spec.loop, measured(spec))
    said = asdict(spec)
    del said["url"], said["core"], said["warm"]
    sys.stdout.write(json.dumps({**said, **taken.as_json()}) + "\n")


if __name__ == "__main__":
    main()
