"""Parquet files, row group by row group (extra `parquet`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.cells import Cells, Nanoseconds, cells_of
from roadworthy.accept.reason import WrongRecord, shown
from roadworthy.accept.record import Unusable

if TYPE_CHECKING:
    from types import ModuleType

MISSING: Final = "Parquet needs the extra `parquet`: pip install 'roadworthy[parquet]'."

_BATCH_BYTES: Final = 8_000_000
_BATCH_ROWS: Final = 1_024
_STREAM_BYTES: Final = 1_048_576


def read_parquet(path: Path, settings: Settings) -> Iterator[Cells | Unusable]:
    """The rows of a Parquet file, in order.

    Pages are read as a stream and decoded a batch of rows at a time; a batch has so many rows as fit 8 MB by the file's
    own account of its size, at most 1,024.

    Raises:
        WrongUse: the extra is missing, no Parquet, damaged, more than `file_bytes_max` bytes once decompressed, or a
            column's name given twice.
    """
    parquet = _library()
    number = 0
    try:
        with parquet.ParquetFile(path, buffer_size=_STREAM_BYTES, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=_rows_a_batch(file, path, settings)):
                yield from units_of(batch, number, str(path), settings)
                number += batch.num_rows
    except (OSError, ValueError, EOFError) as error:  # pyarrow's errors are of these kinds
        raise WrongUse(
            f"{path} cannot be read as Parquet after row {number}: {_first_line(error)} "
            "The file is cut off or damaged: get a whole copy and run the same command again; "
            "what was answered is kept."
        ) from error


def check_parquet(path: Path, settings: Settings) -> None:
    """Find before anything is paid what keeps a file from being read at all.

    Raises:
        WrongUse: as `read_parquet`.
    """
    parquet = _library()
    try:
        with parquet.ParquetFile(path) as file:
            _rows_a_batch(file, path, settings)
    except (OSError, ValueError, EOFError) as error:
        raise WrongUse(
            f"{path} is no Parquet file, or a damaged one: {_first_line(error)} Write it again."
        ) from error


def _library() -> ModuleType:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra, and 100 ms
    except ImportError as error:
        raise WrongUse(MISSING) from error
    module: ModuleType = parquet
    return module


def _rows_a_batch(file: Any, path: Path, settings: Settings) -> int:
    for name, given in Counter(file.schema_arrow.names).items():
        if given > 1:
            raise WrongUse(f"{path} names the column {shown(name)} twice. Rename one of them.")
    meta = file.metadata
    if meta.num_rows == 0:
        raise WrongUse(f"{path} has no rows. Give at least one record.")
    size = sum(meta.row_group(place).total_byte_size for place in range(meta.num_row_groups))
    if size > settings.file_bytes_max:
        raise WrongUse(
            f"{path} has {size:,} bytes once decompressed and at most {settings.file_bytes_max:,} are read "
            "(setting file_bytes_max). Split it, or raise the setting."
        )
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES * int(meta.num_rows) // max(1, int(size))))


def units_of(batch: Any, before: int, name: str, settings: Settings) -> Iterator[Cells | Unusable]:
    """The rows of an Arrow record batch or table.

    Args:
        before: how many rows came before it.
        name: what messages call where it is from.
    """
    for number, row in enumerate(_rows(batch), before + 1):
        yield _unit(number, row, name, settings)


def _rows(batch: Any) -> Iterator[dict[str, object] | Exception]:
    """The rows of a batch; one that Python cannot hold (a map with a key twice, a date out of range) as its error."""
    columns = [
        (name, column, "[ns" in str(column.type))
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    for place in range(batch.num_rows):
        try:
            yield {
                name: _value(column[place]) if finer else column[place].as_py(maps_as_pydicts="strict")
                for name, column, finer in columns
            }
        except (ValueError, OverflowError, KeyError) as error:
            yield error


def _value(cell: Any) -> object:
    """A cell as Python's value; nanoseconds, which Python's times and intervals have none of, as text."""
    kind = str(cell.type)
    if "[ns" not in kind or not cell.is_valid:
        return cell.as_py(maps_as_pydicts="strict")
    if kind.startswith("struct"):
        return {name: _value(item) for name, item in cell.items()}
    if "list" in kind.partition("<")[0]:
        return [_value(item) for item in cell.values]
    if kind.startswith(("time64", "timestamp", "duration")) and (finer := cell.value % 1_000):
        return Nanoseconds(_fine(cell, kind, finer))
    return cell.as_py(maps_as_pydicts="strict")


def _fine(cell: Any, kind: str, finer: int) -> str:
    """A time with nine digits of a second, ISO 8601; pyarrow gives it by pandas, or cut, or not at all."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    if kind.startswith("duration"):
        seconds, rest = divmod(abs(cell.value), 10**9)
        minutes, hours = seconds // 60, seconds // 3_600
        sign = "-" if cell.value < 0 else ""
        return f"{sign}P{hours // 24}DT{hours % 24}H{minutes % 60}M{seconds % 60}.{rest:09}S"
    unit = pa.time64("us") if kind.startswith("time64") else pa.timestamp("us", tz=cell.type.tz)
    coarse = pa.scalar(cell.value // 1_000, unit).as_py()
    bare = coarse.replace(tzinfo=None).isoformat(timespec="microseconds")
    zone = coarse.isoformat(timespec="microseconds").removeprefix(bare)
    return f"{bare}{finer:03}{zone}"


def _unit(number: int, row: dict[str, object] | Exception, name: str, settings: Settings) -> Cells | Unusable:
    try:
        cells = _unreadable(row) if isinstance(row, Exception) else row
        return cells_of(number, cells, settings.line_bytes_max, settings.json_depth_max)
    except WrongRecord as wrong:
        return Unusable(f"row-{number}", number, b"", f"{name}, row {number}: {wrong}")


def _unreadable(error: Exception) -> NoReturn:
    raise WrongRecord(f"a value cannot be read: {_first_line(error)}", "Correct it in the file.") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") + "."
