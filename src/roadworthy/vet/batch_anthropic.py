"""Anthropic's message batches on the wire.

Source: https://platform.claude.com/docs/en/api/creating-message-batches and the official SDK's types.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import orjson

from roadworthy.vet.batch_held import Asked, AskedCall, Came, Held, Refused, page_of

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def read(body: bytes) -> Asked:
    """The batch in the body of a `POST /v1/messages/batches`.

    Raises:
        Refused: an id that is none, or a request that streams.
    """
    calls = []
    for row in orjson.loads(body)["requests"]:
        if not _ID.fullmatch(row["custom_id"]) or row["params"].get("stream"):
            raise Refused(f"requests: {row['custom_id']!r} is no custom_id, or its request streams")
        calls.append(AskedCall(row["custom_id"], orjson.dumps(row["params"])))
    return Asked(calls)


def show(batch: Held) -> bytes:
    """A message batch."""
    return orjson.dumps(_object(batch))


def listed(batches: Sequence[Held], query: bytes) -> bytes:
    """A page of message batches, newest first; nothing of what the client called their calls."""
    rows, more = page_of(((batch.name, _object(batch)) for batch in batches), query, "after_id", "limit")
    return orjson.dumps({"data": rows, "has_more": more, "last_id": rows[-1]["id"] if rows else None})


def results(batch: Held) -> bytes:
    """The file of results."""
    return b"".join(orjson.dumps(_result(batch, came)) + b"\n" for came in batch.results)


def _result(batch: Held, came: Came) -> dict[str, Any]:
    response = came.response
    if response is None:
        result: dict[str, Any] = {"type": "expired" if batch.expired else "canceled"}
    elif response.status == 200 and response.body.startswith(b"{"):
        result = {"type": "succeeded", "message": orjson.loads(response.body)}
    else:
        error = {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}
        said = orjson.loads(response.body) if response.body.startswith(b"{") else error
        result = {"type": "errored", "error": said}
    return {"custom_id": came.custom_id, "result": result}


def _object(batch: Held) -> dict[str, Any]:
    good, bad, missed = batch.counts()
    waits = 0 if batch.ended else len(batch.calls)
    status = "ended" if batch.ended else "canceling" if batch.cancelled else "in_progress"
    return {
        "id": batch.name,
        "type": "message_batch",
        "processing_status": status,
        "created_at": dt.datetime.fromtimestamp(batch.created, dt.UTC).isoformat(),
        "request_counts": {
            "processing": waits,
            "succeeded": good,
            "errored": bad,
            "expired": missed if batch.expired else 0,
            "canceled": 0 if batch.expired else missed,
        },
        "results_url": f"/v1/messages/batches/{batch.name}/results" if batch.ended else None,
    }
