"""Rows of typed tables: what has no JSON form is written as one, and that is noted."""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Final, TypeVar

from pydantic_core import to_jsonable_python

from roadworthy._quick import quick
from roadworthy.accept.reason import WrongRecord, path_of, shown
from roadworthy.accept.record import Cleaning, Json

_Text = TypeVar("_Text", str, bytes)
_TIMES: Final = (dt.datetime, dt.date, dt.time, dt.timedelta)


@quick(frozen=True, slots=True)
class Nanoseconds:
    """A time or an interval that is finer than Python's own, as it is written."""

    text: str


@quick(frozen=True, slots=True)
class Cells:
    """One row of a Parquet file, of a workbook or of a query.

    Attributes:
        number: its place, 1-based.
        cells: by column name, as JSON.
        cleanings: what was written as another type; kind `type`, before and after name the types.
        size: about how many bytes it takes.
    """

    place: ClassVar = "row"

    number: int
    cells: dict[str, Json]
    cleanings: tuple[Cleaning, ...]
    size: int


def cells_of(number: int, row: Mapping[str, object], bytes_max: int, depth_max: int) -> Cells:
    """A row as JSON.

    A whole decimal is a number; any other is text with every digit. Dates, times and spans are text (ISO 8601). Bytes
    are text in base64. NaN and infinity are null. A map is an object. What else there is, is text.

    Raises:
        WrongRecord: more than `bytes_max` bytes, or nested deeper than `depth_max`.
    """
    writer = _Writer(bytes_max, depth_max)
    cells = {name: writer.written(value, (name,)) for name, value in row.items()}
    return Cells(number, cells, tuple(dict.fromkeys(writer.cleanings)), writer.size)


class _Writer:
    def __init__(self, bytes_max: int, depth_max: int) -> None:
        self._bytes_max = bytes_max
        self._depth_max = depth_max
        self.size = 0
        self.cleanings: list[Cleaning] = []

    def written(self, value: object, path: tuple[object, ...]) -> Json:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._counted(str(value))
        if isinstance(value, int):
            self.size += 8
            return int(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else self._noted(None, path, shown(value), "null")
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._nested(value, path)
        return self._odd(value, path)

    def _nested(self, value: object, path: tuple[object, ...]) -> Json:
        if len(path) > self._depth_max:
            raise WrongRecord(
                f"the row is nested deeper than {self._depth_max} levels",
                "Flatten it, or raise the setting json_depth_max.",
            )
        if isinstance(value, Mapping):
            inner: dict[str, Json] = {}
            for name, item in value.items():
                text = name if isinstance(name, str) else str(self.written(name, path))
                if text in inner:
                    raise WrongRecord(
                        f"two names in `{path_of(path)}` are written {shown(text)}", "Rename one of them."
                    )
                inner[self._counted(text)] = self.written(item, (*path, text))
            return inner
        assert isinstance(value, list | tuple | set | frozenset)
        return [self.written(item, path) for item in value]

    def _odd(self, value: object, path: tuple[object, ...]) -> Json:
        if isinstance(value, Decimal):
            return self._decimal(value, path)
        if isinstance(value, _TIMES):
            return self._noted(_time(value), path, type(value).__name__, "text")
        if isinstance(value, Nanoseconds):
            return self._noted(value.text, path, "nanoseconds", "text")
        if isinstance(value, bytes | bytearray | memoryview):
            self._counted(value := bytes(value))
            return self._noted(base64.b64encode(value).decode(), path, "bytes", "base64")
        return self._noted(self._counted(str(value)), path, type(value).__name__, "text")

    def _decimal(self, value: Decimal, path: tuple[object, ...]) -> Json:
        if not value.is_finite():
            return self._noted(None, path, str(value), "null")
        if value.as_tuple().exponent == 0:
            return int(value)
        return self._noted(f"{value:f}", path, "decimal", "text")

    def _noted(self, plain: Json, path: tuple[object, ...], before: str, after: str) -> Json:
        self.size += 16
        self.cleanings.append(Cleaning("type", path_of(path), before, after))
        return plain

    def _counted(self, text: _Text) -> _Text:
        self.size += len(text)
        if self.size > self._bytes_max:
            raise WrongRecord(
                f"the row has more than {self._bytes_max:,} bytes",
                "Leave a column out, or raise the setting line_bytes_max.",
            )
        return text


def _time(value: object) -> str:
    """ISO 8601. What pandas makes of a column in nanoseconds is a time of the library's own, with more digits than it writes."""
    finer = getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0)
    written: object = (
        value.isoformat() if finer and hasattr(value, "isoformat") else to_jsonable_python(value)
    )
    return str(written)
