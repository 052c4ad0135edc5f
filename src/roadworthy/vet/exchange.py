"""What passes between the server, which knows sockets, and the simulator, which knows models."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from roadworthy._quick import quick

JSON: Final = b"content-type: application/json\r\n"
HTML: Final = b"content-type: text/html; charset=UTF-8\r\n"
EVENTS: Final = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"


class Manner(StrEnum):
    """How a response reaches the client, or does not."""

    WHOLE = "whole"
    RESET = "reset"  # RST instead of a response
    CUT = "cut"  # half of what was announced, then the connection closes
    HANG = "hang"  # nothing at all
    TRICKLE = "trickle"  # one byte of the body at a time
    STALL = "stall"  # the body given, then nothing; it does not end
    PING = "ping"  # the same, with a ping now and then


class Receipt(Protocol):
    """Where the server notes that a response was handed to the network whole."""

    written: bool


@quick(frozen=True, slots=True)
class Request:
    """One request, read to its end.

    Attributes:
        method: `GET`, `POST`, ...
        path: without the query.
        query: what follows the question mark, undecoded.
        body: raw bytes.
        key: the key that was sent along; empty for none.
    """

    method: bytes
    path: bytes
    query: bytes
    body: bytes
    key: bytes = b""


@quick(frozen=True, slots=True)
class Response:
    """What the server is to send, when, and in which manner.

    Attributes:
        status: HTTP status.
        body: the body; of a stream, its events one after the other.
        headers: header lines, each ended by CR LF; without the length.
        delay_s: seconds until it begins.
        manner: how it is delivered.
        streamed: send in chunked encoding instead of with a length.
        receipt: where delivery is noted.
        ping: what keeps a stream open.
    """

    status: int
    body: bytes
    headers: bytes = JSON
    delay_s: float = 0.0
    manner: Manner = Manner.WHOLE
    streamed: bool = False
    receipt: Receipt | None = None
    ping: bytes = b""
