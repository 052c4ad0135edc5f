"""The wire: one method that sends bytes and says what came back. pyreqwest behind it."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from roadworthy._settings import Settings
from roadworthy._threads import starting_behind
from roadworthy.call.address import is_loopback
from roadworthy.call.reply import Exchange

if TYPE_CHECKING:
    from pyreqwest.client import Client
    from pyreqwest.exceptions import DetailedPyreqwestError, PyreqwestError
    from pyreqwest.http import Url
    from pyreqwest.response import Response

OTHER_FILES = 40
"""The ledger, the input, the output and what Python itself holds open; the rest is for calls."""
_LET_GO_S = 0.02
_UNTRUSTED = "invalid peer certificate"  # rustls begins each of its words about a certificate so
_END_S = 0.2


class Listener(Protocol):
    """Takes a response as it comes."""

    def accepts(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether this response is to be taken piece by piece; else it is read whole."""

    @property
    def done(self) -> bool:
        """Whether everything has come; what follows is only waited for so that the connection can be used again."""

    def hear(self, chunk: bytes) -> bool:
        """Take the next bytes. False: nothing more is wanted."""


class Transport(Protocol):
    """Sends one request, at most once, and never raises for what the network does."""

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> Exchange:
        """Post `body`; the exchange says what came back, or how it broke. `timeout_s` covers all of it.

        Args:
            listener: takes the body piece by piece, so that the exchange holds none.
        """

    async def close(self) -> None:
        """Close every connection."""


