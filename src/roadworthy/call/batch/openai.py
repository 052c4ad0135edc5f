"""OpenAI's batch API, for chat completions and for responses.

A file of requests is uploaded, a batch made of it, and two files come back: of answers, and of errors; what the batch
did not get to within its window stands among the errors as `batch_expired`. A batch carries our tag as metadata.

Source: https://platform.openai.com/docs/guides/batch and .../api-reference/batch, and the official SDK's types (3.57).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

import orjson

from roadworthy._settings import Settings
from roadworthy.call.batch.dialect import (
    BatchDialect,
    Call,
    NotSaid,
    Parcel,
    Standing,
    State,
    alone,
    joined,
    not_reached,
)
from roadworthy.call.reply import Outcome
from roadworthy.call.wire.error import one_line
from roadworthy.call.wire.value import as_text, at, objects
from roadworthy.call.wire.wire import Wire

_STATES: Final[Mapping[str, State]] = {
    "completed": "ended",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}
_TAG: Final = "roadworthy"
_PAGE: Final = 100


class OpenAIBatch(BatchDialect):
    """Batches of one endpoint of OpenAI's.

    Args:
        path: the endpoint, from `/v1` on.
    """

    envelope: ClassVar[int] = 200

    def __init__(self, url: str, model_id: str, path: str) -> None:
        super().__init__(url, model_id)
        self._path = path
        self._base = url.removesuffix(path.removeprefix("/v1"))

    def bytes_max(self, settings: Settings) -> int:
        """200 MB."""
        return settings.batch_openai_bytes_max

    def upload(self, tag: str, calls: Sequence[Call]) -> Parcel:
        """A JSONL file, as multipart form data (RFC 7578)."""
        before = b'{"custom_id":'
        between = b',"method":"POST","url":%b,"body":' % orjson.dumps(self._path)
        mark = f"----{tag}".encode()
        head = b"--%b\r\ncontent-disposition: form-data; name=" % mark
        parts = [head + b'"purpose"\r\n\r\nbatch\r\n']
        parts.append(head + b'"file"; filename="%b.jsonl"\r\n' % tag.encode())
        parts.append(b"content-type: application/jsonl\r\n\r\n")
        parts += joined(calls, before, between, b"}\n")
        parts.append(b"\r\n--%b--\r\n" % mark)
        kind = {"content-type": f"multipart/form-data; boundary={mark.decode()}"}
        return Parcel("POST", f"{self._base}/files", b"".join(parts), kind)

    def uploaded(self, said: Mapping[str, Any]) -> str:
        """The file's id."""
        if not (name := as_text(said.get("id"))):
            raise NotSaid
        return name

    def create(self, tag: str, calls: Sequence[Call], file_id: str) -> Parcel:
        """A batch of an uploaded file."""
        del calls
        said = {
            "input_file_id": file_id,
            "endpoint": self._path,
            "completion_window": "24h",
            "metadata": {_TAG: tag},
        }
        return Parcel("POST", f"{self._base}/batches", orjson.dumps(said))

    def standing(self, said: Mapping[str, Any]) -> Standing:
        """A batch object."""
        name, status = as_text(said.get("id")), as_text(said.get("status"))
        if not name or not status:
            raise NotSaid
        files = (as_text(said.get(field)) for field in ("output_file_id", "error_file_id"))
        errors = list(objects(at(said, "errors").get("data")))
        created = said.get("created_at")
        total = at(said, "request_counts").get("total")
        words = "; ".join(
            f"{as_text(error.get('code'))} {as_text(error.get('message'))}".strip() for error in errors[:3]
        )
        return Standing(
            provider_id=name,
            state=_STATES.get(status, "working"),
            tag=as_text(at(said, "metadata").get(_TAG)),
            calls=total if isinstance(total, int) and total else None,
            created_at=float(created) if isinstance(created, int | float) else None,
            files=tuple(self._content(file) for file in files if file),
            detail=one_line(words),
            wait=any(error.get("code") == "token_limit_exceeded" for error in errors),
        )

    def look(self, provider_id: str) -> Parcel:
        """One batch."""
        return Parcel("GET", f"{self._base}/batches/{quote(provider_id, safe='')}")

    def cancel(self, provider_id: str) -> Parcel:
        """Stop one; it is `cancelling` for up to ten minutes, then `cancelled`, with what was answered by then."""
        return Parcel("POST", f"{self._base}/batches/{quote(provider_id, safe='')}/cancel", b"{}")

    def listing(self, page: str) -> Parcel:
        """Newest first."""
        after = f"&after={quote(page, safe='')}" if page else ""
        return Parcel("GET", f"{self._base}/batches?limit={_PAGE}{after}")

    def listed(self, said: Mapping[str, Any]) -> tuple[list[Standing], str]:
        """A page of batch objects."""
        found = [self.standing(row) for row in objects(said.get("data"))]
        return found, found[-1].provider_id if found and said.get("has_more") is True else ""

    def result(self, row: Mapping[str, Any], wire: Wire) -> tuple[str, Outcome]:
        """`response` with a status and a body, or `error`."""
        name = as_text(row.get("custom_id"))
        response, error = row.get("response"), row.get("error")
        if isinstance(response, Mapping):
            status = response.get("status_code")
            request_id = as_text(response.get("request_id"))
            outcome = alone(
                status if isinstance(status, int) else 500, response.get("body"), wire, request_id
            )
            return name, outcome
        code = as_text(at({"error": error}, "error").get("code")) or "no response"
        message = as_text(at({"error": error}, "error").get("message"))
        return name, not_reached(one_line(f"{code}: {message}"), cancelled=code == "batch_cancelled")

    def _content(self, file_id: str) -> str:
        return f"{self._base}/files/{quote(file_id, safe='')}/content"
