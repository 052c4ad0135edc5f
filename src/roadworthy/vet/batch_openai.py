"""OpenAI's files and batches on the wire.

Source: https://platform.openai.com/docs/api-reference/batch and .../files, and the official SDK's types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from roadworthy.vet.batch_held import Asked, AskedCall, Held, Refused, page_of
from roadworthy.vet.door import CHAT, RESPONSES

_DOORS = {"/v1/chat/completions": CHAT, "/v1/responses": RESPONSES}
_STATES = {"working": "in_progress", "ended": "completed"}
_FULL = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached for this model."}


def uploaded(body: bytes) -> bytes:
    """The file in multipart form data (RFC 7578).

    Raises:
        Refused: there is none, or it is for another purpose.
    """
    mark, _, _ = body.partition(b"\r\n")
    parts = [part.partition(b"\r\n\r\n") for part in body.split(mark)[1:]]
    fields = {_field(head): content.removesuffix(b"\r\n") for head, _, content in parts}
    if fields.get(b"purpose") != b"batch" or b"file" not in fields:
        raise Refused("files: expected a file with the purpose 'batch'")
    return fields[b"file"]


def _field(head: bytes) -> bytes:
    return head.partition(b'name="')[2].partition(b'"')[0]


def file_object(name: str, size: int) -> bytes:
    """An uploaded file."""
    said = {"id": name, "object": "file", "bytes": size, "created_at": 0, "filename": f"{name}.jsonl"}
    return orjson.dumps({**said, "purpose": "batch", "status": "processed"})


def read(body: bytes, files: Mapping[str, bytes]) -> Asked:
    """The batch in the body of a `POST /v1/batches`.

    Raises:
        Refused: no such file, another endpoint or window, or a line that is no request.
    """
    said = orjson.loads(body)
    file, endpoint = files.get(said.get("input_file_id", "")), said.get("endpoint")
    if file is None or endpoint not in _DOORS or said.get("completion_window") != "24h":
        raise Refused("batches: no such input file, endpoint or completion window")
    calls = []
    for line in file.splitlines():
        row = orjson.loads(line)
        if row["url"] != endpoint or row["method"] != "POST" or row["body"].get("stream"):
            raise Refused(f"batches: the request {row['custom_id']} is not one of {endpoint}")
        calls.append(AskedCall(row["custom_id"], orjson.dumps(row["body"])))
    tag = (said.get("metadata") or {}).get("roadworthy", "")
    return Asked(calls, tag=tag, door=_DOORS[endpoint])


def show(batch: Held) -> bytes:
    """A batch object."""
    return orjson.dumps(_object(batch))


def listed(batches: Sequence[Held], query: bytes) -> bytes:
    """A page of batch objects, newest first."""
    rows, more = page_of(((batch.name, _object(batch)) for batch in batches), query, "after", "limit")
    return orjson.dumps({"object": "list", "data": rows, "has_more": more})


def results(batch: Held) -> dict[str, bytes]:
    """The files of a batch that has ended: answers, and errors."""
    files: dict[str, bytes] = {}
    for came in batch.results:
        response = came.response
        good = response is not None and response.status == 200 and response.body.startswith(b"{")
        row: dict[str, Any] = {"id": f"batch_req_{came.custom_id[:12]}", "custom_id": came.custom_id}
        if response is None:
            code = "batch_expired" if batch.expired else "batch_cancelled"
            row |= {"response": None, "error": {"code": code, "message": "This request was not executed."}}
        elif response.body.startswith(b"{"):
            inner = {"status_code": response.status, "request_id": _request_id(response.headers)}
            row |= {"response": {**inner, "body": orjson.loads(response.body)}, "error": None}
        else:
            row |= {"response": None, "error": {"code": "server_error", "message": "Bad gateway"}}
        kind = "output" if good else "error"
        files[kind] = files.get(kind, b"") + orjson.dumps(row) + b"\n"
    return files


def _request_id(headers: bytes) -> str:
    return headers.partition(b"x-request-id: ")[2].partition(b"\r\n")[0].decode()


def _object(batch: Held) -> dict[str, Any]:
    good, bad, missed = batch.counts()
    total = len(batch.calls) if not batch.full else 0
    return {
        "id": batch.name,
        "object": "batch",
        "endpoint": "",
        "input_file_id": "",
        "completion_window": "24h",
        "created_at": int(batch.created),
        "status": _STATES.get(batch.state, batch.state),
        "metadata": {"roadworthy": batch.tag} if batch.tag else None,
        "output_file_id": batch.file("output") if good else None,
        "error_file_id": batch.file("error") if bad or missed else None,
        "errors": {"object": "list", "data": [_FULL]} if batch.full else None,
        "request_counts": {"total": total, "completed": good, "failed": bad + missed},
    }
