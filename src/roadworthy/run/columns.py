"""Output as Parquet (extra `parquet`): the same columns as JSONL and CSV have, typed; money as decimal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain, islice
from typing import IO, Any, Final

from roadworthy._errors import WrongUse
from roadworthy.accept.parquet import MISSING

_GROUP_ROWS: Final = 10_000


def check_columns() -> None:
    """Find before anything is paid that the extra is missing.

    Raises:
        WrongUse: it is.
    """
    _library()


def write_columns(file: IO[bytes], rows: Iterable[Mapping[str, object]]) -> int:
    """Write output rows in groups of 10,000; returns how many. `value` is JSON as text: its shape is the app's."""
    _, parquet = _library()
    count = 0
    with parquet.ParquetWriter(file, _schema()) as writer:
        for table in tables(rows):
            count += table.num_rows
            writer.write_table(table)
    return count


def tables(rows: Iterable[Mapping[str, object]]) -> Iterator[Any]:
    """Output rows as Arrow tables of 10,000."""
    arrow, _ = _library()
    schema, left = _schema(), iter(rows)
    for first in left:
        group = [
            {**row, "cost_usd": Decimal(str(row["cost_usd"])), "certified": bool(row["certified"])}
            for row in chain((first,), islice(left, _GROUP_ROWS - 1))
        ]
        yield arrow.Table.from_pylist(group, schema=schema)


def _schema() -> Any:
    arrow, _ = _library()
    return arrow.schema(
        [
            ("key", arrow.string()),
            ("outcome", arrow.string()),
            ("value", arrow.string()),
            ("confidence", arrow.float64()),
            ("certified", arrow.bool_()),
            ("model", arrow.string()),
            ("attempts", arrow.int64()),
            ("cost_usd", arrow.decimal128(38, 12)),  # pico-dollars, exactly
            ("reason", arrow.string()),
        ]
    )


def _library() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and 100 ms
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise WrongUse(MISSING) from error
    return pa, parquet
