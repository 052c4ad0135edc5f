"""The provider of `provider.c` in Python, for machines without a C compiler: same words, same answers, more CPU.

python -m benchmarks.stand_in DELAY_MS NAME=FILE ...
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

MISSING = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, delay_s: float, replies: Mapping[bytes, bytes]) -> None:
        self._delay_s = delay_s
        self._replies = replies
        self._buffer = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            reply = self._replies.get(head.split(b"/", 2)[1], MISSING)
            if self._delay_s:
                self._loop.call_later(self._delay_s, self._transport.write, reply)
            else:
                self._transport.write(reply)


async def serve(delay_s: float, replies: Mapping[bytes, bytes]) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(delay_s, replies), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main(words: list[str]) -> None:
    """Read the words and serve."""
    pairs = (pair.split("=", 1) for pair in words[1:])
    replies = {name.encode(): Path(place).read_bytes() for name, place in pairs}
    work = serve(float(words[0]) / 1000, replies)
    try:
        import uvloop  # noqa: PLC0415 - where it is installed
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main(sys.argv[1:])
