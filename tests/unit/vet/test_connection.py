"""The server below the simulator: pipelining, bounds, time-outs and many connections, seen from raw sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Unpack

import pytest

from roadworthy.vet.options import Options
from roadworthy.vet.process import start_simulator
from roadworthy.vet.simulator import Simulator

CHAT = "/v1/chat/completions"
Scenario = Callable[[Simulator, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def request(number: int = 0, *, headers: str = "", **more: object) -> bytes:
    """A whole request whose answer is its number."""
    said = {"model": "m", "messages": [{"role": "user", "content": f"number {number:06d}."}], **more}
    body = json.dumps(said).encode()
    return f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next response."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that the simulator only shows when it is looked at."""
    while not true():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.01)


def connected(scenario: Scenario, **options: Unpack[Options]) -> None:
    """Run the scenario with one open connection; it may take 10 seconds."""

    async def run() -> None:
        rows = [{"text": f"number {n:06d}", "answers": {"m": str(n), "slow": str(n)}} for n in range(200)]
        given: Options = {"answers": rows, **options}
        async with asyncio.timeout(10), Simulator(**given) as simulator:
            reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
            await scenario(simulator, reader, writer)
            writer.transport.abort()

    asyncio.run(run())


def test_pipelined_requests_are_answered_in_their_order() -> None:
    """A slow response would be given to another request on the same connection."""

    async def scenario(
        simulator: Simulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        simulator.script({"models": {"slow": {"latency_ms": 30}}})
        names = ["slow" if number % 3 == 0 else "m" for number in range(200)]
        whole = b"".join(request(number, model=name) for number, name in enumerate(names))
        for at in range(0, len(whole), 977):
            writer.write(whole[at : at + 977])
        for number in range(200):
            status, body = await read_response(reader)
            assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, str(number))
        assert simulator.bill().total.requests == 200
        assert all(row.written for row in simulator.requests())

    connected(scenario)


def test_a_request_in_single_bytes_and_chunks_is_read() -> None:
    """A client that writes slowly or in chunked coding would not be understood."""

    async def scenario(
        simulator: Simulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for byte in request(7):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await read_response(reader))[0] == 200
        head, _, body = request(8).partition(b"\r\n\r\n")
        writer.write(head.partition(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        status, said = await read_response(reader)
        assert (status, json.loads(said)["choices"][0]["message"]["content"]) == (200, "8")
        assert simulator.bill().total.requests == 2

    connected(scenario)


TOO_MUCH = [
    (b"GET /v1/models HTTP/1.1\r\n" + b"".join(b"h%d: %b\r\n" % (n, b"x" * 900) for n in range(80)), 431),
    (b"GET /v1/models HTTP/1.1\r\nh: " + b"x" * 1_000_000, 431),
    (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", 431),
    (b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 67108865\r\n\r\n", 413),
    (b"POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"fffff\r\n%b\r\n" % (b"x" * 0xFFFFF) * 65, 413),
    (b"EHLO example.com\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "status"), TOO_MUCH)
def test_what_is_too_large_or_no_request_is_refused(raw: bytes, status: int) -> None:
    """One client could fill the memory, or crash the provider for all others."""

    async def scenario(
        simulator: Simulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(raw)
        try:
            head = await reader.readuntil(b"\r\n")
            assert int(head.split()[1]) == status
        except ConnectionResetError:
            # The server closed with bytes unread, and the RST overtook the response (RFC 9112, 9.6).
            assert len(raw) > 65_536
        assert simulator.bill().total.requests == 0

    connected(scenario)


def test_a_client_that_leaves_early_is_not_a_request() -> None:
    """A request that was never whole would be counted and billed, or go unnoticed."""

    async def scenario(simulator: Simulator, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request()[:-5])
        await writer.drain()
        writer.close()
        await until(lambda: simulator.bill().incomplete == 1)
        assert simulator.bill().total.requests == 0

    connected(scenario)


def test_a_client_that_gives_up_waiting_is_billed_and_not_written() -> None:
    """A time-out would look like a response that arrived."""

    async def scenario(simulator: Simulator, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request())
        await until(lambda: bool(simulator.requests()))
        writer.transport.abort()
        await asyncio.sleep(0.4)
        row = simulator.requests()[0]
        assert (row.billed, row.written) == (True, False)

    connected(scenario, latency_ms=200)


@pytest.mark.parametrize("begun", [b"", b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"])
def test_an_idle_connection_is_closed(begun: bytes) -> None:
    """Clients that never finish a request would hold connections for ever."""

    async def scenario(_: Simulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        assert await reader.read() == b""

    connected(scenario, idle_s=0.2)


def test_a_waiting_request_is_not_idle() -> None:
    """A slow answer would be cut off by the idle time-out."""

    async def scenario(_: Simulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request())
        assert (await read_response(reader))[0] == 200

    connected(scenario, idle_s=0.1, latency_ms=500)


def test_an_older_client_is_answered_and_left() -> None:
    """A client of HTTP/1.0, or one that asked to close, would wait for the end of the connection."""

    async def scenario(_: Simulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request(headers="connection: close\r\n") + b"what follows is ignored")
        whole = await reader.read()
        assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"connection: close\r\n" in whole

    connected(scenario, latency_ms=20)


def test_a_thousand_connections_are_served_at_once() -> None:
    """A load test would measure the provider instead of the app."""

    async def client(port: int, number: int, opened: asyncio.Barrier) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await opened.wait()
        writer.write(request(number))
        status, _ = await read_response(reader)
        writer.write(request(number))
        again, _ = await read_response(reader)
        writer.transport.abort()
        return status + again

    async def run(port: int) -> list[int]:
        opened = asyncio.Barrier(1_000)
        async with asyncio.timeout(60):
            return await asyncio.gather(*(client(port, number, opened) for number in range(1_000)))

    with start_simulator(latency_ms=100) as simulator:
        assert set(asyncio.run(run(simulator.port))) == {400}
        total = simulator.bill().total
        assert (total.requests, total.billed_requests) == (2_000, 2_000)
