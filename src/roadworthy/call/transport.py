"""The wire: one method that sends bytes and says what came back. pyreqwest behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from roadworthy._settings import Settings
from roadworthy.call.endpoint import is_loopback
from roadworthy.call.reply import Exchange

if TYPE_CHECKING:
    from pyreqwest.client import Client
    from pyreqwest.exceptions import DetailedPyreqwestError
    from pyreqwest.response import Response

_LET_GO_S = 0.02
_UNTRUSTED = "invalid peer certificate"  # rustls begins each of its words about a certificate so


class Transport(Protocol):
    """Sends one request, at most once, and never raises for what the network does."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Exchange:
        """Post `body`; the exchange says what came back, or how it broke. `timeout_s` covers all of it."""

    async def close(self) -> None:
        """Close every connection."""


class PyreqwestTransport:
    """HTTP/1.1 over pyreqwest (Rust's reqwest): no redirects, no retries, certificates always verified."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[bool, Client] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Exchange:
        """Post `body` and read the response as it comes, so that a giant is cut off before it is in memory.

        Cancelled, it returns at once, but a request that waits for its head goes on by itself until `timeout_s`:
        pyreqwest cannot call it back. It is on the wire either way, and charged as such.
        """
        from pyreqwest.exceptions import DetailedPyreqwestError, PyreqwestError  # noqa: PLC0415 - with the first call

        request = (
            self._client(url)
            .post(url)
            .headers(dict(headers))
            .body_bytes(body)
            .timeout(timedelta(seconds=timeout_s))
            .build_streamed()
        )
        try:
            async with request as response:
                return await self._read(response)
        except DetailedPyreqwestError as error:
            return Exchange(0, {}, b"", error=_kind(error), detail=_words(error))
        except PyreqwestError as error:
            return Exchange(0, {}, b"", error="reset", detail=str(error)[:300])

    async def _read(self, response: Response) -> Exchange:
        from pyreqwest.exceptions import DetailedPyreqwestError  # noqa: PLC0415 - as above

        most = self._settings.response_bytes_max
        status, head = response.status, {name.lower(): value for name, value in response.headers.items()}
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
        except DetailedPyreqwestError as error:
            kind = "timeout" if isinstance(error, TimeoutError) else "cut"
            return Exchange(status, head, b"".join(parts), error=kind, detail=_words(error))
        return Exchange(status, head, b"".join(parts))

    async def close(self) -> None:
        """Close every connection, and give pyreqwest's thread time to let go of its last Python objects.

        A process that ended right after it aborted in 5 of 400 measured runs (PyGILState_Release while finalizing),
        with the pause in none of 400.
        """
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()
        if clients:
            await asyncio.sleep(_LET_GO_S)

    def _client(self, url: str) -> Client:
        """Two clients at most: proxies of the environment are for the world, not for this machine."""
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
                .read_timeout(timedelta(seconds=settings.read_timeout_s))
                .pool_idle_timeout(timedelta(seconds=settings.pool_idle_s))
            )
            self._clients[local] = (builder.no_proxy() if local else builder).build()
        return self._clients[local]


def _kind(error: DetailedPyreqwestError) -> str:
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


def _words(error: DetailedPyreqwestError) -> str:
    causes = [cause["message"] for cause in error.details["causes"] or [] if "http" not in cause["message"]]
    return ": ".join([error.message, *causes[-1:]])[:300]
