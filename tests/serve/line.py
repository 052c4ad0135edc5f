"""A wire to the service on which requests are counted, and which breaks when it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Literal

_BYTES: Final = 150


@dataclass
class Line:
    """One wire.

    Attributes:
        loses: of the first answer: nothing, all of it, or all but its head and 150 bytes.
        requests: how many requests went over it.
        before: told the number of each request, counted from 1, before it goes on.
        cut: set once it broke.
    """

    port: int
    loses: Literal["nothing", "all", "most"] = "nothing"
    requests: int = 0
    before: Callable[[int], None] = lambda _number: None
    cut: threading.Event = field(default_factory=threading.Event)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def carry(self, caller: socket.socket, to: int) -> None:
        """One connection, until either side ends it."""
        with closing(caller), closing(socket.create_connection(("127.0.0.1", to), timeout=30)) as service:
            threading.Thread(target=self._there, args=(caller, service), daemon=True).start()
            seen = b""
            with suppress(OSError):
                while data := service.recv(65_536):
                    if self.loses != "nothing" and not self.cut.is_set():
                        through, seen = len(seen), seen + data
                        if (room := self._room(seen)) is not None:
                            self.cut.set()
                            caller.sendall(data[: max(0, room - through)])
                            caller.shutdown(socket.SHUT_RDWR)  # a close alone waits for whoever still reads
                            return
                    caller.sendall(data)
                caller.shutdown(socket.SHUT_WR)

    def _room(self, seen: bytes) -> int | None:
        """How much of the first answer gets through, once there is as much of it."""
        if self.loses == "all":
            return 0
        head, end, body = seen.partition(b"\r\n\r\n")
        return len(head + end) + _BYTES if len(body) > _BYTES else None

    def _there(self, caller: socket.socket, service: socket.socket) -> None:
        with suppress(OSError):
            try:
                while data := caller.recv(65_536):
                    if data.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n"):
                        with self._counting:
                            self.requests += 1
                        self.before(self.requests)
                    service.sendall(data)
            finally:
                service.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to(port: int, loses: Literal["nothing", "all", "most"] = "nothing") -> Iterator[Line]:
    """A wire to a port of this machine; the place to call is its `port`."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        line = Line(server.getsockname()[1], loses)

        def listen() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=line.carry, args=(server.accept()[0], port), daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        yield line
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
