"""The commands `plan` and `run`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy.accept.database import is_url, shown_url
from roadworthy.accept.intake import read_records
from roadworthy.accept.reason import escaped
from roadworthy.accept.record import Record, Unusable
from roadworthy.accept.source import Source
from roadworthy.call.price import pico
from roadworthy.keep.forecasts import put_forecast
from roadworthy.observe.log import Log
from roadworthy.observe.progress import Progress
from roadworthy.observe.summary import Summary
from roadworthy.observe.visible import json_line
from roadworthy.run.batch.job import begin_job
from roadworthy.run.entry import Entry
from roadworthy.run.forecast import forecast
from roadworthy.run.hearing import hearer, log_option
from roadworthy.run.job import INTERRUPTED, Job
from roadworthy.run.load import load
from roadworthy.run.loop import first_error, run_to_end, spare_collector
from roadworthy.run.options import Options
from roadworthy.run.output import check_apart, check_output
from roadworthy.run.placed import PlacedJob, Placing, check_shared
from roadworthy.run.runtime import Runtime
from roadworthy.run.survey import Drawn, draw_sample

_WORKERS: Final = 2


@quick(frozen=True, slots=True)
class Target:
    """An app's entry and an input, both found."""

    entry: Entry[Any, Any]
    start: Callable[..., Runtime]
    items: Callable[[], Iterator[Record | Unusable]]
    drawn: Callable[[int], Drawn]
    job: str
    ledger: str


def find_target(
    app: str, place: str, job: str | None, limit: int | None = None, query: str | None = None
) -> Target:
    """The entry and the input that a command names.

    Raises:
        WrongUse: app or input cannot be used, or standard input came without `--job`.
    """
    loaded = load(app)
    entry = loaded.entry()
    if place == "-" and not job:
        raise WrongUse("Standard input has no name to find its job by. Give one: --job NAME.")
    settings = loaded.app.start_settings()

    def source() -> Source:
        return (
            Source.from_standard_input(settings)
            if place == "-"
            else Source.from_place(place, query or "", settings)
        )

    def items() -> Iterator[Record | Unusable]:
        found = read_records(source(), schema=entry.record_schema, key=entry.key, settings=settings)
        yield from islice(found, limit)

    def drawn(at_least: int) -> Drawn:
        return Drawn.of(source(), entry, settings, at_least=at_least)

    if place != "-":
        Source.from_place(place, query or "", settings)
    ledger = loaded.app.ledger_place()
    name = escaped(job or _job_of(place, query or ""))  # a path need not be UTF-8, what the ledger keeps is
    return Target(entry, loaded.app.start, items, drawn, name, ledger)


def _job_of(place: str, query: str) -> str:
    """The name of the job that an input is: where it is, without what is secret."""
    where = shown_url(place) if is_url(place) else str(Path(place).resolve())
    return f"{where} {query}" if query else where


@click.command()
@click.argument("app")
@click.argument("input_", metavar="INPUT")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write every record of the job here (.jsonl, .csv, .parquet).",
)
@click.option("--query", help="What to read: SQL for the URL of a database, a sheet's name for a workbook.")
@click.option(
    "--budget-usd", type=str, help="The job's cap in USD; what earlier runs of it spent still counts."
)
@click.option("--limit", type=click.IntRange(1), help="Take only the first N records.")
@click.option(
    "--concurrency", type=click.IntRange(1), help="Records worked on at the same time; 1,000 at most."
)
@click.option("--job", help="The job's name; needed for standard input.")
@click.option("--retry", type=click.Choice(["failed"]), help="Ask failed records anew.")
@click.option("--refresh", is_flag=True, help="Ask every answered record anew.")
@click.option("--patience", type=click.FloatRange(0), help="Seconds to wait for a provider that is down.")
@click.option(
    "--engine", type=click.Choice(["ray"]), help="Have workers placed by an engine, over a Postgres ledger."
)
@click.option(
    "--workers", type=click.IntRange(1), help=f"With --engine: how many; {_WORKERS} unless you say."
)
@click.option(
    "--batch", is_flag=True, help="Ask through the providers' batch APIs: half the price, within a day."
)
@click.option(
    "--no-wait", is_flag=True, help="With --batch: send, and leave; the same command later goes on."
)
@click.option(
    "--direct-after",
    type=click.IntRange(1),
    help="With --batch: what N batches did not bring is asked directly, at the full price.",
)
@click.option("--yes", is_flag=True, help="Go on when an edit asks many answered records anew.")
@log_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run(
    app: str, input_: str, *, as_json: bool, retry: str | None, patience: float | None, **given: Any
) -> None:
    """Run INPUT through APP: capped, resumable, every record accounted for. The same command again goes on."""
    _refuse_idle(given)
    target = find_target(app, input_, given["job"], given["limit"], given["query"])
    output: Path | None = given["output"]
    if output is not None:
        check_output(output)
        check_apart(output, input_)
    options = Options(
        job=target.job,
        budget_pico=_dollars(given["budget_usd"]),
        limit=given["limit"],
        concurrency=given["concurrency"],
        retry_failed=retry == "failed",
        refresh=given["refresh"],
        yes=given["yes"],
        output=output,
        batch=given["batch"],
        direct_after=given["direct_after"] or 0,
        no_wait=given["no_wait"],
    )
    progress = hearer(given["log"], options.limit or 0, options.budget_pico)
    changes = {} if patience is None else {"patience_s": patience}
    placing = _placing(given["engine"], app, target.ledger, given["workers"] or _WORKERS)
    spare_collector()
    summary, status = run_to_end(_run(target, options, progress, changes, placing))
    if as_json:
        click.echo(json_line(summary.as_json()))
    else:
        click.echo(summary.text())
        if output is not None:
            click.echo(f"every record: {output}")
    sys.exit(status)


