"""Where records come from: a file by its ending, a folder, or a stream."""

from __future__ import annotations

import gzip
import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias, cast

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.array import looked_into, read_items
from roadworthy.accept.cells import Cells
from roadworthy.accept.database import check_database, is_url, read_query, shown_url
from roadworthy.accept.decode import Line, decode_lines
from roadworthy.accept.folder import PICTURES, Folder, is_document
from roadworthy.accept.line import read_lines
from roadworthy.accept.paper import Paper, Picture
from roadworthy.accept.papers.reader import MEDIA_TYPES
from roadworthy.accept.parquet import check_parquet, read_parquet
from roadworthy.accept.reason import escaped, shown
from roadworthy.accept.record import Unusable
from roadworthy.accept.table import Row, read_rows
from roadworthy.accept.workbook import ENDINGS as WORKBOOKS
from roadworthy.accept.workbook import check_workbook, is_workbook, read_workbook

Form: TypeAlias = Literal["jsonl", "json", "csv", "tsv"]
Unit: TypeAlias = Line | Row | Cells | Paper | Picture | Unusable

ENDINGS: Final[dict[str, Form]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
}
COMPRESSED: Final = ".gz"
PARQUET: Final = ".parquet"
STANDARD_INPUT: Final = "standard input"

_HINTS: Final = dict.fromkeys((".xls", ".xlsb"), " Save the workbook as .xlsx.")
_JSON_BEGINS: Final = ("{", "[", '"')
# A header in quotes begins as a text of JSON does (RFC 8259, 7); behind that a line ends, and a header goes on.
_QUOTED_HEADER: Final = re.compile(r'"(?:[^"\\]|\\.)*+"[",;\t|]')


class Source:
    """An input that yields its raw units in order: a `Line` of JSONL, a `Row` or the `Cells` of a table, a `Paper`, or an `Unusable`.

    Made by `from_place`, `from_path`, `from_query` or `from_stream`. Memory is bounded by the limits on one unit, not by the size of the input. A
    source of files can be read again from the start; a stream once.

    Args:
        name: what messages call it.
        units: begins to read it.
    """

    def __init__(self, name: str, units: Callable[[], Iterator[Unit]]) -> None:
        self.name = escaped(name)  # it stands in reasons, which a ledger keeps
        self._units = units

    @classmethod
    def from_place(cls, place: str, query: str, settings: Settings) -> Source:
        """What a command names: a database's URL with a query, a workbook with a sheet's name in its place, else a path.

        Raises:
            WrongUse: as `from_query` and `from_path`; a query for what is neither.
        """
        if is_url(place):
            return cls.from_query(place, query, settings)
        if query and not is_workbook(place):
            raise WrongUse(
                f"--query is for databases and workbooks, and {place} is neither. Give sqlite:///FILE, "
                f"postgresql://... or a file that ends with one of {', '.join(WORKBOOKS)}."
            )
        return cls.from_path(place, settings, sheet=query)

    @classmethod
    def from_query(cls, url: str, query: str, settings: Settings) -> Source:
        """The rows of a query on `sqlite:///FILE` or `postgresql://...`.

        Raises:
            WrongUse: no query, no such file, or an extra is missing.
        """
        check_database(url, query)
        return cls(shown_url(url), lambda: read_query(url, query, settings))

    @classmethod
    def from_path(cls, path: str | Path, settings: Settings, *, sheet: str = "") -> Source:
        """A table or lines, a document, or a folder of documents.

        Tables and lines end with `.jsonl`, `.ndjson`, `.json` (an array), `.csv`, `.tsv`, each also with `.gz`, with
        `.parquet`, or as workbooks do.

        Args:
            path: where it is.
            settings: the limits.
            sheet: which one of a workbook; empty where only one has rows.

        Raises:
            WrongUse: it is missing, not readable, empty, larger than `file_bytes_max`, its ending says nothing, or an
                extra is missing. Every one of these is told before anything is read.
        """
        path = Path(path)
        try:
            is_folder = path.is_dir()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise _unreadable(path, error) from error
        if is_folder:
            return cls(str(path), Folder(path, settings).__iter__)
        if is_document(path):
            _refuse_unreadable(path, settings.document_bytes_max, "document_bytes_max")
            return cls(str(path), Folder(path, settings).__iter__)
        if path.suffix.lower() == PARQUET:
            _refuse_unreadable(path, settings.file_bytes_max, "file_bytes_max")
            check_parquet(path, settings)
            return cls(str(path), lambda: read_parquet(path, settings))
        if is_workbook(path):
            _refuse_unreadable(path, settings.document_bytes_max, "document_bytes_max")
            check_workbook(path)
            return cls(str(path), lambda: read_workbook(path, sheet, settings))
        form, compressed = _form_of(path)
        _refuse_unreadable(path, settings.file_bytes_max, "file_bytes_max")

        def opened() -> AbstractContextManager[BinaryIO]:
            return cast("BinaryIO", gzip.open(path, "rb")) if compressed else path.open("rb")

        return cls(str(path), lambda: _read(opened(), str(path), form, settings))

    @classmethod
    def from_stream(
        cls, stream: BinaryIO, settings: Settings, *, form: Form | None = None, name: str = STANDARD_INPUT
    ) -> Source:
        """A binary stream such as `sys.stdin.buffer`; it is left open.

        Args:
            stream: open for reading bytes.
            settings: the limits.
            form: as told, else by the first character that is no blank: `json` where it is `[` and the stream can be
                looked into (`peek`), `jsonl` where it is one of `{ [ "`, else `csv`; also where a text in quotes is
                followed by a delimiter, as in a quoted header.
            name: what messages call it.
        """
        unread = [stream]

        def opened() -> AbstractContextManager[BinaryIO]:
            if not unread:
                raise WrongUse(
                    f"{name} was read once and cannot be read again. Save it to a file and name that."
                )
            return nullcontext(unread.pop())

        return cls(name, lambda: _read(opened(), name, form, settings))

    @classmethod
    def from_standard_input(cls, settings: Settings) -> Source:
        """Standard input, through a buffer of our own: Python, as it ends, takes the lock of its, and aborts where a thread reads."""
        try:
            own: BinaryIO = io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
        except io.UnsupportedOperation:  # whoever runs us put something in its place that is no file
            own = sys.stdin.buffer
        return cls.from_stream(own, settings)

    def __iter__(self) -> Iterator[Unit]:
        """The units, from the first.

        Raises:
            WrongUse: empty, damaged or cut off, larger than `file_bytes_max` once decompressed, or a table without a
                usable header.
        """
        return self._units()


