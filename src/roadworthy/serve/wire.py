"""A caller's connection: headers within limits of size and time, and no more connections than a process can hold.

uvicorn's protocol has none of the three: a caller who sends a byte of header now and then keeps a connection for ever, and
one header may be of any length. Bodies have limits of their own (`body`).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from roadworthy._settings import Settings
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
        self._head_bytes = 0
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody calls; where too many do already, they are told to come again."""
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn narrows it too
        most = self.limits.serve_connections_max
        if len(self.connections) > most:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{most} connections are open. Call again.", _FULL)
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._head_is_whole()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        if self.transport.is_closing():
            return
        if self._heads:
            if self._late is None:
                self._wait_for_head()  # the next request of a connection that was kept
            self._head_bytes += len(data)
        super().data_received(data)
        most = self.limits.serve_header_bytes_max
        if self._heads and self._head_bytes > most and not self.transport.is_closing():
            words = f"The request line and headers are larger than {most:,} bytes."
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, words)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._heads = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """What follows is the body."""
        self._head_is_whole()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next byte is the next request's."""
        super().on_message_complete()
        self._heads, self._head_bytes = True, 0

    def _wait_for_head(self) -> None:
        self._late = self.loop.call_later(self.limits.serve_header_s, self._too_late)

    def _head_is_whole(self) -> None:
        self._heads, self._head_bytes = False, 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            words = f"The headers did not come within {self.limits.serve_header_s:g} s."
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, words)

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
