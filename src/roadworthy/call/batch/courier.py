"""Carries parcels: the one way out to a provider's batch API. Nothing is sent twice by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from roadworthy._settings import Settings
from roadworthy.call.auth import NotAuthorized
from roadworthy.call.batch.dialect import Parcel
from roadworthy.call.endpoint import Endpoint
from roadworthy.call.reply import Exchange
from roadworthy.call.transport import PyreqwestTransport, kind_of, words_of

if TYPE_CHECKING:
    from pyreqwest.request import RequestBuilder

_LINE_BYTES = 16_000_000


class CutOff(Exception):
    """A download broke off, or did not begin.

    Args:
        status: HTTP status; 0 where there was no response.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Courier(PyreqwestTransport):
    """HTTP for batches: large bodies out, files of results back line by line.

    Args:
        settings: `batch_transfer_s`, `batch_results_bytes_max`, `connect_timeout_s`.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(replace(settings, response_bytes_max=settings.batch_results_bytes_max))
        self._transfer = timedelta(seconds=settings.batch_transfer_s)

    async def carry(self, endpoint: Endpoint, parcel: Parcel) -> Exchange:
        """Send one parcel, at most once, and say what came back. Never raises for what the network does."""
        from pyreqwest.exceptions import DetailedPyreqwestError, PyreqwestError  # noqa: PLC0415 - with the first call

        try:
            request = self._request(parcel, await self._headers(endpoint, parcel))
            async with request.build_streamed() as response:
                return await self._read(response, None)
        except NotAuthorized as error:
            return Exchange(0, {}, b"", error="unsent", detail=str(error)[:300])
        except DetailedPyreqwestError as error:
            return Exchange(0, {}, b"", error=kind_of(error), detail=words_of(error))
        except PyreqwestError as error:
            return Exchange(0, {}, b"", error="reset", detail=str(error)[:300])

    async def lines(self, endpoint: Endpoint, parcel: Parcel) -> AsyncIterator[bytes]:
        """The lines of a file, as they come.

        Raises:
            CutOff: it did not come to its end; what came is whole lines.
        """
        from pyreqwest.exceptions import PyreqwestError  # noqa: PLC0415 - with the first call

        try:
            request = self._request(parcel, await self._headers(endpoint, parcel))
            async with request.build_streamed() as response:
                if response.status != 200:
                    raise CutOff(response.status, f"HTTP {response.status}")
                rest = b""
                while chunk := await response.body_reader.read_chunk():
                    *whole, rest = (rest + bytes(chunk)).split(b"\n")
                    for line in whole:
                        yield line
                    if len(rest) > _LINE_BYTES:
                        raise CutOff(200, f"a line of more than {_LINE_BYTES} bytes")
                yield rest
        except NotAuthorized as error:
            raise CutOff(0, str(error)[:300]) from error
        except PyreqwestError as error:
            raise CutOff(0, str(error)[:300]) from error

    async def _headers(self, endpoint: Endpoint, parcel: Parcel) -> dict[str, str]:
        headers = {**await endpoint.headers(parcel.body), **parcel.headers}
        if parcel.method == "GET":
            headers.pop("content-type", None)
        return headers

    def _request(self, parcel: Parcel, headers: Mapping[str, str]) -> RequestBuilder:
        client, url = self._by_url.get(parcel.url) or self._client(parcel.url)
        begun = client.get(url) if parcel.method == "GET" else client.post(url)
        begun = begun.headers(dict(headers)).timeout(self._transfer)
        return begun if parcel.method == "GET" else begun.body_bytes(parcel.body)
