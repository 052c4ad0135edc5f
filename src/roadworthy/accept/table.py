"""Rows of a table written as CSV or TSV, each with the physical bytes it came from."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import ClassVar, Final

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.decode import Line
from roadworthy.accept.reason import WrongRecord, shown
from roadworthy.accept.record import Cleaning, Unusable

# In this order where two divide the first rows equally well.
DELIMITERS: Final = (",", ";", "\t", "|")

_TOLD: Final = re.compile('"?sep=([^"\\w])"?', re.IGNORECASE)
"""The line that Excel reads a delimiter from, and writes where somebody asked for another one."""
_SNIFFED_LINES: Final = 20
_SNIFFED_BYTES: Final = 65_536
_AGAIN_MAX: Final = 4
"""How many times what an input has given so far is read again at most, for the sake of quotes that nobody closed."""
_QUOTING: Final = (
    'Put a cell with quotes, delimiters or line breaks in quotes and double the quotes inside it ("").'
)


@quick(frozen=True, slots=True)
class Row:
    """One row as text.

    Attributes:
        number: the physical line it begins on, 1-based.
        raw: the physical bytes of all its lines.
        cells: by header name, in the order of the header.
        cleanings: what decoding its lines changed.
    """

    place: ClassVar = "line"

    number: int
    raw: bytes
    cells: dict[str, str]
    cleanings: tuple[Cleaning, ...] = ()


def read_rows(
    lines: Iterator[Line], *, name: str, settings: Settings, delimiter: str = ""
) -> Iterator[Row | Unusable]:
    """The rows below the header, in order (RFC 4180, quotes read strictly); rows without any text are skipped.

    After a row that cannot be read, reading goes on at the line after its first one, so that a quote nobody closed
    costs one row and not the rest of the file.

    Args:
        lines: decoded lines.
        name: what messages call the input.
        settings: `line_bytes_max` bounds a row too, all its lines together.
        delimiter: as told, else found in the first rows among `, ; tab |`.

    Raises:
        WrongUse: no header, or a header with an empty or double name.
    """
    # The module's own limit is process-wide and lower than ours; rows are bounded by bytes before it counts.
    csv.field_size_limit(max(csv.field_size_limit(), settings.line_bytes_max))
    feed = _Feed(lines, name, settings.line_bytes_max)
    delimiter = delimiter or _sniffed(feed)
    header: list[str] | None = None
    reader = _reader(feed, delimiter)
    while True:
        feed.begin()
        try:
            cells = next(reader, None)
        except (csv.Error, WrongRecord) as error:
            if header is None:
                raise WrongUse(
                    f"{name} has no readable header, line {feed.taken[0].number}: {error}"
                ) from error
            given_back = feed.give_back()
            yield _unread(feed, error, reach="" if given_back else feed.left_out())
            reader = _reader(feed, delimiter)
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        if header is None:
            header = _header(cells, name, feed.taken[0].number)
        else:
            yield _row(feed, header, cells)


def _reader(feed: _Feed, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(feed, delimiter=delimiter, strict=True)


class _Feed:
    """Hands lines to the csv reader, remembers which ones the present row took, and can take them back."""

    def __init__(self, lines: Iterator[Line], name: str, bytes_max: int) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()
        self.name = name
        self.bytes_max = bytes_max
        self._bytes = 0
        self._fresh = 0
        self._again = 0
        self.taken: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._back:
            line = self._back.popleft()
        else:
            line = next(self._lines)
            self._fresh += len(line.raw)
        self.taken.append(line)
        size = self._bytes + len(line.raw.rstrip(b"\r\n"))
        self._bytes += len(line.raw)
        if line.cut:
            raise WrongRecord(
                f"line {line.number} is longer than {self.bytes_max:,} bytes",
                "Shorten it, or raise the setting line_bytes_max.",
            )
        if size > self.bytes_max:
            raise WrongRecord(
                f"the row reaches from line {self.taken[0].number} past line {line.number} and is longer than "
                f"{self.bytes_max:,} bytes; a quote is probably not closed",
                _QUOTING,
            )
        return line.text

    def begin(self) -> None:
        """A row begins."""
        self.taken = []
        self._bytes = 0

    def give_back(self, kept: int = 1) -> bool:
        """All lines the present row took, but the first `kept`, are read again.

        Not where so many were by now that each line could open a quote: it would take as long as the square of the
        input. What the row took is then left out with it.
        """
        lines = self.taken[kept:]
        again = self._again + sum(len(line.raw) for line in lines)
        if kept and again > _AGAIN_MAX * max(self._fresh, self.bytes_max):
            return False
        self._again = again
        self._back.extendleft(reversed(lines))
        return True

    def left_out(self) -> str:
        """What a reason says of the lines that the present row took with it."""
        return f" The lines down to line {self.taken[-1].number} are left out with it: too many before them open a quote."

    def skip(self) -> None:
        """The line that comes next is no row."""
        self._back.popleft()

    def first(self) -> list[str]:
        """The texts of the first lines, which stay to be read."""
        size = 0
        while (
            len(self.taken) < _SNIFFED_LINES and size < _SNIFFED_BYTES and (line := next(self._lines, None))
        ):
            self.taken.append(line)
            size += len(line.raw)
        self.give_back(kept=0)
        return [line.text for line in self.taken if not line.cut]


def _sniffed(feed: _Feed) -> str:
    """The delimiter that Excel's own first line names, else the one that cuts most of the first rows as the header is cut."""
    texts = feed.first()
    if texts and (told := _TOLD.fullmatch(texts[0].rstrip("\r\n"))):
        feed.skip()
        return told[1]

    def fit(delimiter: str) -> int:
        try:
            rows = [row for row in csv.reader(texts, delimiter=delimiter) if row]
        except csv.Error:
            return 0
        return sum(len(row) == len(rows[0]) for row in rows) if rows and len(rows[0]) > 1 else 0

    return max(DELIMITERS, key=fit)