def _refuse_idle(given: Mapping[str, Any]) -> None:
    """What would change nothing, while whoever gave it believes that it does."""
    for name, needed in (("no_wait", "batch"), ("direct_after", "batch"), ("workers", "engine")):
        if given[name] and not given[needed]:
            option = "--" + name.replace("_", "-")
            raise WrongUse(f"{option} goes with --{needed}. Add that, or leave {option} away.")
    if given["batch"] and given["engine"]:
        raise WrongUse("--batch and --engine do not go together: a batch needs no workers. Leave one away.")


async def _run(
    target: Target,
    options: Options,
    progress: Progress | Log,
    changes: dict[str, float],
    placing: Placing | None,
) -> tuple[Summary, int]:
    """One run, from opening the ledger to closing it; an interrupt ends it in order."""
    runtime = target.start(tell=progress, **changes)
    try:
        if placing is None:
            return await finish(begin_job(runtime, target.entry, target.items(), options))
        return await finish(PlacedJob(runtime, target.entry, target.items(), options, placing))
    finally:
        progress.close()
        await runtime.close()


def _placing(engine: str | None, app: str, ledger: str, count: int) -> Placing | None:
    """Where the workers of a run go; None for this process alone."""
    if engine is None:
        return None
    check_shared(ledger)
    from roadworthy.run.on_ray import open_ray  # noqa: PLC0415 - an extra

    return Placing(open_ray(app), count)


async def finish(job: Job) -> tuple[Summary, int]:
    """Run a job to its end; an interrupt ends it in order, with what came by then."""
    working = asyncio.create_task(job.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    try:
        return await working
    except asyncio.CancelledError:
        return job.end(INTERRUPTED), INTERRUPTED
    except BaseExceptionGroup as group:
        raise first_error(group) from group


@click.command()
@click.argument("app")
@click.argument("input_", metavar="INPUT")
@click.option("--sample", type=click.IntRange(1), help="Pay for N records first; their answers are kept.")
@click.option("--budget-usd", type=str, help="The cap for the sample.")
@click.option("--query", help="What to read: SQL for the URL of a database, a sheet's name for a workbook.")
@click.option("--job", help="The job's name; needed for standard input.")
@click.option("--batch", is_flag=True, help="What it costs through the providers' batch APIs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(
    app: str,
    input_: str,
    *,
    sample: int | None,
    budget_usd: str | None,
    batch: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Say what INPUT will cost before it costs anything: low, likely, high.

    Answered already is what has an accepted answer that stands. Records that would fail, be rejected or wait without
    anybody being asked are counted apart, also in the JSON: would_fail, would_be_rejected, would_wait.
    """
    target = find_target(app, input_, given["job"], query=given["query"])
    found = run_to_end(_plan(target, sample, _dollars(budget_usd), batch=batch))
    click.echo(json_line(found.as_json()) if as_json else found.text())


async def _plan(
    target: Target,
    sample: int | None,
    budget_pico: int | None,
    *,
    batch: bool,
) -> Any:
    progress = Progress(sample or 0, budget_pico)
    runtime = target.start(tell=progress)
    try:
        drawn = target.drawn(sample or 0)
        if sample:
            options = Options(job=target.job, budget_pico=budget_pico, limit=sample)
            await Job(runtime, target.entry, iter(draw_sample(drawn.items(), sample)), options).run()
        if batch:
            runtime.use_batches()
        found = await forecast(runtime, target.entry, drawn, target.job, batch=batch)
        kept = found.kept(target.entry.name, target.job)
        await runtime.store.write(lambda tx: put_forecast(tx, runtime.plan.name, kept))
        return found
    finally:
        progress.close()
        await runtime.close()


def _dollars(text: str | None) -> int | None:
    return None if text is None else pico(text)
