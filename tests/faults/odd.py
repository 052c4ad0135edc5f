"""A provider written by hand, for what no simulated one should do."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

RESET = b"reset"


@dataclass(frozen=True)
class Asked:
    """One request: its number among all, and among those of its connection; from 1."""

    number: int
    on_connection: int
    body: dict[str, Any]


class OddProvider:
    """Sends whatever bytes a function says; `RESET` breaks the connection instead.

    Args:
        reply: the whole response to a request, head and all.
        tls: a certificate to show.
    """

    def __init__(self, reply: Callable[[Asked], bytes], *, tls: ssl.SSLContext | None = None) -> None:
        self._reply = reply
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.asked: list[Asked] = []
        self.connections = 0

    @property
    def url(self) -> str:
        """The base URL for a client."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"{'https' if self._tls else 'http'}://localhost:{port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        number = 0
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                number += 1
                self.asked.append(Asked(len(self.asked) + 1, number, body))
                raw = self._reply(self.asked[-1])
                if raw == RESET:
                    away = writer.get_extra_info("socket")
                    away.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                    return
                writer.write(raw)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()
            self._writers.discard(writer)


def response(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole HTTP response with a JSON body."""
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


def completion(message: str, *, finish: str = '"stop"', more: str = "") -> bytes:
    """A completion whose message and finish reason are these, as JSON text, byte for byte."""
    usage = '{"prompt_tokens":10,"completion_tokens":10,"total_tokens":20}'
    choice = f'{{"index":0,"message":{message},"finish_reason":{finish}}}'
    return response(
        f'{{"id":"c-1","object":"chat.completion","model":"small","choices":[{choice}],"usage":{usage}{more}}}'.encode()
    )


def says(content: object) -> bytes:
    """A completion that says this and is at its end."""
    text = content if isinstance(content, str) else json.dumps(content)
    return completion(json.dumps({"role": "assistant", "content": text}))