def _read(
    opened: AbstractContextManager[BinaryIO], name: str, form: Form | None, settings: Settings
) -> Iterator[Line | Row | Unusable]:
    """The units of a stream of lines."""
    with opened as stream:
        if form is None and isinstance(stream, io.BufferedReader):
            is_array, stream = looked_into(stream)  # noqa: PLW2901 - the same one, from its first byte
            form = "json" if is_array else None
        if form == "json":
            items = decode_lines(read_items(stream, name, settings))
            yield from _filled((replace(item, place="item") for item in items), name, settings.line_bytes_max)
            return
        lines = decode_lines(read_lines(stream, name, settings))
        if form is None:
            form, lines = _sniffed(lines)
        if form == "jsonl":
            yield from _filled(lines, name, settings.line_bytes_max)
        else:
            delimiter = "\t" if form == "tsv" else ""
            yield from read_rows(lines, name=name, settings=settings, delimiter=delimiter)


def _filled(lines: Iterator[Line], name: str, bytes_max: int) -> Iterator[Line | Unusable]:
    """Lines of JSONL, or items of an array; blank ones are no records."""
    for line in lines:
        if line.cut:
            reason = (
                f"{name}, {line.place} {line.number}: the {line.place} is longer than {bytes_max:,} bytes. "
                "Shorten it, or raise the setting line_bytes_max."
            )
            yield Unusable(f"{line.place}-{line.number}", line.number, line.raw, reason)
        elif line.text.strip(" \t\r\n"):
            yield line


def _sniffed(lines: Iterator[Line]) -> tuple[Form, Iterator[Line]]:
    """The form that the first line with text shows, and all lines again."""
    blank: list[Line] = []
    for line in lines:
        text = line.text.strip()
        if text or line.cut:
            is_json = line.cut or (text.startswith(_JSON_BEGINS) and not _QUOTED_HEADER.match(text))
            return "jsonl" if is_json else "csv", chain((line,), lines)
        blank.append(line)
    return "jsonl", iter(blank)


def _form_of(path: Path) -> tuple[Form, bool]:
    endings = [ending.lower() for ending in path.suffixes]
    compressed = bool(endings) and endings[-1] == COMPRESSED
    last = "".join(endings[-2:-1] if compressed else endings[-1:])
    if last not in ENDINGS:
        if not path.exists():
            raise _missing(path)
        known = ", ".join((*ENDINGS, PARQUET, *WORKBOOKS))
        raise WrongUse(
            f"{path} ends with {last or 'nothing'!r}. An input file ends with one of {known}, lines and rows "
            f"also with {COMPRESSED}, or is a document or image ({', '.join((*MEDIA_TYPES, *PICTURES))}); a folder gives its documents, a "
            f"database's URL with --query its rows; `-` reads standard input.{_HINTS.get(last, '')}"
        )
    return ENDINGS[last], compressed


def _missing(path: Path) -> WrongUse:
    looked = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
    return WrongUse(f"{path} does not exist{looked}. Check the name.")


def _unreadable(path: Path, error: OSError | ValueError) -> WrongUse:
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return WrongUse(f"{shown(str(path))} cannot be read: {said}. Check its name and its permissions.")


def _refuse_unreadable(path: Path, bytes_max: int, setting: str) -> None:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise WrongUse(f"{path} is not a regular file. Give it on standard input: `-` as the input.")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if size == 0:
        raise WrongUse(f"{path} is empty. Give at least one record.")
    if size > bytes_max:
        raise WrongUse(
            f"{path} has {size:,} bytes and at most {bytes_max:,} are read (setting {setting}). "
            "Split it, or raise the setting."
        )
