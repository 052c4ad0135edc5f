"""The process that reads one sheet of a workbook: a question on standard input, a line of JSON a row on standard output.

A workbook is parsed as a whole, and a hostile one says of itself that it is larger than any machine; so this process
has limits, and dies alone.
"""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from roadworthy._edge import told_to
from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy._whence import kind_and_place
from roadworthy.accept.cells import cells_of
from roadworthy.accept.confined import allow_cpu, confine
from roadworthy.accept.reason import WrongRecord, shown

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_Value: TypeAlias = bool | int | float | str | dt.date | dt.time | dt.datetime | dt.timedelta

_EXACT: Final = 2**53
"""Up to here a number of a workbook, which has none but floats, is exact as a whole number."""
_LETTERS: Final = 26


def say_rows(path: Path, name: str, settings: Settings, say: Callable[[object], None]) -> None:
    """Say every row of the sheet, and that it was the last.

    Raises:
        WrongUse: as `read_workbook`, without the workbook's name.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # noqa: PLC0415 - an extra

    allow_cpu(settings.document_cpu_s)
    try:
        sheet = _chosen(CalamineWorkbook.from_path(path), name)
    except PasswordError as error:
        raise WrongUse("is encrypted. Save it without a password.") from error
    except CalamineError as error:
        raise WrongUse(f"is no workbook, or a damaged one: {error}. Save it again as .xlsx.") from error
    allow_cpu(math.inf)  # from here on it waits for whoever takes the rows
    number = 0
    for number, row in _rows(sheet):
        try:
            if isinstance(row, WrongRecord):
                raise row
            cells = cells_of(number, row, settings.line_bytes_max, settings.json_depth_max)
        except WrongRecord as wrong:
            say({"row": number, "wrong": [wrong.what, wrong.remedy]})
            continue
        notes = [[one.kind, one.where, one.before, one.after] for one in cells.cleanings]
        say({"row": number, "cells": cells.cells, "cleanings": notes, "size": cells.size})
    if not number:
        raise WrongUse(
            f"has no rows below a header in its sheet {shown(sheet.name)}. Give at least one record."
        )
    say({"end": number})


def _chosen(book: CalamineWorkbook, name: str) -> CalamineSheet:
    """The sheet of that name; without one, the only one that is not hidden and has rows."""
    from python_calamine import SheetVisibleEnum  # noqa: PLC0415 - an extra

    if name:
        if name not in book.sheet_names:
            there = ", ".join(shown(one) for one in book.sheet_names)
            raise WrongUse(f"has no sheet {shown(name)}. Name one of these with --query: {there}.")
        return book.get_sheet_by_name(name)
    seen = [one.name for one in book.sheets_metadata if one.visible == SheetVisibleEnum.Visible]
    filled = [sheet for sheet in map(book.get_sheet_by_name, seen) if sheet.height]
    if not filled:
        raise WrongUse("has no rows. Give at least one record.")
    if len(filled) > 1:
        there = ", ".join(shown(one.name) for one in filled)
        raise WrongUse(
            f"has several sheets with rows: {there}. Name one with --query, which plan and run take, or hide the others."
        )
    return filled[0]


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, dict[str, object] | WrongRecord]]:
    """The rows below the header by the numbers that the workbook shows, each by the names in the header."""
    first = sheet.start[1] if sheet.start else 0
    names: dict[int, str] = {}
    for number, row in enumerate(sheet.iter_rows(), start=1):
        values = {place: _plain(value) for place, value in enumerate(row, first) if value != ""}
        if not values:
            continue
        if not names:
            names = _names(values, number)
            continue
        if stray := next((place for place in values if place not in names), None):
            yield number, _unnamed(stray, values[stray])
        else:
            yield number, {name: values.get(place) for place, name in names.items()}


def _names(values: dict[int, object], number: int) -> dict[int, str]:
    """The names in the header by their columns."""
    names: dict[int, str] = {}
    seen: set[str] = set()
    for place, value in values.items():
        name = str(value).strip()
        if name in seen:
            raise WrongUse(f"names {shown(name)} twice in its header, row {number}. Rename one of them.")
        if name:  # blanks name no column
            names[place] = name
            seen.add(name)
    return names


def _unnamed(place: int, value: object) -> WrongRecord:
    said = str(value) if isinstance(value, dt.date | dt.time | dt.timedelta) else shown(value)
    return WrongRecord(
        f"column {_letters(place)} holds {said} and has no name in the header",
        "Name it in the first row with values, or leave it out.",
    )


def _letters(place: int) -> str:
    """The letters over a column, 0-based: A, ... Z, AA."""
    text = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, _LETTERS)
        text = chr(ord("A") + letter) + text
    return text


def _plain(value: _Value) -> object:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


def main() -> None:
    """Answer the one question."""
    confine(int(sys.argv[1]))
    slips: list[BaseException] = []
    with told_to(slips.append, kinds=(BaseException,)):  # a parser in Rust raises what is no Exception
        asked = orjson.loads(sys.stdin.buffer.read())
        say_rows(Path(asked["path"]), asked["sheet"], Settings(**asked["settings"]), _say)
    if slips:
        _say({"use": _words(slips[0])})
    sys.stdout.buffer.flush()


def _words(slip: BaseException) -> str:
    if isinstance(slip, WrongUse):
        return str(slip)
    return f"cannot be read: {kind_and_place(slip)}: {slip}. Save it again as .xlsx, or the sheet as .csv."


def _say(found: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(found) + b"\n")


if __name__ == "__main__":
    main()
