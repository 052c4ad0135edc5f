"""What the product is compared with: clients that send, read and validate, and keep nothing.

Each is an async context that yields a call: the number of a ticket in, a validated answer out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

import orjson
from benchmarks import task
from benchmarks.pool import Call


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
