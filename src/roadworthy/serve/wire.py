"""A caller's connection: requests within limits of size and time, and no more connections than a process can hold.

uvicorn's protocol has none of the three: a caller who sends a byte of header now and then keeps a connection for ever, and
one header may be of any length. And it begins to work on a request with its headers. Here a request waits for its body
where its connection does: one timer, no task, and nothing that wakes up for each byte of a slow caller's. What is larger
than one buffer is worked on while it comes (`body` has the limits of that).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from roadworthy._settings import Settings
from roadworthy.serve.body import UNTIL, WHOLE
from roadworthy.serve.problem import MEDIA_TYPE

_LINE: Final = b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n"
_FULL: Final = b"retry-after: 2\r\n"


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with the limits of `settings`; `limited` makes the class."""

    limits: Settings

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._heads = True
        self._begun = False
        """Whether the next request has begun; empty lines before it are none of it (RFC 9112, 2.2)."""
        self._head_bytes = 0
        self._held: Any = None
        """The app, while the newest request waits for the rest of its body."""
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody calls; where too many do already, they are told to come again."""
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn narrows it too
        most = self.limits.serve_connections_max
        if len(self.connections) > most:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{most} connections are open. Call again.", _FULL)
            return
        self._wait("headers", self.limits.serve_header_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone; a request that was not whole is nobody's."""
        self._wait_no_more()
        self._held = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        if self.transport.is_closing():
            return
        if self._heads:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._held is not None:
            if self._late is None:
                self._wait("body", self.limits.serve_body_s)
        elif self._heads and self._head_bytes:
            if self._head_bytes > (most := self.limits.serve_header_bytes_max):
                words = f"The request line and headers are larger than {most:,} bytes."
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, words)
            elif self._late is None and not self._answering:  # the next request of a connection that was kept
                self._wait("headers", self.limits.serve_header_s)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._heads = self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """What follows is the body."""
        self._heads, self._head_bytes = False, 0
        self._wait_no_more()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """More of a body."""
        super().on_body(body)
        if self._held is not None and len(self.cycle.body) > HIGH_WATER_LIMIT:
            self._begin()

    def on_message_complete(self) -> None:
        """The next byte is the next request's."""
        super().on_message_complete()
        self._heads, self._begun, self._head_bytes = True, False, 0
        if self._held is not None:
            self._begin()

    def on_response_complete(self) -> None:
        """The next request's turn, where one came already; half of its body may be missing."""
        super().on_response_complete()
        if self._late is not None or self.transport.is_closing():
            return
        if self._held is not None:
            self._wait("body", self.limits.serve_body_s)
        elif self._heads and self._begun and not self._answering:
            self._wait("headers", self.limits.serve_header_s)

    def shutdown(self) -> None:
        """The service ends; a request that has not begun is not waited for."""
        if self._held is not None:
            self.transport.close()
        else:
            super().shutdown()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Begin with a request once there is something to read of it; who asks for leave to send (100) gets it at once."""
        if cycle.more_body and not cycle.waiting_for_100_continue and len(cycle.body) <= HIGH_WATER_LIMIT:
            self._held = app
            return
        scope: Any = cycle.scope
        scope[WHOLE] = not cycle.more_body
        if self._late is not None:
            scope[UNTIL] = self._late.when()
            self._wait_no_more()
        super()._start_asgi_task(cycle, app)

    @property
    def _answering(self) -> bool:
        """Whether a request is worked on: what is said now would be taken for its answer."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn has none before the first request
        return cycle is not None and self._held is None and not cycle.response_complete

    def _begin(self) -> None:
        app, self._held = self._held, None
        self._start_asgi_task(self.cycle, app)

    def _wait(self, what: str, seconds: float) -> None:
        self._late = self.loop.call_later(seconds, self._too_late, what, seconds)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self, what: str, seconds: float) -> None:
        self._late = None
        if not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"The {what} did not come within {seconds:g} s.")

    def _refuse(self, status: HTTPStatus, detail: str, more: bytes = b"") -> None:
        """Say why, and hang up."""
        said = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
        body = orjson.dumps(said)
        head = _LINE % (status, status.phrase.encode(), MEDIA_TYPE.encode(), len(body), more)
        self.transport.write(head + body)
        self.transport.close()


def limited(settings: Settings) -> type[Connection]:
    """The protocol with these limits; uvicorn takes a class."""
    return type("LimitedConnection", (Connection,), {"limits": settings})
