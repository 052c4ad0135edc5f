"""A text too long to be held at once: kept in pieces, on disk or in the ledger, and read a stretch at a time."""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import Final

import orjson

from roadworthy.accept.identity import canonical
from roadworthy.accept.record import Json

PIECE_CHARS: Final = 65_536
"""Characters of every piece of a long text but the last one."""
MARK: Final = "$long_text_chars"
"""Stands in a body for a text that is kept beside it: `{"$long_text_chars": 50000000}`."""


class LongText:
    """A text of which one piece is in memory at a time.

    Args:
        chars: its length.
        piece: gives the piece of a number, from 0; each has `PIECE_CHARS` characters, the last one what is left.
    """

    def __init__(self, chars: int, piece: Callable[[int], str]) -> None:
        self.chars = chars
        self._piece = piece
        self._held = (-1, "")

    @property
    def count(self) -> int:
        """How many pieces it has."""
        return -(-self.chars // PIECE_CHARS)

    def piece(self, number: int) -> str:
        """One piece; the last one asked for is at hand."""
        held, text = self._held
        if held != number:
            text = self._piece(number)
            self._held = (number, text)
        return text

    def pieces(self) -> Iterator[str]:
        """All pieces, in order."""
        return map(self.piece, range(self.count))

    def read(self, start: int, end: int) -> str:
        """The characters from `start` to `end`, as `text[start:end]` of the whole for offsets within it."""
        end = min(end, self.chars)
        if start >= end:
            return ""
        first, last = start // PIECE_CHARS, (end - 1) // PIECE_CHARS
        if first == last:
            base = first * PIECE_CHARS
            return self.piece(first)[start - base : end - base]
        found = "".join(map(self.piece, range(first, last + 1)))
        base = first * PIECE_CHARS
        return found[start - base : end - base]

    def part(self, start: int, end: int) -> LongText:
        """A stretch of it as a long text of its own."""

        def piece(number: int) -> str:
            first = start + number * PIECE_CHARS
            return self.read(first, min(end, first + PIECE_CHARS))

        return LongText(end - start, piece)

    def whole(self) -> str:
        """All of it, in memory."""
        return self.read(0, self.chars)


class Spool:
    """A text that is being taken down, in a file without a name: nothing of it is left when it is let go."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the text that is read from it
        self._rest = ""
        self._chars = 0
        self._places = [0]

    def add(self, text: str) -> None:
        """Take down what comes next."""
        self._rest += text
        while len(self._rest) >= PIECE_CHARS:
            self._write(self._rest[:PIECE_CHARS])
            self._rest = self._rest[PIECE_CHARS:]

    def close(self) -> None:
        """Let go of what was taken down."""
        self._file.close()

    def done(self) -> LongText:
        """What was taken down."""
        if self._rest:
            self._write(self._rest)
            self._rest = ""
        file, places = self._file, self._places

        def piece(number: int) -> str:
            start, end = places[number], places[number + 1]
            return os.pread(file.fileno(), end - start, start).decode()

        text = LongText(self._chars, piece)
        weakref.finalize(text, file.close)
        return text

    def _write(self, text: str) -> None:
        data = memoryview(text.encode())
        self._places.append(self._places[-1] + len(data))
        self._chars += len(text)
        while data:
            data = data[self._file.write(data) :]


def long_hash(body: dict[str, Json], field: str, text: LongText) -> bytes:
    """What `identity.body_hash` would give of the body with the whole text in `field`, piece by piece."""
    digest = hashlib.sha256()
    for stretch in json_stretches(lambda filled: canonical({**body, field: filled}), text):
        digest.update(stretch)
    return digest.digest()


def json_stretches(written: Callable[[str], bytes], text: LongText) -> Iterator[bytes]:
    """JSON that holds a long text, a stretch at a time; one after the other they are what `written(text)` would be.

    JSON escapes each character by itself (RFC 8259, section 7), so that pieces can be written one by one.

    Args:
        written: the JSON with a given text in the long one's place.
        text: the long text.
    """
    number = 0
    while True:
        token = f"long-text-{number}"
        before, *after = written(token).split(orjson.dumps(token))
        if len(after) == 1:
            break
        number += 1
    yield before + b'"'
    for piece in text.pieces():
        yield orjson.dumps(piece)[1:-1]
    yield b'"' + after[0]
