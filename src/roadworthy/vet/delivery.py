"""How a simulated provider's answer or error leaves: worded by its door, delivered in the manner of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from roadworthy.vet.allowance import Grant
from roadworthy.vet.bill import Entry
from roadworthy.vet.dialect import ChatRequest, Envelope
from roadworthy.vet.door import Knock
from roadworthy.vet.error_page import error_body
from roadworthy.vet.exchange import JSON, Manner, Response
from roadworthy.vet.kind import STREAMS_ONLY, Kind
from roadworthy.vet.recording import Answer
from roadworthy.vet.script import Plan

_MANNERS: Final = {
    Kind.RESET: Manner.RESET,
    Kind.CUT: Manner.CUT,
    Kind.HANG: Manner.HANG,
    Kind.TRICKLE: Manner.TRICKLE,
    Kind.SILENT_STREAM: Manner.STALL,
    Kind.PINGS: Manner.PING,
}
_NOTHING_SENT: Final = (Manner.RESET, Manner.HANG)


def refused(
    knock: Knock, entry: Entry, status: int, body: bytes, headers: bytes, delay_s: float = 0.0
) -> Response:
    """An error, in the dialect of the door; a gateway's page is the same at every door."""
    entry.status = status
    error = orjson.loads(body).get("error") if body.startswith(b"{") else None
    if error is not None:
        body, headers = knock.door.failed(status, error, headers)
    return Response(status, body, headers + knock.door.named(_name(entry)), delay_s, receipt=entry)


def dispatch(
    knock: Knock,
    entry: Entry,
    asked: ChatRequest,
    answer: Answer,
    envelope: Envelope,
    plan: Plan,
    grant: Grant,
) -> Response:
    """The answer in the provider's dialect, in the manner of the plan."""
    manner = _MANNERS.get(plan.in_transit, Manner.WHOLE) if plan.in_transit else Manner.WHOLE
    entry.status = 0 if manner in _NOTHING_SENT else 200
    door = knock.door
    if asked.stream:
        body = _events(knock, door.events(asked, answer, envelope), plan)
    else:
        body = door.whole(asked, answer, envelope)
    return Response(
        200,
        body,
        (door.events_type if asked.stream else JSON) + door.named(_name(entry)) + door.limits(grant.headers),
        plan.latency_s,
        manner,
        streamed=asked.stream,
        receipt=entry,
        ping=door.ping,
    )


def _events(knock: Knock, events: Sequence[bytes], plan: Plan) -> bytes:
    """The stream as far as it comes: half of it where nothing more comes, or an error breaks in."""
    if plan.in_transit not in STREAMS_ONLY:
        return b"".join(events)
    begun = b"".join(events[: max(1, len(events) // 2)])
    if plan.in_transit is not Kind.ERROR_EVENT:
        return begun
    said = orjson.loads(error_body("The server had an error.", "server_error", "server_error"))
    return begun + knock.door.error_event(said["error"])


def _name(entry: Entry) -> bytes:
    return b"req_%b%08x" % (entry.body.hex()[:16].encode(), entry.n)
