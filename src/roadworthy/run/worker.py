"""The command `work`: a process that helps with the jobs of an app, on this machine or another."""

from __future__ import annotations

import sys
from typing import Any

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy.keep.transaction import Transaction, as_text
from roadworthy.observe.progress import Progress
from roadworthy.observe.summary import Summary
from roadworthy.run.app import App
from roadworthy.run.command import finish
from roadworthy.run.entry import Entry
from roadworthy.run.job import DONE, Job
from roadworthy.run.load import load
from roadworthy.run.loop import run_to_end
from roadworthy.run.options import Options
from roadworthy.run.runtime import Runtime
from roadworthy.run.vectors import embedding_step

_LOOK_EVERY_S = 0.5


@click.command()
@click.argument("app")
@click.option("--job", help="The one job to work on; default: every job of the app.")
@click.option("--concurrency", type=click.IntRange(1), help="Records worked on at the same time.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Seconds to wait for more work when there is none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def work(app: str, *, job: str | None, concurrency: int | None, wait_s: float, as_json: bool) -> None:
    """Work on records that runs of APP took in and nobody works on, beside other processes on the same ledger."""
    loaded = load(app)
    progress = Progress(0, None)
    found, status = run_to_end(_help(loaded.app, job, concurrency, wait_s, progress))
    if as_json:
        click.echo(orjson.dumps({"jobs": [summary.as_json() for summary in found]}).decode())
    else:
        for summary in found:
            click.echo(summary.text())
        if not found:
            click.echo(f"The app {loaded.app.name!r} has no job with work to do.")
    sys.exit(status)


async def _help(
    app: App, job: str | None, concurrency: int | None, wait_s: float, progress: Progress
) -> tuple[list[Summary], int]:
    runtime = app.start(tell=progress)
    found: dict[str, Summary] = {}
    status = DONE
    ends = runtime.clock.monotonic() + wait_s
    try:
        while not runtime.stopped:
            jobs = runtime.store.read(lambda tx: _unfinished_jobs(tx, app.name, job))
            for entry, name in jobs:
                helping = _job(app, runtime, entry, Options(job=name, concurrency=concurrency, joins=True))
                found[name], ended = await finish(helping)
                status = max(status, ended)
                ends = runtime.clock.monotonic() + wait_s
            if runtime.clock.monotonic() >= ends:
                break
            await runtime.wait_for_settlement(_LOOK_EVERY_S)
    finally:
        progress.close()
        await runtime.close()
    return list(found.values()), status


def _unfinished_jobs(tx: Transaction, app: str, job: str | None) -> list[tuple[str, str]]:
    """(entry, name) of each job with records that a worker may go on with."""
    rows = tx.rows("unfinished_jobs", app=app)
    return [(as_text(entry), as_text(name)) for entry, name in rows if job in {None, name}]


def _job(app: App, runtime: Runtime, entry: str, options: Options) -> Job:
    entries: dict[str, Entry[Any, Any]] = {
        known.name: known for known in [*app.plan.steps, *app.plan.workflows]
    }
    entries |= {
        hidden.name: hidden for step in app.plan.steps if (hidden := embedding_step(step)) is not None
    }
    if entry not in entries:
        raise WrongUse(
            f"The job {options.job!r} is of {entry!r}, which the app {app.name!r} has no more. Name another one: --job."
        )
    return Job(runtime, entries[entry], iter(()), options)