def _header(cells: list[str], name: str, number: int) -> list[str]:
    names = [cell.strip() for cell in cells]
    first: dict[str, int] = {}
    for column, found in enumerate(names, start=1):
        if not found:
            raise WrongUse(
                f"{name}, line {number}: column {column} of {len(names)} has no name in the header. "
                "Name it, or delete the column."
            )
        if first.setdefault(found, column) < column:
            raise WrongUse(
                f"{name}, line {number}: the header names {shown(found)} twice, in columns "
                f"{first[found]} and {column}. Rename one of them."
            )
    return names


def _row(feed: _Feed, header: list[str], cells: list[str]) -> Row | Unusable:
    if len(cells) != len(header):
        reach = f", down to line {feed.taken[-1].number}" if len(feed.taken) > 1 else ""
        return _unread(
            feed,
            WrongRecord(
                f"the row{reach} has {len(cells)} cells and the header names {len(header)}, it ends with "
                f"{shown(cells[-1])}",
                _QUOTING,
            ),
        )
    notes = tuple(dict.fromkeys(note for line in feed.taken for note in line.cleanings))
    return Row(feed.taken[0].number, _raw(feed.taken), dict(zip(header, cells, strict=True)), notes)


def _unread(feed: _Feed, error: csv.Error | WrongRecord, reach: str = "") -> Unusable:
    line = feed.taken[0]
    raw = line.raw if isinstance(error, csv.Error) else _raw(feed.taken)[: feed.bytes_max]
    words = (
        str(error)
        if isinstance(error, WrongRecord)
        else f"not CSV: {error}, near {shown(line.text)}. {_QUOTING}"
    )
    return Unusable(
        f"line-{line.number}",
        line.number,
        raw.rstrip(b"\r\n"),
        f"{feed.name}, line {line.number}: {words}{reach}",
    )


def _raw(lines: list[Line]) -> bytes:
    return b"".join(line.raw for line in lines).rstrip(b"\r\n")
