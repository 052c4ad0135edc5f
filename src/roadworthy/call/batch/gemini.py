"""Gemini's batch API, with its calls inline.

A batch is an operation: its standing is metadata, its results come with it, each with our id beside it as metadata. It
carries our tag as its display name. One that expired, after 48 hours, brings no results at all.

Source: https://ai.google.dev/gemini-api/docs/batch-api and .../api/batch-api, google.rpc.Code, and the official SDK's
converters (3.6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

import orjson

from roadworthy._settings import Settings
from roadworthy.call.batch.anthropic import seconds
from roadworthy.call.batch.dialect import (
    BatchDialect,
    Call,
    NotSaid,
    Parcel,
    Standing,
    State,
    alone,
    not_reached,
)
from roadworthy.call.price import Price
from roadworthy.call.reply import Outcome
from roadworthy.call.wire.error import one_line
from roadworthy.call.wire.value import as_text, at, objects
from roadworthy.call.wire.wire import Wire

_STATES: Final[Mapping[str, State]] = {
    "SUCCEEDED": "ended",
    "PARTIALLY_SUCCEEDED": "ended",
    "FAILED": "failed",
    "EXPIRED": "expired",
    "CANCELLED": "cancelled",
}
_HTTP: Final = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 13: 500, 14: 503, 16: 401}
"""The HTTP status of a google.rpc.Code, as its own comments map them."""
_PAGE: Final = 100


class GeminiBatch(BatchDialect):
    """Batches of one model."""

    envelope: ClassVar[int] = 120
    expired_is_lost: ClassVar[bool] = True

    def __init__(self, url: str, model_id: str) -> None:
        super().__init__(url, model_id)
        self._base, _, _ = url.rpartition("/models/")  # the version is that of all requests, as in the SDK

    def bytes_max(self, settings: Settings) -> int:
        """20 MB: beyond it a file would be needed."""
        return settings.batch_gemini_bytes_max

    def price(self, price: Price) -> Price:
        """Half of it; tokens read from a cache cost what they always do (the price list's batch column)."""
        return price.halved(cached_too=False)

    def create(self, tag: str, calls: Sequence[Call], file_id: str) -> Parcel:
        """All calls in one request."""
        del file_id
        rows = (
            b'{"request":%b,"metadata":{"key":%b}}' % (call.body, orjson.dumps(call.custom_id))
            for call in calls
        )
        said = b'{"batch":{"displayName":%b,"inputConfig":{"requests":{"requests":[%b]}}}}'
        url = f"{self._base}/models/{quote(self._model_id, safe='')}:batchGenerateContent"
        return Parcel("POST", url, said % (orjson.dumps(tag), b",".join(rows)))

    def standing(self, said: Mapping[str, Any]) -> Standing:
        """An operation whose metadata is the batch."""
        name, about = as_text(said.get("name")), at(said, "metadata")
        status = as_text(about.get("state")).removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
        if not name or not status:
            raise NotSaid
        output = at(about, "output") or at(said, "response")
        inlined = output.get("inlinedResponses")
        rows = inlined.get("inlinedResponses") if isinstance(inlined, Mapping) else inlined
        total = at(about, "batchStats").get("requestCount")
        error = at(said, "error")
        return Standing(
            provider_id=name,
            state=_STATES.get(status, "working"),
            tag=as_text(about.get("displayName")),
            calls=int(str(total)) if str(total).isdecimal() else None,
            created_at=seconds(as_text(about.get("createTime"))),
            rows=tuple(objects(rows)),
            detail=one_line(as_text(error.get("message"))),
            wait=error.get("code") == 8,
        )

    def look(self, provider_id: str) -> Parcel:
        """One operation, with its results once it has ended."""
        return Parcel("GET", self._one(provider_id))

    def cancel(self, provider_id: str) -> Parcel:
        """Stop one."""
        return Parcel("POST", f"{self._one(provider_id)}:cancel", b"{}")

    def listing(self, page: str) -> Parcel:
        """Newest first."""
        after = f"&pageToken={quote(page, safe='')}" if page else ""
        return Parcel("GET", f"{self._base}/batches?pageSize={_PAGE}{after}")

    def listed(self, said: Mapping[str, Any]) -> tuple[list[Standing], str]:
        """A page of operations."""
        found = [self.standing(row) for row in objects(said.get("operations"))]
        return found, as_text(said.get("nextPageToken"))

    def result(self, row: Mapping[str, Any], wire: Wire) -> tuple[str, Outcome]:
        """`response` or `error`, with our id as metadata."""
        name, error = as_text(at(row, "metadata").get("key")), at(row, "error")
        if error:
            code = error.get("code")
            if code == 1:
                return name, not_reached(one_line(as_text(error.get("message"))), cancelled=True)
            status = _HTTP.get(code, 500) if isinstance(code, int) and code < 100 else code
            return name, alone(status if isinstance(status, int) else 500, {"error": error}, wire)
        return name, alone(200, row.get("response"), wire)

    def _one(self, provider_id: str) -> str:
        return f"{self._base}/batches/{quote(provider_id.rpartition('/')[2], safe='')}"
