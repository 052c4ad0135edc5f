"""The simulated provider's batches: taken in, worked on after a while, billed at half the price.

A batch is worked on when it is looked at after its time, so nothing runs in between. Each call meets the script as it
would alone, but for what befalls a connection; nothing of a call that failed, expired or was cancelled is billed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from roadworthy._quick import quick
from roadworthy.accept.reason import SLIPS
from roadworthy.vet import batch_anthropic, batch_gemini, batch_openai
from roadworthy.vet.batch_held import Asked, Came, Held, Refused
from roadworthy.vet.batch_manner import BatchManner
from roadworthy.vet.door import CONTENT, MESSAGES, Knock
from roadworthy.vet.error_page import INVALID, error_body
from roadworthy.vet.exchange import Manner, Request, Response

Answer = Callable[[Knock, bytes], Response]


@quick(slots=True)
class Files:
    """What was uploaded, and results of batches."""

    held: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, body: bytes) -> str:
        """Keep a file under its id."""
        self.held[name] = body
        return name


class Shop:
    """Every batch of every dialect.

    Args:
        answer: the answer to one call, counted and billed.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.reset()

    def reset(self) -> None:
        """Forget every batch and file."""
        self.files = Files()
        self._batches: dict[str, Held] = {}
        self._uploads = 0

    def handle(self, request: Request, manner: BatchManner) -> Response | None:
        """The response to a request about batches or files; None where it is about neither."""
        self.work(manner)
        method, path = request.method, request.path
        try:
            if path == b"/v1/files" and method == b"POST":
                return self._upload(request.body)
            if path.startswith(b"/v1/files/") and path.endswith(b"/content") and method == b"GET":
                return self._file(path.split(b"/")[3].decode())
            if path == b"/v1/batches" and method == b"POST":
                calls = batch_openai.read(request.body, self.files.held)
                return self._create("openai", calls, manner)
            if path == b"/v1/messages/batches" and method == b"POST":
                return self._create("anthropic", batch_anthropic.read(request.body), manner)
            if path.endswith(b":batchGenerateContent") and method == b"POST":
                return self._create("gemini", batch_gemini.read(path, request.body), manner)
            return self._about(request)
        except Refused as refused:
            return Response(400, error_body(str(refused), INVALID))
        except SLIPS as error:  # a body or a query of another form
            said = f"The request could not be read: {type(error).__name__}: {error}"
            return Response(400, error_body(said, INVALID))

    def work(self, manner: BatchManner) -> None:
        """Work on every batch whose time has come."""
        for batch in self._batches.values():
            due = batch.began + (0.0 if batch.cancelled else manner.delay_s)
            if not batch.ended and time.monotonic() >= due:
                self._work_on(batch, manner)

    def told(self, manner: BatchManner) -> list[dict[str, Any]]:
        """Every batch as `GET /sim/batches` shows it, in the order of their creation."""
        self.work(manner)
        return [
            {
                "id": batch.name,
                "dialect": batch.dialect,
                "tag": batch.tag,
                "state": batch.state,
                "custom_ids": [call.custom_id for call in batch.calls],
                "answered": sum(came.response is not None for came in batch.results),
            }
            for batch in self._batches.values()
        ]

    def _upload(self, body: bytes) -> Response:
        self._uploads += 1
        name = self.files.add(f"file-{self._uploads:06d}", batch_openai.uploaded(body))
        return Response(200, batch_openai.file_object(name, len(self.files.held[name])))

    def _file(self, name: str) -> Response:
        body = self.files.held.get(name)
        if body is None:
            return Response(404, error_body(f"No such File object: {name}", INVALID))
        return Response(200, body, b"content-type: application/octet-stream\r\n")

    def _create(self, dialect: str, asked: Asked, manner: BatchManner) -> Response:
        names = [call.custom_id for call in asked.calls]
        if not names or len(set(names)) != len(names):
            raise Refused("requests: each custom_id must be unique, and there must be one request at least")
        number = len(self._batches) + 1
        name = {"openai": "batch_", "anthropic": "msgbatch_", "gemini": "batches/"}[dialect] + f"{number:06d}"
        now = time.time()
        batch = Held(dialect, name, number, asked, now, time.monotonic())
        self._batches[name] = batch
        if number in manner.full and dialect == "openai":
            batch.ended, batch.full = True, True
        delivery = Manner.RESET if number in manner.lost else Manner.WHOLE
        return Response(200, _SHOWS[batch.dialect](batch), manner=delivery)

    def _about(self, request: Request) -> Response | None:
        """Looks, lists, cancellations and results."""
        path = request.path.decode("ascii", "replace").strip("/").split("/")
        if path[:3] == ["v1", "messages", "batches"]:
            dialect, rest = "anthropic", path[3:]
        elif path[:1] in (["v1"], ["v1beta"]) and path[1:2] == ["batches"]:
            dialect, rest = _whose(path[2:], request.query), path[2:]
        else:
            return None
        own = [batch for batch in reversed(self._batches.values()) if batch.dialect == dialect]
        if not rest:
            return Response(200, _LISTS[dialect](own, request.query))
        name, _, verb = rest[0].partition(":")
        verb = rest[1] if len(rest) > 1 else verb
        found = next((batch for batch in own if batch.name.rpartition("/")[2] == name), None)
        if found is None:
            return Response(404, error_body(f"No batch found with id '{name}'.", INVALID))
        if verb == "cancel" and not found.ended:
            found.cancelled = True
        if verb == "results":
            return Response(200, batch_anthropic.results(found), b"content-type: application/x-jsonl\r\n")
        return Response(200, _SHOWS[found.dialect](found))

    def _work_on(self, batch: Held, manner: BatchManner) -> None:
        """Answer as many calls as it gets to; then it has ended."""
        batch.expired = batch.number in manner.expired and not batch.cancelled
        stops = batch.expired or batch.cancelled
        reached = len(batch.calls) // 2 if stops else len(batch.calls)
        if stops and batch.dialect == "gemini":
            reached = 0
        for place, call in enumerate(batch.calls):
            if place < reached:
                batch.results.append(Came(call.custom_id, self._answer(_knock(batch), call.body)))
            else:
                batch.results.append(Came(call.custom_id, None))
        if manner.shuffled:
            random.Random(batch.number).shuffle(batch.results)  # noqa: S311 - a repeatable order, not a secret
        batch.ended = True
        if batch.dialect == "openai":
            for kind, body in batch_openai.results(batch).items():
                self.files.add(batch.file(kind), body)


def _knock(batch: Held) -> Knock:
    door = batch.asked.door or {"anthropic": MESSAGES, "gemini": CONTENT}[batch.dialect]
    return Knock(door, batch.asked.model)


def _whose(rest: Sequence[str], query: bytes) -> str:
    """OpenAI's batches and Gemini's have the same address; their ids and the parameters of their lists differ."""
    if rest:
        return "openai" if rest[0].startswith("batch_") else "gemini"
    return "gemini" if b"page" in query else "openai"


_SHOWS: Mapping[str, Callable[[Held], bytes]] = {
    "openai": batch_openai.show,
    "anthropic": batch_anthropic.show,
    "gemini": batch_gemini.show,
}
_LISTS: Mapping[str, Callable[[Sequence[Held], bytes], bytes]] = {
    "openai": batch_openai.listed,
    "anthropic": batch_anthropic.listed,
    "gemini": batch_gemini.listed,
}
