"""One client's HTTP/1.1 connection: keep-alive, pipelining, bounds, and delivery in bad manners.

It shares its cores with what it tests, so it is an `asyncio.Protocol` over httptools' parser and nothing in between.
RFC 9112 (messages, pipelining, chunked coding), RFC 9110 section 15 (statuses).
"""

from __future__ import annotations

import asyncio
import http
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Final, cast

from roadworthy._quick import quick
from roadworthy.vet.error_page import INVALID, error_body
from roadworthy.vet.exchange import Manner, Receipt, Request, Response

if TYPE_CHECKING:
    from httptools import HttpRequestParser

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)  # close() then sends RST (socket(7), SO_LINGER)
_KEY_HEADERS: Final = frozenset({b"authorization", b"x-api-key", b"api-key"})
_REASONS: Final = {status.value: status.phrase for status in http.HTTPStatus}


@quick(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one server.

    Attributes:
        header_bytes_max: of the request line and all headers; more gets a 431.
        body_bytes_max: of a request's body, such as a file of calls; more gets a 413.
        idle_s: a connection that waits, or takes longer than this to send one request, is closed. 75 s as nginx does.
        silence_s: how long `hang`, `trickle` and a silent stream last before the connection is closed anyway.
        trickle_s: between two bytes of `trickle`, and between two pings.
        pipelined_max: requests of one connection that may await their responses; then it is not read from.
        backlog: connections that may wait to be accepted.
    """

    header_bytes_max: int = 65_536
    body_bytes_max: int = 67_108_864
    idle_s: float = 75.0
    silence_s: float = 120.0
    trickle_s: float = 1.0
    pipelined_max: int = 64
    backlog: int = 2_048


@quick(frozen=True, slots=True)
class House:
    """What the connections of one server share.

    Attributes:
        handle: makes a response to a request; called in the moment in which the request is whole.
        on_incomplete: told when a client leaves in the midst of a request.
        limits: the bounds.
        connections: all that are open.
    """

    handle: Callable[[Request], Response]
    on_incomplete: Callable[[], None]
    limits: Limits = field(default_factory=Limits)
    connections: set[Connection] = field(default_factory=set)


def _head(response: Response, *, keep_alive: bool) -> bytes:
    framing = (
        b"transfer-encoding: chunked\r\n"
        if response.streamed
        else b"content-length: %d\r\n" % len(response.body)
    )
    reason = _REASONS.get(response.status, "Overloaded").encode()
    ending = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    return b"HTTP/1.1 %d %b\r\n%b%b%b" % (response.status, reason, response.headers, framing, ending)


class _Slot:
    """A response that waits for its time, or for those of earlier requests."""

    __slots__ = ("keep_alive", "ready", "response", "timer")

    def __init__(self, response: Response, *, keep_alive: bool) -> None:
        self.response = response
        self.keep_alive = keep_alive
        self.ready = False
        self.timer: asyncio.TimerHandle | None = None


class Connection(asyncio.Protocol):
    """One client's connection. Requests are handled as they arrive; responses leave in the order of their requests."""

    def __init__(self, house: House) -> None:
        from httptools import HttpRequestParser  # noqa: PLC0415 - heavy, and only a server needs it

        self._house = house
        self._limits = house.limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: HttpRequestParser = HttpRequestParser(self)
        self._slots: deque[_Slot] = deque()
        self._unwritten: list[Receipt] = []
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        self._last = False
        self._held = False
        self._full = False
        self._begun = False
        self._in_head = False
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._target = b""
        self._key = b""
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._since = self._loop.time()

    # -- what asyncio calls --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)
        # With a limit of 0 a paused writer is one that the network has not taken everything from.
        self._transport.set_write_buffer_limits(high=0)
        self._house.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is gone; what was to be sent on it is dropped."""
        self._house.connections.discard(self)
        if self._begun and not self._over:
            self._house.on_incomplete()
        self._over = True
        self._transport = None
        self._drop_timers()

    def data_received(self, data: bytes) -> None:
        """Bytes came; the parser calls the methods below for each part of a message."""
        if self._over or self._last:
            return
        import httptools  # noqa: PLC0415 - heavy, and only a server needs it

        in_head = self._in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "This server does not switch protocols.")
        except httptools.HttpParserError as error:
            if isinstance(error, httptools.HttpParserCallbackError):
                raise
            self._refuse(400, "This is not an HTTP/1.1 request.")
        # A single header is told only when it is whole; count what the parser holds back.
        self._unparsed_bytes = self._unparsed_bytes + len(data) if in_head and self._in_head else 0
        if self._unparsed_bytes > self._limits.header_bytes_max and not self._over:
            self._refuse(431, "The headers are too large.")

    def pause_writing(self) -> None:
        """The client takes bytes more slowly than they are made: read no more of its requests."""
        self._full = True
        self._hold()

    def resume_writing(self) -> None:
        """The network took everything."""
        for receipt in self._unwritten:
            receipt.written = True
        self._unwritten.clear()
        self._full = False
        self._read_on()

    # -- what the parser calls --

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begun = self._in_head = True
        self._head_bytes = self._body_bytes = 0
        self._target = self._key = b""
        self._body = []
        self._since = self._loop.time()

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One whole header."""
        self._count_head(len(name) + len(value) + 4)
        if self._over:
            return
        lower = name.lower()
        if lower == b"content-length" and int(value) > self._limits.body_bytes_max:
            self._refuse(413, "The body is too large.")
        elif lower in _KEY_HEADERS:
            self._key = value.removeprefix(b"Bearer ")
        elif lower == b"expect" and self._transport is not None and not self._slots:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_headers_complete(self) -> None:
        """The body follows."""
        self._in_head = False

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body_bytes_max:
            self._refuse(413, "The body is too large.")
        elif not self._over:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole: it has arrived."""
        if self._over:
            return
        self._begun = False
        path, _, query = self._target.partition(b"?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        keep_alive = self._parser.should_keep_alive()
        self._last = not keep_alive
        response = self._house.handle(Request(self._parser.get_method(), path, query, body, self._key))
        self._enqueue(_Slot(response, keep_alive=keep_alive))

    # -- responses --

    def _enqueue(self, slot: _Slot) -> None:
        self._slots.append(slot)
        if slot.response.delay_s > 0:
            slot.timer = self._loop.call_later(slot.response.delay_s, self._ripen, slot)
        else:
            self._ripen(slot)
        if len(self._slots) >= self._limits.pipelined_max:
            self._hold()

    def _ripen(self, slot: _Slot) -> None:
        slot.ready = True
        self._release()

    def _release(self) -> None:
        """Deliver what is ready and has nothing before it."""
        while self._slots and self._slots[0].ready and not self._over and self._timer is None:
            self._deliver(self._slots.popleft())
        if not self._slots:
            self._since = self._loop.time()
            self._read_on()

    def _deliver(self, slot: _Slot) -> None:
        response = slot.response
        head = _head(response, keep_alive=slot.keep_alive)
        match response.manner:
            case Manner.WHOLE:
                self._send(head + _framed(response), response.receipt)
                if not slot.keep_alive:
                    self._end()
            case Manner.CUT:
                self._send(head + _framed(response)[: max(1, len(response.body) // 2)], None)
                self._end()
            case Manner.RESET:
                self._reset()
            case Manner.HANG:
                self._timer = self._loop.call_later(self._limits.silence_s, self._abort)
            case Manner.STALL:
                self._send(head + _framed(response).removesuffix(_LAST_CHUNK), None)
                self._timer = self._loop.call_later(self._limits.silence_s, self._abort)
            case Manner.PING:
                self._send(head + _framed(response).removesuffix(_LAST_CHUNK), None)
                self._ping(b"%x\r\n%b\r\n" % (len(response.ping), response.ping), self._loop.time())
            case Manner.TRICKLE:
                self._send(head, None)
                ends = self._loop.time() + self._limits.silence_s
                self._trickle(_framed(response), 0, slot, ends)

    def _ping(self, ping: bytes, since: float) -> None:
        """Keep the stream open, and nothing else."""
        if self._loop.time() - since >= self._limits.silence_s:
            self._abort()
            return
        self._send(ping, None)
        self._timer = self._loop.call_later(self._limits.trickle_s, self._ping, ping, since)

    def _trickle(self, body: bytes, at: int, slot: _Slot, ends: float) -> None:
        self._timer = None
        if self._loop.time() >= ends:
            self._abort()
        elif at < len(body):
            last = at + 1 == len(body)
            self._send(body[at : at + 1], slot.response.receipt if last else None)
            self._timer = self._loop.call_later(
                self._limits.trickle_s, self._trickle, body, at + 1, slot, ends
            )
        elif not slot.keep_alive:
            self._end()
        else:
            self._release()

    def _send(self, data: bytes, receipt: Receipt | None) -> None:
        transport = self._transport
        if transport is None:
            return
        transport.write(data)
        if receipt is not None:
            if transport.get_write_buffer_size() == 0:
                receipt.written = True
            else:
                self._unwritten.append(receipt)

    def _refuse(self, status: int, message: str) -> None:
        """Answer a request that cannot be read, and close: what follows it cannot be told apart from it."""
        if self._over or self._last or self._transport is None:
            return
        self._drop_timers()
        body = error_body(message, INVALID)
        response = Response(status, body)
        self._transport.write(_head(response, keep_alive=False) + body)
        self._begun = False
        self._end()

    def _end(self) -> None:
        """Close after what was written is sent."""
        self._over = True
        if self._transport is not None:
            self._transport.close()

    def _reset(self) -> None:
        if self._transport is not None:
            client = self._transport.get_extra_info("socket")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._abort()

    def _abort(self) -> None:
        self._over = True
        if self._transport is not None:
            self._transport.abort()

    def _hold(self) -> None:
        if self._transport is not None and not self._over and not self._held:
            self._held = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._held and not self._full and self._transport is not None and not self._over:
            self._held = False
            self._transport.resume_reading()

    def _count_head(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > self._limits.header_bytes_max:
            self._refuse(431, "The headers are too large.")

    def _drop_timers(self) -> None:
        for slot in self._slots:
            if slot.timer is not None:
                slot.timer.cancel()
        self._slots.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- what the server calls --

    def close_if_idle(self, now: float) -> None:
        """Close when nothing has been under way for too long, or a request takes too long to be sent."""
        if not self._slots and self._timer is None and now - self._since > self._limits.idle_s:
            self._end()

    def stop(self) -> None:
        """Close now."""
        self._abort()


_LAST_CHUNK: Final = b"0\r\n\r\n"


def _framed(response: Response) -> bytes:
    if not response.streamed:
        return response.body
    return b"%x\r\n%b\r\n%b" % (len(response.body), response.body, _LAST_CHUNK)
