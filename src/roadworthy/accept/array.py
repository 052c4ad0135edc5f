"""A JSON array (RFC 8259, 5), item by item as it is read; memory stays bounded whatever the array holds."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.line import Inflow, RawLine

_CHUNK_BYTES: Final = 65_536
_MARK: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r\n"
# All marks are ASCII, and no byte of another character is: RFC 3629, 3.
# A text without an escape that ends within the chunk is passed over as a whole.
_BETWEEN: Final = re.compile(rb'"[^"\\]*+"|["\[\]{},]')
_WITHIN: Final = re.compile(rb'"[^"\\]*+"|["\[\]{}]')
_QUOTED: Final = re.compile(rb'["\\]')


def read_items(stream: BinaryIO, name: str, settings: Settings) -> Iterator[RawLine]:
    """The items of an array in order, each as if it were a line; an item longer than `line_bytes_max` is cut.

    Args:
        stream: open for reading bytes; it is left open.
        name: what messages call it.
        settings: `line_bytes_max`, and `file_bytes_max` for the whole, counted after decompression.

    Raises:
        WrongUse: empty, no array, more than `file_bytes_max` bytes, cut off, damaged or unreadable.
    """
    inflow = Inflow(stream, name, settings.file_bytes_max, unit="item")
    chunks = io.BufferedReader(inflow, _CHUNK_BYTES)
    array = _Array(name, settings.line_bytes_max)
    while chunk := chunks.read1(_CHUNK_BYTES):
        for raw, cut in array.items_in(chunk):
            inflow.line += 1
            yield RawLine(inflow.line, raw, inflow.charset, cut=cut)
    array.end()


def begins_array(head: bytes) -> bool:
    """Whether a stream that begins with these bytes is an array; a line of JSONL is a record, and never one."""
    return head.removeprefix(_MARK).lstrip(_BLANK).startswith(b"[")


def looked_into(stream: io.BufferedReader) -> tuple[bool, BinaryIO]:
    """Whether a stream is an array, and the stream to read: a pipe may bring its blanks before the first mark alone."""
    head = stream.peek()
    if not _says_nothing(head):
        return begins_array(head), stream
    head = b""
    while _says_nothing(head) and len(head) < _CHUNK_BYTES and (part := stream.read1(_CHUNK_BYTES)):
        head += part
    return begins_array(head), io.BufferedReader(_Again(head, stream))


def _says_nothing(head: bytes) -> bool:
    return _MARK.startswith(head) or not head.removeprefix(_MARK).strip(_BLANK)


class _Again(io.RawIOBase):
    """A stream from its first byte, with what was read of it before."""

    def __init__(self, head: bytes, rest: io.BufferedReader) -> None:
        super().__init__()
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # all that is ever passed
        """Fill the buffer; 0 at the end."""
        part = self._head[: len(buffer)] or self._rest.read1(len(buffer))
        self._head = self._head[len(part) :]
        buffer[: len(part)] = part
        return len(part)


class _Array:
    """Where items begin and end: what is open, and the bytes of the item that is being read."""

    def __init__(self, name: str, longest: int) -> None:
        self._name = name
        self._longest = longest
        self._open = 0
        self._begun = self._ended = False
        self._quoted = self._escaped = False
        self._held = bytearray()
        self._cut = False
        self._items = 0

    def items_in(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        """The items that end in the next bytes, each with whether it was cut."""
        at = start = 0 if self._begun else self._first(chunk)
        while not self._ended and (found := self._next(chunk, at)) is not None:
            at = found.end()
            if at - found.start() > 1:
                continue
            if self._quoted:
                self._escaped = found[0] == b"\\"
                self._quoted = self._escaped
                continue
            self._quoted = found[0] == b'"'
            self._open += (found[0] in b"[{") - (found[0] in b"]}")
            if self._open == 0 or (self._open == 1 and found[0] == b","):
                self._hold(chunk[start : found.start()])
                start = at
                yield from self._item()
            self._ended = self._open == 0
        if self._ended:
            self._refuse_more(chunk[at:])
        else:
            self._hold(chunk[start:])

    def end(self) -> None:
        """Nothing comes any more.

        Raises:
            WrongUse: the array has not ended.
        """
        if not self._begun:
            raise WrongUse(f"{self._name} is empty. Give at least one record.")
        if self._ended and not self._items:
            raise WrongUse(f"{self._name} holds an empty array. Give at least one record.")
        if not self._ended:
            raise WrongUse(
                f"{self._name} ends within item {self._items + 1} of its array. It is cut off or damaged: give a whole "
                "copy in the same way; what was answered is kept."
            )

    def _first(self, chunk: bytes) -> int:
        """Where the first item may begin; the end of the chunk where there is nothing yet."""
        rest = chunk.removeprefix(_MARK).lstrip(_BLANK)
        if not rest:
            return len(chunk)
        if not begins_array(rest):
            raise WrongUse(
                f"{self._name} holds no JSON array. Give an array of records, or one record a line as JSONL (.jsonl, "
                "application/x-ndjson)."
            )
        self._begun = True
        self._open = 1
        return len(chunk) - len(rest) + 1

    def _next(self, chunk: bytes, at: int) -> re.Match[bytes] | None:
        """The next byte that means something."""
        if self._escaped and at < len(chunk):
            self._escaped = False
            at += 1
        marks = _QUOTED if self._quoted else _BETWEEN if self._open == 1 else _WITHIN
        return marks.search(chunk, at) if self._begun else None

    def _hold(self, part: bytes) -> None:
        room = self._longest - len(self._held)
        self._cut = self._cut or len(part) > room
        self._held += part[:room]

    def _item(self) -> Iterator[tuple[bytes, bool]]:
        """The item that has ended; nothing between two commas, or before a bracket, is none."""
        raw, cut = bytes(self._held).strip(_BLANK), self._cut
        self._held.clear()
        self._cut = False
        if raw:
            self._items += 1
            yield raw, cut

    def _refuse_more(self, rest: bytes) -> None:
        if rest.strip(_BLANK):
            raise WrongUse(
                f"{self._name} goes on behind its array, which ends with item {self._items}. Write one array, or one "
                "record a line as JSONL (.jsonl, application/x-ndjson); what was answered is kept."
            )
