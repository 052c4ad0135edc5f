"""Callers who do not wait for each other: requests that arrive at random moments at a set rate, however slow the answers.

An open loop (Poisson arrivals from a seed) in a process of its own. A latency counts from the moment the request was due,
so that a generator or a service that falls behind is seen (no coordinated omission). Given a number of callers instead of
a rate, each sends its next request when its last one is answered: the way to find what a service can do at most.

python -m benchmarks.arrivals '{"port": 8080, "path": "/v1/records/triage", "door": "records", "core": 1}'
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import random
import resource
import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop
from benchmarks import task

_CONNECTIONS_MAX = 4_000
_GRACE_S = 20.0
_IDLE_MAX_S = 3.0
"""A connection that lay idle longer is not used again: the other side may be closing it this very moment (uvicorn after 5 s)."""


def quantile(ordered: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` of them do not exceed."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Door:
    """Where requests go, and what they look like.

    Attributes:
        door: `records` (a ticket as JSON) or `chat` (the same ticket as a chat completion request).
        key: sent as a bearer token where it is not empty.
        schema: whether a chat request asks for the answer's JSON schema itself, as clients of a plain proxy have to.
    """

    port: int
    path: str
    door: str
    core: int
    key: str = ""
    model: str = task.MODEL
    schema: bool = False

    def request(self, number: int) -> bytes:
        """The bytes of one request."""
        if self.door == "records":
            body: dict[str, Any] = {"id": f"T-{number:08d}", "body": task.ticket(number)}
        elif self.schema:
            body = {**task.request(number), "model": self.model}
        else:
            record = json.dumps({"id": f"T-{number:08d}", "body": task.ticket(number)})
            body = {"model": self.model, "messages": [{"role": "user", "content": record}]}
        content = json.dumps(body).encode()
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"host: 127.0.0.1:{self.port}",
            "content-type: application/json",
        ]
        lines += [f"authorization: Bearer {self.key}"] if self.key else []
        lines += [f"content-length: {len(content)}", "", ""]
        return "\r\n".join(lines).encode() + content


@dataclass(slots=True)
class Tally:
    """What came of a phase. Latencies of 200s, seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One connection, one request at a time; it returns to the pool when its answer is whole."""

    def __init__(self, idle: deque[Connection]) -> None:
        self._idle = idle
        self._buffer = b""
        self._done: Callable[[int], None] | None = None
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._idle_since = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_fresh(self) -> bool:
        """Whether it is surely open; one that is not is closed."""
        if self.is_open and self._loop.time() - self._idle_since < _IDLE_MAX_S:
            return True
        if self._transport is not None:
            self._transport.close()
        return False

    def send(self, request: bytes, done: Callable[[int], None]) -> None:
        """Send one request; `done` is told its status, 0 where the connection broke."""
        assert self._transport is not None
        self._done = done
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """The answer, perhaps in pieces: of a stated length, or in chunks."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(head[at + 17 :].split(b"\r", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
        elif not self._buffer.endswith(b"0\r\n\r\n"):
            return
        status = int(head[9:12])
        self._buffer = b""
        done, self._done = self._done, None
        if self.is_open:
            self._idle_since = self._loop.time()
            self._idle.append(self)
        if done is not None:
            done(status)

    def connection_lost(self, _error: Exception | None) -> None:
        """Whoever waits is told."""
        done, self._done = self._done, None
        if done is not None:
            done(0)


