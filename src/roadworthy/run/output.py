"""The output: every record of a job in input order, rewritten whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson

from roadworthy._errors import WrongUse
from roadworthy._failpoints import failpoint
from roadworthy.call.price import usd
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.records import Line, page_lines

COLUMNS = ("key", "outcome", "value", "confidence", "certified", "model", "attempts", "cost_usd", "reason")
ENDINGS = (".jsonl", ".csv")
_PAGE = 1_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_output(path: Path) -> None:
    """Find a wrong output path before anything is paid.

    Raises:
        WrongUse: the folder is missing or the ending is not one that can be written.
    """
    if path.suffix not in ENDINGS:
        raise WrongUse(f"The output {str(path)!r} ends in {path.suffix!r}. Use one of {', '.join(ENDINGS)}.")
    if not path.resolve().parent.is_dir():
        raise WrongUse(f"The output {str(path)!r} is in a folder that does not exist. Make the folder first.")


def write_output(store: Ledger, job_id: int, path: Path) -> int:
    """Write every record of the job to `path`, atomically. Returns the number of rows.

    The file is written beside its place and moved over it, so a reader sees the old rows or the new ones.
    """
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        with part.open("wb") as file:
            count = _write(file, rows(store, job_id), path.suffix)
            file.flush()
            os.fsync(file.fileno())
        failpoint("output_written")
        part.replace(path)
        failpoint("output_replaced")
    finally:
        part.unlink(missing_ok=True)
    return count


def rows(store: Ledger, job_id: int) -> Iterator[Line]:
    """Every line of a job in input order, page by page."""
    after = 0
    while page := store.read(lambda tx: page_lines(tx, job_id, after, _PAGE)):  # noqa: B023 - read at once
        yield from page
        after = page[-1].number


def _write(file: IO[bytes], lines: Iterator[Line], ending: str) -> int:
    count = 0
    if ending == ".csv":
        file.write(_csv_row(COLUMNS))
    for line in lines:
        count += 1
        if ending == ".csv":
            file.write(_csv_row([_cell(name, value) for name, value in cells(line).items()]))
        else:
            file.write(_json_row(line))
    return count


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
        "cost_usd": f"{usd(line.cost_pico):f}",
        "reason": reason(line),
    }


def reason(line: Line) -> str | None:
    """Why a row is not an accepted first: what it waits for, what is wrong, or which line it repeats."""
    parts = []
    if line.kind == "duplicate":
        parts.append("duplicate of an earlier line")
    if line.waiting_for:
        parts.append(f"waiting for {line.waiting_for}")
    if line.reason:
        parts.append(line.reason)
    return ": ".join(parts) or None


def _json_row(line: Line) -> bytes:
    row = cells(line)
    row["value"] = None if line.value is None else orjson.Fragment(line.value)
    return orjson.dumps(row) + b"\n"


def _cell(name: str, value: object) -> str:
    """A CSV cell; text that a spreadsheet would run as a formula is made text by a leading quote mark."""
    if value is None:
        return ""
    text = str(value)
    return "'" + text if name in {"key", "value", "reason"} and text.startswith(_FORMULA) else text


def _csv_row(values: object) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)  # type: ignore[arg-type] # a tuple or a list of text
    return buffer.getvalue().encode()
