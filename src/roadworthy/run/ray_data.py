"""Ray Data as a source of records and a sink of results (extra `ray`), both as streams.

    dataset = ray.data.read_parquet("s3://inbox/")
    summary, status = run_dataset("triage.py", dataset, job="inbox", workers=8)
    results("triage.py", job="inbox").write_parquet("s3://triaged/")

The dataset is read batch by batch by the driver, which takes it into the ledger; its rows keep their order, and reading
it again is the same job. Ray Data repeats a task that failed as it likes: reading costs nothing, and nothing is bought in
a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from roadworthy._errors import WrongUse
from roadworthy._events import Listener, silence
from roadworthy.accept.intake import read_records
from roadworthy.accept.parquet import units_of
from roadworthy.accept.source import Source, Unit
from roadworthy.call.price import pico
from roadworthy.keep.jobs import find_job
from roadworthy.keep.records import page_lines
from roadworthy.keep.transaction import as_int
from roadworthy.observe.summary import Summary
from roadworthy.run.columns import tables
from roadworthy.run.command import finish
from roadworthy.run.load import load
from roadworthy.run.on_ray import open_ray, whole_target
from roadworthy.run.options import Options
from roadworthy.run.output import cells
from roadworthy.run.placed import PlacedJob, Placing
from roadworthy.run.reading import reading

if TYPE_CHECKING:
    from ray.data import Dataset

_BATCH_ROWS = 1_024
_RANGE_LINES = 10_000
_PAGE = 1_000


def run_dataset(
    app: str,
    dataset: Dataset,
    *,
    job: str,
    workers: int = 2,
    budget_usd: str | None = None,
    concurrency: int | None = None,
    tell: Listener = silence,
) -> tuple[Summary, int]:
    """Run every row of a dataset through an app, on workers that Ray places. Blocks until it ends.

    Args:
        app: as the command line takes it: `file.py`, `file.py:name` or `module:name`.
        dataset: its rows are records; a column is a field.
        job: the job's name; the same name again goes on where it stopped.
        workers: how many.
        budget_usd: the job's cap.
        concurrency: records worked on by each worker at the same time.
        tell: hears what happens.

    Returns:
        What `run --json` prints, and its exit status.

    Raises:
        WrongUse: the app, the ledger or the dataset cannot be used.
    """
    loaded, placing = load(app), Placing(open_ray(app), workers)
    entry = loaded.entry()
    options = Options(
        job=job, budget_pico=None if budget_usd is None else pico(budget_usd), concurrency=concurrency
    )

    async def all_of_it() -> tuple[Summary, int]:
        runtime = loaded.app.start(tell=tell)
        try:
            source = Source(f"the dataset of {job}", lambda: _units(dataset, job, runtime.settings))
            items = read_records(source, schema=entry.record_schema, key=entry.key, settings=runtime.settings)
            return await finish(PlacedJob(runtime, entry, items, options, placing))
        finally:
            await runtime.close()

    return asyncio.run(all_of_it())


def results(app: str, *, job: str) -> Dataset:
    """Every row of a job in its columns of `run -o`, read from the ledger as it is wanted, page by page, by many tasks.

    Raises:
        WrongUse: there is no such job.
    """
    import ray.data  # noqa: PLC0415 - an extra, and 1.3 s

    loaded = load(app)
    entry = loaded.entry()
    with reading(loaded.app) as store:
        job_id = store.read(lambda tx: find_job(tx, loaded.app.name, entry.name, job))
        if job_id is None:
            raise WrongUse(f"The app {loaded.app.name!r} has no job {job!r} of {entry.name!r}.")
        row = store.read(lambda tx: tx.row("last_line", job_id=job_id))
    last = as_int(row[0]) if row and row[0] is not None else 0
    ranges = [{"after": after} for after in range(0, max(1, last), _RANGE_LINES)]
    read = partial(_read, app=whole_target(app), job_id=job_id)
    return ray.data.from_items(ranges, override_num_blocks=len(ranges)).map_batches(
        read, batch_size=1, batch_format="pyarrow", num_cpus=0.25
    )


def _units(dataset: Dataset, job: str, settings: Any) -> Iterator[Unit]:
    before = 0
    batch: Any  # an Arrow table, as asked for
    for batch in dataset.iter_batches(batch_size=_BATCH_ROWS, batch_format="pyarrow"):
        yield from units_of(batch, before, f"the dataset of {job}", settings)
        before += batch.num_rows


def _read(wanted: Any, app: str, job_id: int) -> Iterator[Any]:
    """In a task of Ray Data: one range of a job's lines, as tables."""
    (after,) = wanted["after"].to_pylist()

    def rows() -> Iterator[dict[str, object]]:
        with reading(load(app).app) as store:
            at, until = after, after + _RANGE_LINES
            while page := store.read(lambda tx: page_lines(tx, job_id, at, _PAGE)):  # noqa: B023 - read at once
                for line in page:
                    if line.number > until:
                        return
                    yield cells(line)
                at = page[-1].number

    yield from tables(rows())
