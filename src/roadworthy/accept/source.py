"""Where records come from: a file by its ending, or a stream."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias, cast

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.decode import Line, decode_lines
from roadworthy.accept.line import read_lines
from roadworthy.accept.record import Unusable
from roadworthy.accept.table import Row, read_rows

Form: TypeAlias = Literal["jsonl", "csv", "tsv"]

ENDINGS: Final[dict[str, Form]] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv"}
COMPRESSED: Final = ".gz"
STANDARD_INPUT: Final = "standard input"

_JSON_BEGINS: Final = ("{", "[", '"')


class Source:
    """An input that yields its raw units in order: a `Line` of JSONL, a `Row` of a table, or an `Unusable`.

    Made by `from_path` or `from_stream`. Memory is bounded by the line limit, not by the size of the input. A source
    of a file can be read again from the start; a stream once.

    Attributes:
        name: what messages call it.
    """

    def __init__(
        self,
        name: str,
        opened: Callable[[], AbstractContextManager[BinaryIO]],
        form: Form | None,
        settings: Settings,
    ) -> None:
        self.name = name
        self._opened = opened
        self._form = form
        self._settings = settings

    @classmethod
    def from_path(cls, path: str | Path, settings: Settings) -> Source:
        """A file named `.jsonl`, `.ndjson`, `.csv` or `.tsv`, or one of these with `.gz` behind it.

        Raises:
            WrongUse: it is missing, a folder, not readable, empty, larger than `file_bytes_max`, or its ending says
                nothing. Every one of these is told before anything is read.
        """
        path = Path(path)
        form, compressed = _form_of(path)
        _refuse_unreadable(path, settings.file_bytes_max)

        def opened() -> AbstractContextManager[BinaryIO]:
            return cast("BinaryIO", gzip.open(path, "rb")) if compressed else path.open("rb")

        return cls(str(path), opened, form, settings)

    @classmethod
    def from_stream(
        cls, stream: BinaryIO, settings: Settings, *, form: Form | None = None, name: str = STANDARD_INPUT
    ) -> Source:
        """A binary stream such as `sys.stdin.buffer`; it is left open.

        Args:
            stream: open for reading bytes.
            settings: the limits.
            form: as told, else `jsonl` where the first character that is no blank is one of `{ [ "`, else `csv`.
            name: what messages call it.
        """
        unread = [stream]

        def opened() -> AbstractContextManager[BinaryIO]:
            if not unread:
                raise WrongUse(
                    f"{name} was read once and cannot be read again. Save it to a file and name that."
                )
            return nullcontext(unread.pop())

        return cls(name, opened, form, settings)

    def __iter__(self) -> Iterator[Line | Row | Unusable]:
        """The units, from the first.

        Raises:
            WrongUse: empty, damaged or cut off, larger than `file_bytes_max` once decompressed, or a table without a
                usable header.
        """
        with self._opened() as stream:
            lines = decode_lines(read_lines(stream, self.name, self._settings))
            form = self._form
            if form is None:
                form, lines = _sniffed(lines)
            if form == "jsonl":
                yield from _filled(lines, self.name, self._settings.line_bytes_max)
            else:
                delimiter = "\t" if form == "tsv" else ""
                yield from read_rows(lines, name=self.name, settings=self._settings, delimiter=delimiter)


def _filled(lines: Iterator[Line], name: str, bytes_max: int) -> Iterator[Line | Unusable]:
    """Lines of JSONL; blank ones are no records."""
    for line in lines:
        if line.cut:
            reason = (
                f"{name}, line {line.number}: the line is longer than {bytes_max:,} bytes. "
                "Shorten it, or raise the setting line_bytes_max."
            )
            yield Unusable(f"line-{line.number}", line.number, line.raw, reason)
        elif line.text.strip(" \t\r\n"):
            yield line


def _sniffed(lines: Iterator[Line]) -> tuple[Form, Iterator[Line]]:
    """The form that the first line with text shows, and all lines again."""
    blank: list[Line] = []
    for line in lines:
        if text := line.text.strip() or line.cut:
            is_json = line.cut or str(text).startswith(_JSON_BEGINS)
            return "jsonl" if is_json else "csv", chain((line,), lines)
        blank.append(line)
    return "jsonl", iter(blank)


def _form_of(path: Path) -> tuple[Form, bool]:
    endings = [ending.lower() for ending in path.suffixes]
    compressed = bool(endings) and endings[-1] == COMPRESSED
    last = "".join(endings[-2:-1] if compressed else endings[-1:])
    if last not in ENDINGS:
        known = ", ".join(ENDINGS)
        hint = f" `jq -c '.[]' {path.name}` writes a JSON array as JSONL." if last == ".json" else ""
        raise WrongUse(
            f"{path} ends with {last or 'nothing'!r}. An input file ends with one of {known}, "
            f"each also with {COMPRESSED}; `-` reads standard input.{hint}"
        )
    return ENDINGS[last], compressed


def _refuse_unreadable(path: Path, bytes_max: int) -> None:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise WrongUse(f"{path} is a folder. Name a file in it.")
        if not path.is_file():
            raise WrongUse(f"{path} is not a regular file. Give it on standard input: `-` as the input.")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise WrongUse(f"{path} does not exist (looked in {Path.cwd()}). Check the name.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise WrongUse(
            f"{str(path)!r} cannot be read: {error}. Check its name and its permissions."
        ) from error
    if size == 0:
        raise WrongUse(f"{path} is empty. Give at least one record.")
    if size > bytes_max:
        raise WrongUse(
            f"{path} has {size:,} bytes and at most {bytes_max:,} are read (setting file_bytes_max). "
            "Split it, or raise the setting."
        )
