"""Transports behind the product's one-method seam: aiohttp's is written here, pyreqwest's is the product's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from roadworthy._settings import Settings
from roadworthy.call.reply import Exchange
from roadworthy.call.transport import PyreqwestTransport, Transport

if TYPE_CHECKING:
    import aiohttp


class AiohttpTransport:
    """HTTP/1.1 over aiohttp, with the limits that the product's transport keeps."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Exchange:
        """Post `body`."""
        import aiohttp  # noqa: PLC0415 - the product does without

        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=self._settings.pool_idle_s)
            self._session = aiohttp.ClientSession(connector=connector)
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=self._settings.connect_timeout_s)
        most = self._settings.response_bytes_max
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                head = {name.lower(): value for name, value in response.headers.items()}
                if int(head.get("content-length", 0)) > most:
                    return Exchange(
                        response.status, head, b"", error="too_large", detail=f"over {most} bytes"
                    )
                return Exchange(response.status, head, await response.read())
        except aiohttp.ClientConnectorError as error:
            return Exchange(0, {}, b"", error="unsent", detail=str(error))
        except TimeoutError as error:
            return Exchange(0, {}, b"", error="timeout", detail=str(error))
        except aiohttp.ClientError as error:
            return Exchange(0, {}, b"", error="reset", detail=str(error))

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


def make_transport(name: str, settings: Settings) -> Transport:
    """`pyreqwest` or `aiohttp`."""
    return AiohttpTransport(settings) if name == "aiohttp" else PyreqwestTransport(settings)
