"""The output: every record of a job in input order, rewritten whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO

import orjson

from roadworthy._errors import Passing, WrongUse
from roadworthy._failpoints import failpoint
from roadworthy.accept.folder import is_hidden
from roadworthy.accept.source import PARQUET
from roadworthy.call.price import usd
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Line
from roadworthy.keep.records import page_lines
from roadworthy.run.columns import check_columns, write_columns

COLUMNS = ("key", "outcome", "value", "confidence", "certified", "model", "attempts", "cost_usd", "reason")
ENDINGS = (".jsonl", ".csv")
_PAGE = 1_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_output(path: Path, endings: tuple[str, ...] = (*ENDINGS, PARQUET)) -> None:
    """Find a wrong output path before anything is paid.

    Raises:
        WrongUse: the folder is missing or cannot be written in, the ending is not one that can be written, or its
            extra is missing.
    """
    if path.suffix not in endings:
        raise WrongUse(f"The output {str(path)!r} ends in {path.suffix!r}. Use one of {', '.join(endings)}.")
    if path.suffix == PARQUET:
        check_columns()
    if not path.resolve().parent.is_dir():
        raise WrongUse(f"The output {str(path)!r} is in a folder that does not exist. Make the folder first.")
    if path.is_dir():
        raise WrongUse(f"The output {str(path)!r} cannot be written: it is a folder. Name a file.")
    part = _part_of(path)
    try:
        part.touch()  # permissions alone do not tell: the disk may be read-only, the name too long
        part.unlink()
    except OSError as error:
        raise WrongUse(
            f"The output {str(path)!r} cannot be written: {error.strerror}. "
            "Name a file in a folder that you may write in."
        ) from error


def check_apart(path: Path, place: str) -> None:
    """Find an output that would take the place of its own input, before anything is paid.

    Args:
        place: the input as the command names it: a file, a folder, a database's URL, or `-`.

    Raises:
        WrongUse: they are one file, by whatever names, or the output lies where a folder's documents are read.
    """
    if is_same_file(path, 0 if place == "-" else place):
        raise WrongUse(
            f"The output {str(path)!r} is the input itself, which it would overwrite. Name another file with -o."
        )
    folder, inside = Path(place).resolve(), path.resolve()
    if folder.is_dir() and inside.is_relative_to(folder):
        below = inside.relative_to(folder)
        if not any(is_hidden(name) for name in below.parts):
            raise WrongUse(
                f"The output {str(path)!r} lies in the folder that is the input, {place!r}, and would be read as one of "
                "its documents. Name a file elsewhere with -o."
            )


def is_same_file(path: Path, other: str | int) -> bool:
    """Whether both are one file on the disk, by whatever names or links; an open file is named by its number."""
    try:
        return os.path.samestat(path.stat(), os.stat(other))  # noqa: PTH116 - a path or an open file
    except (OSError, ValueError):  # one of them is not there; ValueError: a NUL in the name
        return False


def write_output(store: Ledger, job_id: int, path: Path) -> int:
    """Write every record of the job to `path`, atomically. Returns the number of rows.

    The file is written beside its place and moved over it, so a reader sees the old rows or the new ones.

    Raises:
        Passing: the disk is full, or the place cannot be written.
    """
    with written_whole(path) as file:
        if path.suffix == PARQUET:
            return write_columns(file, map(cells, rows(store, job_id)))
        return _write(file, rows(store, job_id), path.suffix)


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write beside `path`, moved over it at the end; an error leaves `path` as it was."""
    part = _part_of(path)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        failpoint("output_written")
        part.replace(path)
        failpoint("output_replaced")
    except OSError as error:
        raise Passing(
            f"The output {str(path)!r} cannot be written: {error}. Every answer is kept in the ledger; "
            "see to the disk and run the same command again."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _part_of(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".{path.name}.part-{os.getpid()}")


def rows(store: Ledger, job_id: int) -> Iterator[Line]:
    """Every line of a job in input order, page by page."""
    after = 0
    while page := store.read(lambda tx: page_lines(tx, job_id, after, _PAGE)):  # noqa: B023 - read at once
        yield from page
        after = page[-1].number


def _write(file: IO[bytes], lines: Iterator[Line], ending: str) -> int:
    count = 0
    if ending == ".csv":
        file.write(csv_row(COLUMNS))
    made = _csv_line if ending == ".csv" else json_row
    for count, line in enumerate(lines, start=1):  # noqa: B007 - how many there were
        file.write(made(line))
    return count


def _csv_line(line: Line) -> bytes:
    return csv_row([_cell(name, value) for name, value in cells(line).items()])


def cells(line: Line) -> dict[str, object]:
    """One output row; `value` is JSON text or None, money is text with every digit."""
    return {
        "key": line.key,
        "outcome": line.outcome,
        "value": line.value,
        "confidence": line.confidence,
        "certified": line.certified,
        "model": line.model or None,
        "attempts": line.attempts,
        "cost_usd": _cost(line.cost_pico),
        "reason": reason(line),
    }


@lru_cache(maxsize=1_000)
def _cost(cost_pico: int) -> str:
    """US dollars with every digit; many records cost the same."""
    return f"{usd(cost_pico):f}"


def reason(line: Line) -> str | None:
    """Why a row is not an accepted first: what it waits for, what is wrong, or which line it repeats."""
    if line.kind != "duplicate" and not line.waiting_for:
        return line.reason or None
    parts = []
    if line.kind == "duplicate":
        parts.append("duplicate of an earlier line")
    if line.waiting_for:
        parts.append(f"waiting for {line.waiting_for}")
    if line.reason:
        parts.append(line.reason)
    return ": ".join(parts) or None


def json_row(line: Line) -> bytes:
    """One row of JSONL, with its line end."""
    row = cells(line)
    row["value"] = None if line.value is None else orjson.Fragment(line.value)
    return orjson.dumps(row) + b"\n"


def _cell(name: str, value: object) -> str:
    if name in {"key", "value", "reason"}:
        return plain_text(value)
    return "" if value is None else str(value)


def plain_text(value: object) -> str:
    """A CSV cell; text that a spreadsheet would run as a formula is made text by a leading quote mark."""
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def csv_row(values: Iterable[str]) -> bytes:
    """One row of CSV."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue().encode()