class Generator:
    """Sends what is asked for, and says what came of it."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._idle: deque[Connection] = deque()
        self._next = 0
        self._in_flight = 0

    async def open_loop(self, rate: float, seconds: float, seed: int) -> dict[str, Any]:
        """Poisson arrivals at `rate` a second for `seconds`."""
        chance, tally = random.Random(seed), Tally()
        loop = asyncio.get_running_loop()
        began = due = loop.time()
        sent = 0
        while (due := due + chance.expovariate(rate)) < began + seconds:
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            elif sent % 16 == 0:
                await asyncio.sleep(0)
            self._send(due, tally)
            sent += 1
        in_flight = self._in_flight
        await self._answered()
        return {
            "rate": rate,
            "sent": sent,
            "in_flight_at_end": in_flight,
            **self._said(tally, began, seconds),
        }

    async def closed_loop(self, callers: int, seconds: float) -> dict[str, Any]:
        """As many callers as said, each with one request at a time."""
        tally, loop = Tally(), asyncio.get_running_loop()
        began = loop.time()

        def again() -> None:
            if loop.time() < began + seconds:
                self._send(loop.time(), tally, again)

        for _ in range(callers):
            again()
        await asyncio.sleep(seconds)
        await self._answered()
        return {"callers": callers, **self._said(tally, began, seconds)}

    def _send(self, due: float, tally: Tally, then: Callable[[], None] | None = None) -> None:
        loop = asyncio.get_running_loop()
        request = self._door.request(self._next)
        self._next += 1
        self._in_flight += 1
        tally.late.append(loop.time() - due)

        def done(status: int) -> None:
            now = loop.time()
            self._in_flight -= 1
            tally.statuses[status] += 1
            if status == 200:
                tally.latencies.append(now - due)
                tally.ended.append(now)
            else:
                tally.refusals.append(now - due)
            if then is not None:
                loop.call_soon(then)

        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh:
                connection.send(request, done)
                return
        if self._in_flight > _CONNECTIONS_MAX:
            loop.call_soon(done, 0)
            return
        loop.create_task(self._connect_and_send(request, done))  # noqa: RUF006 - `done` is told in any case

    async def _connect_and_send(self, request: bytes, done: Callable[[int], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(self._idle), "127.0.0.1", self._door.port
            )
        except OSError:
            done(0)
        else:
            connection.send(request, done)

    async def _answered(self) -> None:
        """Wait for what is on the wire, at most `_GRACE_S`."""
        for _ in range(int(_GRACE_S / 0.02)):
            if not self._in_flight:
                return
            await asyncio.sleep(0.02)

    @staticmethod
    def _pace(ended: Sequence[float]) -> float:
        """Answers a second from the first to the last: what a closed loop comes to, however long its first answers took."""
        took = max(ended) - min(ended) if ended else 0.0
        return (len(ended) - 1) / took if took else 0.0

    def _said(self, tally: Tally, began: float, seconds: float) -> dict[str, Any]:
        in_time = sum(one < began + seconds for one in tally.ended)
        figures: dict[str, Any] = {
            "seconds": seconds,
            "statuses": {str(status): count for status, count in sorted(tally.statuses.items())},
            "unanswered": self._in_flight,
            "answered_per_s": round(in_time / seconds, 1),
            "pace_per_s": round(self._pace(tally.ended), 1),
        }
        for name, values in (("ok", tally.latencies), ("refused", tally.refusals), ("late", tally.late)):
            ordered = sorted(values)
            for part in (0.5, 0.99, 1.0):
                label = "max" if part == 1.0 else f"p{part * 100:.0f}"
                figures[f"{name}_{label}_ms"] = round(quantile(ordered, part) * 1e3, 2) if ordered else None
        return figures


async def listen(door: Door) -> None:
    """One phase for each line of standard input; the answer is one line of JSON."""
    generator, loop = Generator(door), asyncio.get_running_loop()
    gc.freeze()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        before = used.ru_utime + used.ru_stime
        if "callers" in asked:
            said = await generator.closed_loop(asked["callers"], asked["seconds"])
        else:
            said = await generator.open_loop(asked["rate"], asked["seconds"], asked.get("seed", 0))
        used = resource.getrusage(resource.RUSAGE_SELF)
        said["generator_cpu_s"] = round(used.ru_utime + used.ru_stime - before, 2)
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Listen for phases on standard input."""
    door = Door(**json.loads(sys.argv[1]))
    os.sched_setaffinity(0, {door.core})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 16)), hard))
    uvloop.run(listen(door))


if __name__ == "__main__":
    main()
