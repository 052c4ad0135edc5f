"""Anthropic's message batches.

The calls go with the batch, and its results are one file in any order. A batch carries nothing of ours but the ids of
its calls, and those are shown with its results alone: one whose creation nobody saw is told from others by them.

Source: https://platform.claude.com/docs/en/build-with-claude/batch-processing, and the official SDK's types (2.13).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

from roadworthy._settings import Settings
from roadworthy.call.batch.dialect import (
    BatchDialect,
    Call,
    NotSaid,
    Parcel,
    Standing,
    alone,
    joined,
    not_reached,
)
from roadworthy.call.reply import Outcome
from roadworthy.call.wire.value import as_text, at, objects
from roadworthy.call.wire.wire import Wire

_PAGE: Final = 100
_STATUS: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicBatch(BatchDialect):
    """Message batches."""

    keeps_tag: ClassVar[bool] = False

    def bytes_max(self, settings: Settings) -> int:
        """256 MB."""
        return settings.batch_anthropic_bytes_max

    def create(self, tag: str, calls: Sequence[Call], file_id: str) -> Parcel:
        """All calls in one request."""
        del tag, file_id
        rows = b",".join(joined(calls, b'{"custom_id":', b',"params":', b"}"))
        return Parcel("POST", self._batches, b'{"requests":[%b]}' % rows)

    def standing(self, said: Mapping[str, Any]) -> Standing:
        """A message batch. One that was cancelled or expired has ended like any other; its results say which."""
        name, status = as_text(said.get("id")), as_text(said.get("processing_status"))
        if not name or not status:
            raise NotSaid
        ended = status == "ended"
        counts = [count for count in at(said, "request_counts").values() if isinstance(count, int)]
        return Standing(
            provider_id=name,
            state="ended" if ended else "working",
            calls=sum(counts) if counts else None,
            created_at=seconds(as_text(said.get("created_at"))),
            files=(f"{self._one(name)}/results",) if ended else (),
        )

    def look(self, provider_id: str) -> Parcel:
        """One batch."""
        return Parcel("GET", self._one(provider_id))

    def cancel(self, provider_id: str) -> Parcel:
        """Stop one; calls under way may still be answered."""
        return Parcel("POST", f"{self._one(provider_id)}/cancel", b"{}")

    def listing(self, page: str) -> Parcel:
        """Newest first."""
        after = f"&after_id={quote(page, safe='')}" if page else ""
        return Parcel("GET", f"{self._batches}?limit={_PAGE}{after}")

    def listed(self, said: Mapping[str, Any]) -> tuple[list[Standing], str]:
        """A page of message batches."""
        found = [self.standing(row) for row in objects(said.get("data"))]
        return found, as_text(said.get("last_id")) if said.get("has_more") is True else ""

    def result(self, row: Mapping[str, Any], wire: Wire) -> tuple[str, Outcome]:
        """`succeeded` with a message, `errored`, `canceled` or `expired`; the last three are not billed."""
        name, result = as_text(row.get("custom_id")), at(row, "result")
        kind = as_text(result.get("type"))
        if kind == "succeeded":
            return name, alone(200, result.get("message"), wire)
        if kind == "errored":
            error = at(result, "error")
            status = _STATUS.get(as_text(at(error, "error").get("type")), 500)
            return name, alone(status, error, wire)
        return name, not_reached(
            f"{kind or 'no result'}: the batch did not get to it", cancelled=kind == "canceled"
        )

    @property
    def _batches(self) -> str:
        return f"{self._url}/batches"

    def _one(self, provider_id: str) -> str:
        return f"{self._batches}/{quote(provider_id, safe='')}"


def seconds(stamp: str) -> float | None:
    """A time as RFC 3339 writes it, in seconds since 1970; None where it is none."""
    try:
        return dt.datetime.fromisoformat(stamp).timestamp() if stamp else None
    except ValueError:
        return None