class PyreqwestTransport:
    """HTTP over pyreqwest (Rust's reqwest): no redirects, no retries, certificates always verified.

    HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY are followed, but never for this machine itself. SSL_CERT_FILE names
    a file of certificates that are trusted instead of the system's own.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[bool, Client] = {}
        self._by_url: dict[str, tuple[Client, Url]] = {}

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> Exchange:
        """Post `body` and read the response as it comes, so that a giant is cut off before it is in memory.

        An answer that comes whole may keep silent until `timeout_s`: a model that reasons sends nothing until it is
        done. A stream that has begun may keep silent for `stream_idle_s`; whatever it sends, it ends with `timeout_s`.

        Cancelled, it returns at once, but a request that waits for its head goes on by itself until `timeout_s`:
        pyreqwest cannot call it back. It is on the wire either way, and charged as such.
        """
        client, parsed = self._by_url.get(url) or self._client(url)
        request = client.post(parsed).headers(headers).body_bytes(body).timeout(timedelta(seconds=timeout_s))
        if listener is not None:
            request = request.streamed_read_buffer_limit(0)  # else the head waits for the first 64 KiB
        try:
            async with request.build_streamed() as response:
                return await self._read(response, listener)
        except _detailed() as error:
            return Exchange(0, {}, b"", error=kind_of(error), detail=words_of(error))
        except _any() as error:
            return Exchange(0, {}, b"", error="reset", detail=str(error)[:300])

    async def _read(self, response: Response, listener: Listener | None) -> Exchange:
        most = self._settings.response_bytes_max
        status, head = response.status, dict(response.headers.items())  # names come in lower case
        if listener is not None and listener.accepts(status, head):
            return await self._listen(response, listener, Exchange(status, head, b""))
        parts: list[bytes] = []
        size = 0
        try:
            if (length := head.get("content-length", "")).isdecimal() and int(length) <= most:
                return Exchange(status, head, bytes(await response.body_reader.bytes()))
            while chunk := await response.body_reader.read_chunk():
                size += len(chunk)
                if size > most:
                    return Exchange(status, head, b"", error="too_large", detail=f"more than {most} bytes")
                parts.append(bytes(chunk))
        except _detailed() as error:
            kind = "timeout" if isinstance(error, TimeoutError) else "cut"
            return Exchange(status, head, b"".join(parts), error=kind, detail=words_of(error))
        return Exchange(status, head, b"".join(parts))

    async def _listen(self, response: Response, listener: Listener, exchange: Exchange) -> Exchange:
        most, idle_s = self._settings.response_bytes_max, self._settings.stream_idle_s
        size = 0
        try:
            while True:
                async with asyncio.timeout(_END_S if listener.done else idle_s):
                    chunk = await response.body_reader.read_chunk()
                if not chunk:
                    return exchange
                size += len(chunk)
                if size > most:
                    return replace(exchange, error="too_large", detail=f"more than {most} bytes")
                if not listener.hear(bytes(chunk)):
                    return exchange
        except _detailed() as error:
            kind = "timeout" if isinstance(error, TimeoutError) else "cut"
            return exchange if listener.done else replace(exchange, error=kind, detail=words_of(error))
        except TimeoutError:
            silent = f"the stream was silent for {idle_s:g} s"
            return exchange if listener.done else replace(exchange, error="timeout", detail=silent)

    async def close(self) -> None:
        """Close every connection, and give pyreqwest's thread time to let go of its last Python objects.

        A process that ended right after it aborted in 5 of 400 measured runs (PyGILState_Release while finalizing),
        with the pause in none of 400.
        """
        clients, self._clients, self._by_url = self._clients, {}, {}
        for client in clients.values():
            await client.close()
        if clients:
            await asyncio.sleep(_LET_GO_S)

    def _client(self, url: str) -> tuple[Client, Url]:
        """Two clients at most: proxies of the environment are for the world, not for this machine. The URL is parsed once."""
        local = is_loopback(urlsplit(url).hostname or "")
        if local not in self._clients:
            from importlib.metadata import version  # noqa: PLC0415 - with the first call

            from pyreqwest.client import ClientBuilder  # noqa: PLC0415 - with the first call

            settings = self._settings
            builder = (
                ClientBuilder()
                .user_agent(f"roadworthy/{version('roadworthy')}")
                .follow_redirects(enable=False)
                .referer(enable=False)
                .connect_timeout(timedelta(seconds=settings.connect_timeout_s))
                .pool_idle_timeout(timedelta(seconds=settings.pool_idle_s))
            )
            files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            if files != resource.RLIM_INFINITY:  # a workflow may ask any number of steps at once
                builder = builder.max_connections(max(1, files - OTHER_FILES))
            with starting_behind():  # its thread starts with the first client
                self._clients[local] = (builder.no_proxy() if local else builder).build()
        from pyreqwest.http import Url  # noqa: PLC0415 - with the first call

        found = self._by_url[url] = self._clients[local], Url(url)
        return found


def _detailed() -> type[DetailedPyreqwestError]:
    """What pyreqwest raises with details of the cause; looked up when something was raised."""
    from pyreqwest.exceptions import DetailedPyreqwestError  # noqa: PLC0415 - heavy

    return DetailedPyreqwestError


def _any() -> type[PyreqwestError]:
    """Whatever else it raises."""
    from pyreqwest.exceptions import PyreqwestError  # noqa: PLC0415 - as above

    return PyreqwestError


def kind_of(error: DetailedPyreqwestError) -> str:
    """How it broke. Only a failed connect provably sent nothing; whatever is unclear counts as sent.

    The class alone does not tell: a connection that broke after the request was read is a ConnectError too, and a
    total timeout while connecting looks like one while waiting. A short body is read with the head, so its breaking
    off shows here as well.
    """
    from pyreqwest.exceptions import BodyDecodeError, ReadError  # noqa: PLC0415 - with the first call

    causes = [cause["message"] for cause in error.details["causes"] or []]
    if "client error (Connect)" in causes:
        return "untrusted" if causes[-1].startswith(_UNTRUSTED) else "unsent"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "cut" if isinstance(error, BodyDecodeError | ReadError) else "reset"


def words_of(error: DetailedPyreqwestError) -> str:
    """What happened, in the transport's own words."""
    causes = [cause["message"] for cause in error.details["causes"] or [] if "http" not in cause["message"]]
    return ": ".join([error.message, *causes[-1:]])[:300]
