"""What the product is compared with: clients that send, read and validate, and keep nothing.

Each is an async context that yields a call: the number of a ticket in, a validated answer out.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

import orjson
from benchmarks import task
from benchmarks.pool import Call

LEDGER_BYTES_A_CALL = 2_500


def validated(body: bytes) -> task.Triage:
    """The answer in a response, validated; what the bare clients do and no more."""
    return task.Triage.model_validate_json(orjson.loads(body)["choices"][0]["message"]["content"])


class _Wire(asyncio.Protocol):
    """One keep-alive connection that has one request at a time on it."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiter: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._waiter

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.index(b"\r\ncontent-length:") + 17
        length = int(head[at:].split(b"\r", 1)[0])
        if len(self._buffer) >= end + 4 + length:
            body, self._buffer = self._buffer[end + 4 :], b""
            assert self._waiter is not None
            self._waiter.set_result(body)


@asynccontextmanager
async def raw(url: str, in_flight: int) -> AsyncIterator[Call]:
    """The floor: bytes on a socket, as little HTTP as the provider needs."""
    loop = asyncio.get_running_loop()
    place = urlsplit(url)
    host, port = place.hostname or "", place.port or 80
    idle = [(await loop.create_connection(_Wire, host, port))[1] for _ in range(in_flight)]
    head = f"POST {place.path}/chat/completions HTTP/1.1\r\nhost: {place.netloc}\r\ncontent-type: application/json"

    async def call(number: int) -> task.Triage:
        body = orjson.dumps(task.request(number))
        wire = idle.pop()
        said = await wire.ask(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        idle.append(wire)
        return validated(said)

    yield call
    for wire in idle:
        wire.transport.close()


class _Journal:
    """A file whose lines are synced before anybody goes on, many callers to a sync: what durable costs at the least."""

    def __init__(self, place: str) -> None:
        self._file = os.open(place, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._loop = asyncio.get_running_loop()
        self._lines: list[tuple[bytes, asyncio.Future[None]]] = []
        self._syncing = False

    async def keep(self, line: bytes) -> None:
        """Return once the line is on disk."""
        kept: asyncio.Future[None] = self._loop.create_future()
        self._lines.append((line, kept))
        if not self._syncing:
            self._syncing = True
            self._loop.call_soon(self._begin)
        await kept

    def _begin(self) -> None:
        lines, self._lines = self._lines, []
        self._syncing = bool(lines)
        if lines:
            self._loop.run_in_executor(None, self._sync, lines)

    def _sync(self, lines: list[tuple[bytes, asyncio.Future[None]]]) -> None:
        os.write(self._file, b"".join([line for line, _ in lines]))
        os.fdatasync(self._file)
        self._loop.call_soon_threadsafe(self._end, lines)

    def _end(self, lines: list[tuple[bytes, asyncio.Future[None]]]) -> None:
        for _, kept in lines:
            kept.set_result(None)
        self._begin()


@asynccontextmanager
async def raw_kept(url: str, in_flight: int) -> AsyncIterator[Call]:
    """The floor of a call that is kept: as above, with a durable line before it is sent and another one behind it.

    Together they are as long as what Roadworthy's ledger keeps of a call; nothing is looked up, counted or checked.
    """
    line = b"x" * (LEDGER_BYTES_A_CALL // 2)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        journal = _Journal(f"{folder}/journal")
        async with raw(url, in_flight) as sent:

            async def call(number: int) -> task.Triage:
                await journal.keep(line)
                answer = cast("task.Triage", await sent(number))
                await journal.keep(line)
                return answer

            yield call


@asynccontextmanager
async def aiohttp(url: str, in_flight: int) -> AsyncIterator[Call]:
    """The yardstick: aiohttp + pydantic, with the fastest JSON there is on both sides."""
    from aiohttp import ClientSession, TCPConnector  # noqa: PLC0415 - a yardstick, not a dependency

    headers = {"content-type": "application/json"}
    async with ClientSession(connector=TCPConnector(limit=in_flight), headers=headers) as session:

        async def call(number: int) -> task.Triage:
            body = orjson.dumps(task.request(number))
            async with session.post(f"{url}/chat/completions", data=body) as response:
                return validated(await response.read())

        yield call


@asynccontextmanager
async def aiohttp_as_written(url: str, in_flight: int) -> AsyncIterator[Call]:
    """The same as aiohttp's own pages write it, `json=` and `.json()`: the standard library's JSON."""
    from aiohttp import ClientSession, TCPConnector  # noqa: PLC0415 - a yardstick, not a dependency

    async with ClientSession(connector=TCPConnector(limit=in_flight)) as session:

        async def call(number: int) -> task.Triage:
            async with session.post(f"{url}/chat/completions", json=task.request(number)) as response:
                said = await response.json()
            return task.Triage.model_validate_json(said["choices"][0]["message"]["content"])

        yield call


@asynccontextmanager
async def bare(url: str, transport_name: str) -> AsyncIterator[Call]:
    """One of the product's transports, the request built and the answer validated as the yardstick does."""
    from benchmarks.transport import make_transport  # noqa: PLC0415 - the other clients do without the product

    from roadworthy._settings import DEFAULTS  # noqa: PLC0415 - as above

    transport = make_transport(transport_name, DEFAULTS)
    headers = {"content-type": "application/json", "accept": "application/json"}

    async def call(number: int) -> task.Triage:
        body = orjson.dumps(task.request(number))
        exchange = await transport.post(f"{url}/chat/completions", headers, body, 60.0)
        assert exchange.status == 200, exchange
        return validated(exchange.body)

    try:
        yield call
    finally:
        await transport.close()
