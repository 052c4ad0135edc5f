"""Gemini's batches on the wire: long-running operations with their calls inline.

Source: https://ai.google.dev/api/batch-api, google.longrunning.Operation, and the official SDK's converters.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from roadworthy.vet.batch_held import Asked, AskedCall, Came, Held, page_of

_STATES = {"working": "RUNNING", "ended": "SUCCEEDED"}
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 503: 14, 504: 4}


def read(path: bytes, body: bytes) -> Asked:
    """The batch in the body of a `POST .../models/MODEL:batchGenerateContent`."""
    said = orjson.loads(body)["batch"]
    rows = said["inputConfig"]["requests"]["requests"]
    model = path.rpartition(b"/models/")[2].partition(b":")[0]
    calls = [AskedCall(row["metadata"]["key"], orjson.dumps(row["request"])) for row in rows]
    return Asked(calls, tag=said.get("displayName", ""), model=unquote(model.decode()))


def show(batch: Held) -> bytes:
    """An operation, with its results once it has ended well."""
    said = _operation(batch)
    if batch.state == "ended":
        rows = {"inlinedResponses": {"inlinedResponses": [_result(came) for came in batch.results]}}
        said["metadata"]["output"] = rows
        said["response"] = rows
    return orjson.dumps(said)


def listed(batches: Sequence[Held], query: bytes) -> bytes:
    """A page of operations, newest first, without their results."""
    names = ((batch.name, _operation(batch)) for batch in batches)
    rows, more = page_of(names, query, "pageToken", "pageSize")
    return orjson.dumps({"operations": rows, **({"nextPageToken": rows[-1]["name"]} if more else {})})


def _result(came: Came) -> dict[str, Any]:
    response, key = came.response, {"metadata": {"key": came.custom_id}}
    if response is not None and response.status == 200 and response.body.startswith(b"{"):
        return {"response": orjson.loads(response.body), **key}
    status = 500 if response is None else response.status
    return {"error": {"code": _CODES.get(status, 13), "message": "The call failed."}, **key}


def _operation(batch: Held) -> dict[str, Any]:
    state = batch.state
    return {
        "name": batch.name,
        "done": batch.ended,
        "metadata": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{batch.asked.model}",
            "displayName": batch.tag,
            "state": f"BATCH_STATE_{_STATES.get(state, state.upper())}",
            "createTime": dt.datetime.fromtimestamp(batch.created, dt.UTC).isoformat().replace("+00:00", "Z"),
            "batchStats": {"requestCount": str(len(batch.calls))},
        },
    }
