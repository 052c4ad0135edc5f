"""Physical lines of a binary stream, read within limits; memory stays bounded whatever the stream holds."""

from __future__ import annotations

import codecs
import io
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, Final

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import Settings

UTF8: Final = "utf-8"

_CHUNK_BYTES: Final = 65_536
_HEAD_BYTES: Final = 4

# The longer mark first: a UTF-32 mark begins with a UTF-16 one (Unicode 16.0, table 23-6).
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@quick(frozen=True, slots=True)
class RawLine:
    """One physical line.

    Attributes:
        number: 1-based.
        raw: its bytes, line ending included; in UTF-8 where the stream is UTF-16 or UTF-32.
        charset: what the stream as a whole is written in: `utf-8` stands for all that breaks lines at a byte 0A.
        cut: the line is longer than the limit and `raw` is its beginning.
    """

    number: int
    raw: bytes
    charset: str = UTF8
    cut: bool = False


def read_lines(stream: BinaryIO, name: str, settings: Settings) -> Iterator[RawLine]:
    """The lines of a stream, in order. A line longer than `line_bytes_max` is cut and skipped to its end.

    Args:
        stream: open for reading bytes; it is left open.
        name: what messages call it.
        settings: `line_bytes_max`, and `file_bytes_max` for the whole, counted after decompression.

    Raises:
        WrongUse: nothing in it, more than `file_bytes_max` bytes, cut off, damaged or unreadable.
    """
    inflow = Inflow(stream, name, settings.file_bytes_max)
    lines = io.BufferedReader(inflow, _CHUNK_BYTES)
    longest = settings.line_bytes_max
    for number, raw in enumerate(iter(partial(lines.readline, longest + 2), b""), start=1):
        inflow.line = number
        if len(raw) > longest and len(raw.rstrip(b"\r\n")) > longest:
            _skip(lines, raw)
            yield RawLine(number, raw[:longest], inflow.charset, cut=True)
        else:
            yield RawLine(number, raw, inflow.charset)
    if not inflow.line:
        raise WrongUse(f"{name} is empty. Give at least one record.")


def _skip(lines: io.BufferedReader[Inflow], raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = lines.readline(_CHUNK_BYTES)


class Inflow(io.RawIOBase):
    """A stream that counts its bytes, turns UTF-16 and UTF-32 into UTF-8, and says in words how it broke.

    Attributes:
        charset: what it is written in, known with its first bytes.
        line: how many lines, or what `unit` says, its reader has had.
    """

    def __init__(self, stream: BinaryIO, name: str, bytes_max: int, *, unit: str = "line") -> None:
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._name = name
        self._bytes_max = bytes_max
        self._unit = unit
        self._bytes = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self._ready = b""
        self._begun = False
        self._ended = False
        self.charset = UTF8
        self.line = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # all that is ever passed
        """Fill the buffer from the stream; 0 at its end."""
        while not self._ready and not self._ended:
            self._ready = self._next()
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _next(self) -> bytes:
        chunk = self._chunk() if self._begun else self._head()
        self._bytes += len(chunk)
        if self._bytes > self._bytes_max:
            raise WrongUse(
                f"{self._name} holds more than {self._bytes_max:,} bytes (setting file_bytes_max); "
                f"reading stopped after {self._unit} {self.line}. Split it, or raise the setting."
            )
        self._ended = not chunk
        return chunk if self._decoder is None else self._recoded(self._decoder, chunk)

    def _head(self) -> bytes:
        self._begun = True
        head = b""
        while len(head) < _HEAD_BYTES and (chunk := self._chunk()):
            head += chunk
        self.charset, mark = _wide_charset(head)
        if self.charset != UTF8:
            self._decoder = codecs.getincrementaldecoder(self.charset)("surrogatepass")
        return head[mark:]

    def _chunk(self) -> bytes:
        try:
            return self._read(_CHUNK_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise WrongUse(
                f"{self._name} cannot be read on after {self._unit} {self.line}: {error}. "
                "It is cut off or damaged: give a whole copy in the same way; what was answered is kept."
            ) from error

    def _recoded(self, decoder: codecs.IncrementalDecoder, chunk: bytes) -> bytes:
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            if chunk:
                raise WrongUse(
                    f"{self._name} is not {self.charset} as its first bytes say: {error.reason} after {self._unit} "
                    f"{self.line}. Convert it with `iconv -t UTF-8`."
                ) from error
            # Half a character at the very end: kept as surrogates, so that cleaning records what it replaces.
            text = "".join(chr(0xDC00 + byte) for byte in pending)
        return text.encode(UTF8, "surrogatepass")


def _wide_charset(head: bytes) -> tuple[str, int]:
    """UTF-16 or UTF-32 and the length of its mark; without a mark by the zeros that ASCII leaves (RFC 4627, 3)."""
    for mark, charset in _MARKS:
        if head.startswith(mark):
            return charset, len(mark)
    zeros = tuple(byte == 0 for byte in head[:_HEAD_BYTES])
    unmarked: dict[tuple[bool, ...], str] = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return unmarked.get(zeros, UTF8), 0
