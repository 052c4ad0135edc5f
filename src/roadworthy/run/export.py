"""The command `export`: rows of the ledger as a file, page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy.call.price import usd
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.pieces import whole_body
from roadworthy.keep.transaction import Row, Value, as_float, as_int, as_text
from roadworthy.observe.visible import json_line
from roadworthy.run.load import Loaded, load
from roadworthy.run.output import (
    ENDINGS,
    check_apart,
    check_output,
    csv_row,
    is_same_file,
    plain_text,
    written_whole,
)
from roadworthy.run.reading import jobs_named, reading

_PAGE = 1_000
_BODY = 9


@quick(frozen=True, slots=True)
class Table:
    """What one kind of export reads.

    Attributes:
        query: pages by `after`, the first column.
        columns: names in the order of the query. An ending says what a cell is: `_json` JSON text, `_pico` money, `_at`
            a time; the name in the file is without it, money is `_usd`.
        pieces: one more column says in how many pieces the text of `body_json` lies elsewhere.
    """

    query: str
    columns: tuple[str, ...]
    pieces: bool = False


TABLES = {
    "records": Table(
        "export_records",
        (
            *(
                "id",
                "entry",
                "job",
                "key",
                "version",
                "line",
                "outcome",
                "waiting_for",
                "reason",
                "body_json",
                "cleanings_json",
            ),
            *("value_json", "confidence", "certified_bool", "model", "mended", "attempts", "cost_pico"),
            "updated_at",
        ),
        pieces=True,
    ),
    "attempts": Table(
        "export_attempts",
        (
            *(
                "id",
                "run",
                "job",
                "key",
                "version",
                "step",
                "model",
                "served_model",
                "sample",
                "state",
                "ending",
            ),
            *(
                "reserved_pico",
                "cost_pico",
                "input_tokens",
                "output_tokens",
                "cached_tokens",
                "reasoning_tokens",
            ),
            *("opened_at", "latency_s", "provider_id", "detail", "finish", "reply"),
        ),
    ),
    "reviews": Table(
        "export_reviews",
        (
            *("id", "job", "key", "version", "step", "kind", "grounds", "suggestion_json", "confidence"),
            *("opened_at", "ruling", "correction_json", "note", "ruled_by", "ruled_at"),
        ),
    ),
    "labels": Table(
        "export_labels", ("id", "entry", "key", "label_json", "correct_bool", "source", "labelled_at")
    ),
    "runs": Table(
        "export_runs",
        (
            *("id", "entry", "job", "started_at", "ended_at", "status", "summary_json", "cancelled_at"),
            "cancelled_by",
        ),
    ),
}


@click.command()
@click.argument("app")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The file (.jsonl, .csv)."
)
@click.option("--what", type=click.Choice(list(TABLES)), default="records", help="Which rows; records.")
@click.option("--job", help="Only this job's rows; default: every job of the app.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def export(app: str, output: Path, *, what: str, job: str | None, as_json: bool) -> None:
    """Write rows of the ledger to a file: records with their fates, attempts, reviews, labels or runs; of APP:ENTRY its own."""
    check_output(output, ENDINGS)
    loaded = load(app)
    if job is not None and what == "labels":
        raise WrongUse("Labels belong to keys, not to jobs. Leave --job out.")
    if what == "labels" and loaded.name is not None:
        loaded.entry()
    with reading(loaded.app) as store:
        _refuse_inputs(store, loaded.app.name, output)
        job_ids = [0] if what == "labels" else _job_ids(store, loaded, job)
        count = 0
        with written_whole(output) as file:
            if output.suffix == ".csv":
                file.write(csv_row(map(_name, TABLES[what].columns)))
            for job_id in job_ids:
                for row in exported(store, TABLES[what], loaded.app.name, job_id):
                    if what == "labels" and loaded.name not in {None, row[1]}:
                        continue
                    count += 1
                    file.write(
                        _csv(TABLES[what], row) if output.suffix == ".csv" else _json(TABLES[what], row)
                    )
    if as_json:
        click.echo(json_line({"what": what, "rows": count, "output": str(output)}))
    else:
        click.echo(f"{count} {what}: {output}")


def _refuse_inputs(store: Ledger, app: str, output: Path) -> None:
    """A job is called by what it reads: a file is not written over, and a folder gets no document of ours."""
    for row in store.read(lambda tx: tx.rows("jobs", app=app)):
        if is_same_file(output, as_text(row[2])):
            raise WrongUse(
                f"The output {str(output)!r} is the input of the job {row[2]!r}, which it would overwrite. "
                "Name another file with -o, or move that one away first."
            )
        check_apart(output, as_text(row[2]))


def _job_ids(store: Ledger, loaded: Loaded, job: str | None) -> list[int]:
    """The jobs of this name and entry; 0 stands for all jobs."""
    if job is None and loaded.name is None:
        return [0]
    return [as_int(row[0]) for row in jobs_named(store, loaded.app.name, job, loaded.name)]


def exported(store: Ledger, table: Table, app: str, job_id: int) -> Iterator[Row]:
    """The rows of a table in the order of the query, page by page."""
    after = 0
    while page := store.read(
        lambda tx: tx.rows(table.query, app=app, job_id=job_id, after=after, count=_PAGE)  # noqa: B023 - read at once
    ):
        for row in page:
            yield _whole(store, table, app, row) if table.pieces else row
        after = as_int(page[-1][0])


def _whole(store: Ledger, table: Table, app: str, row: Row) -> Row:
    """A record's row with the text that is kept in pieces in its body; how many those are is told to nobody.

    Looks see different moments. A text that is erased after its row was read is missed where the row is read once more.
    """
    number, pieces = as_int(row[0]), row[-1]
    if not pieces:
        return row[:-1]
    whole = store.read(lambda tx: whole_body(tx, number, as_text(row[_BODY])))
    (now,) = store.read(lambda tx: tx.rows(table.query, app=app, job_id=0, after=number - 1, count=1))
    if now[-1] != pieces:
        return _whole(store, table, app, now)
    return (*now[:_BODY], whole, *now[_BODY + 1 : -1])


def _name(column: str) -> str:
    if column.endswith("_pico"):
        return column.removesuffix("_pico") + "_usd"
    return column.removesuffix("_json").removesuffix("_bool")


def _json(table: Table, row: Row) -> bytes:
    return orjson.dumps({_name(c): _shown(c, v) for c, v in zip(table.columns, row, strict=True)}) + b"\n"


def _csv(table: Table, row: Row) -> bytes:
    return csv_row(
        plain_text(cell)
        if column.endswith("_json") or isinstance(cell, str)
        else _number(_shown(column, cell))
        for column, cell in zip(table.columns, row, strict=True)
    )


def _number(shown: object) -> str:
    return "" if shown is None else str(shown)


def _shown(column: str, cell: Value) -> object:
    """A cell for JSON: money as text with every digit, times in UTC, JSON as it is."""
    if cell is None:
        return None
    if column.endswith("_json"):
        return orjson.Fragment(as_text(cell))
    if column.endswith("_bool"):
        return bool(cell)
    if column.endswith("_pico"):
        return f"{usd(as_int(cell)):f}"
    if column.endswith("_at"):
        return dt.datetime.fromtimestamp(as_float(cell), dt.UTC).isoformat(timespec="milliseconds")
    return cell
