"""A stream as it comes: bytes become events, and events are gathered into what would have come whole.

Sources: the HTML standard, section 9.2.6 (server-sent events); docs.aws.amazon.com/AmazonS3, "Event stream encoding"
(prelude, headers, payload, two CRC-32), which Bedrock uses.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from roadworthy.call.wire.value import as_object

EVENTS = "text/event-stream"
FRAMES = "application/vnd.amazon.eventstream"
DONE = b"[DONE]"
_BOM = b"\xef\xbb\xbf"
_FRAME_LEAST = 16


class Broken(Exception):
    """The stream cannot be read on."""


class Assembly:
    """What a wire format makes of a stream's events.

    Attributes:
        begun: something of an answer has come, and may be billed.
        ended: the terminal marker has come; nothing more is needed.
        may_end: the answer is whole, but something may still follow, such as its usage.
        error: the error that broke into the stream.
        failed: what the error came in; it may report the tokens that were used up to it.
    """

    def __init__(self) -> None:
        self.begun = False
        self.ended = False
        self.may_end = False
        self.error: Mapping[str, Any] | None = None
        self.failed: Mapping[str, Any] = {}

    def take(self, name: str, said: Mapping[str, Any]) -> None:
        """Take one event."""
        raise NotImplementedError

    def whole(self) -> dict[str, Any]:
        """The body that a request without streaming would have brought."""
        raise NotImplementedError


class Stream:
    """One response that is read as a stream. The transport feeds it; it remembers no bytes but the event at hand.

    Args:
        assembly: what gathers the events.
        event_bytes_max: a longer event breaks the stream.

    Attributes:
        accepted: the response is one, and is read here.
        broken: why the stream cannot be read on; "" while it can.
    """

    def __init__(self, assembly: Assembly, event_bytes_max: int) -> None:
        self.assembly = assembly
        self.accepted = False
        self.broken = ""
        self._most = event_bytes_max
        self._frames = False
        self._rest = bytearray()
        self._began = False
        self._after_cr = False
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    @property
    def done(self) -> bool:
        """Whether the terminal marker has come."""
        return self.assembly.ended

    def accepts(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether this response is a stream; what is none is read whole."""
        kind = headers.get("content-type", "").lower()
        self._frames = kind.startswith(FRAMES)
        self.accepted = 200 <= status < 300 and (self._frames or kind.startswith(EVENTS))
        return self.accepted

    def hear(self, chunk: bytes) -> bool:
        """Take the next bytes. False: nothing more is wanted."""
        self._rest += chunk
        try:
            for name, data in self._read_frames() if self._frames else self._read_events():
                self._take(name, data)
                if self.assembly.error is not None:
                    return False
            self._refuse_excess(len(self._rest) + self._size)
        except Broken as error:
            self.broken = str(error)
            return False
        return True

    def _take(self, name: str, data: bytes) -> None:
        if data.strip() == DONE:
            self.assembly.ended = self.assembly.may_end
            return
        said = as_object(data)
        if said is None:
            raise Broken("an event that is not JSON")
        self.assembly.take(name, said)

    def _refuse_excess(self, size: int) -> None:
        if size > self._most:
            raise Broken(f"an event of more than {self._most} bytes")

    def _read_events(self) -> Iterator[tuple[str, bytes]]:
        """Whole events. A line ends with CR, LF or both; the LF of a CR may come with the next bytes."""
        if self._after_cr and self._rest.startswith(b"\n"):
            del self._rest[:1]
        self._after_cr = self._rest.endswith(b"\r") or (self._after_cr and not self._rest)
        if not self._began and len(self._rest) >= len(_BOM):
            self._began = True
            if self._rest.startswith(_BOM):
                del self._rest[: len(_BOM)]
        start, rest = 0, bytes(self._rest)
        lines = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in rest else rest
        while (end := lines.find(b"\n", start)) >= 0:
            event = self._line(lines[start:end])
            start = end + 1
            if event is not None:
                self._rest[:] = lines[start:]
                yield event
        self._rest[:] = lines[start:]

    def _line(self, line: bytes) -> tuple[str, bytes] | None:
        """Take one line; an event where it was the empty one behind some data. A comment is a line without a name."""
        if not line:
            event = (self._name, b"\n".join(self._data)) if self._data else None
            self._name, self._data, self._size = "", [], 0
            return event
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(value)
            self._refuse_excess(self._size)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        return None

    def _read_frames(self) -> Iterator[tuple[str, bytes]]:
        """Whole frames: total length, header length, CRC, headers, payload, CRC."""
        while len(self._rest) >= 12:
            total = int.from_bytes(self._rest[:4], "big")
            if not _FRAME_LEAST <= total <= self._most:
                raise Broken(f"a frame of {total} bytes")
            if len(self._rest) < total:
                return
            frame = bytes(self._rest[:total])
            del self._rest[:total]
            if zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
                raise Broken("a frame whose checksum is wrong")
            head_bytes = int.from_bytes(frame[4:8], "big")
            headers = _frame_headers(frame[12 : 12 + head_bytes])
            name = (
                headers.get(":event-type") or headers.get(":exception-type") or headers.get(":error-code", "")
            )
            yield name, frame[12 + head_bytes : -4] or b"{}"


def _frame_headers(head: bytes) -> dict[str, str]:
    """The text headers of a frame (type 7); others do not occur in Bedrock's."""
    found: dict[str, str] = {}
    place = 0
    while place < len(head):
        name_ends = place + 1 + head[place]
        if head[name_ends : name_ends + 1] != b"\x07":
            raise Broken("a frame with a header that is no text")
        size = int.from_bytes(head[name_ends + 1 : name_ends + 3], "big")
        value = head[name_ends + 3 : name_ends + 3 + size]
        found[head[place + 1 : name_ends].decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        place = name_ends + 3 + size
    return found
