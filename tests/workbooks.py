"""Workbooks as people keep them, written by XlsxWriter."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

Sheets = Mapping[str, Sequence[Sequence[object]]]


def book(path: Path, sheets: Sheets, also: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """A workbook whose dates are shown as dates; `also` is given its sheets by name."""
    with xlsxwriter.Workbook(str(path)) as whole:
        formats: dict[type, Any] = {
            dt.datetime: whole.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            dt.date: whole.add_format({"num_format": "yyyy-mm-dd"}),
        }
        made: dict[str, Any] = {}
        for name, rows in sheets.items():
            made[name] = whole.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if value is not None:
                        made[name].write(number, column, value, formats.get(type(value)))
        if also is not None:
            also(made)
    return path
