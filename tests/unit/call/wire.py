"""A server on a real socket that does exactly what a scenario says, and counts what it could read."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

WHOLE = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'


@dataclass(slots=True)
class Seen:
    """What the server read.

    Attributes:
        heads: the head of each request, lower case, as it began to arrive.
        connections: how many were opened.
        writers: each connection's, for a scenario that closes one while it is idle.
    """

    url: str = ""
    heads: list[str] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)


Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[bool]]
"""What is done with a request once it was read: reader, writer, its number from 0; False closes the connection."""


@asynccontextmanager
async def serving(act: Act) -> AsyncIterator[Seen]:
    """A server that reads whole requests and does `act` with each."""
    seen = Seen()
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        seen.connections += 1
        seen.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                seen.heads.append(head)
                number = len(seen.heads) - 1
                await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
                if not await act(reader, writer, number):
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the server's end: a task that ends cancelled would be reported by asyncio's own callback
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=512)
    port = server.sockets[0].getsockname()[1]
    seen.url = f"http://127.0.0.1:{port}/v1/chat/completions"
    try:
        yield seen
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> bool:
    """Answer well."""
    writer.write(WHOLE)
    await writer.drain()
    return True
