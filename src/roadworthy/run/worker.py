"""The command `work`: a process that helps with the jobs of an app, on this machine or another."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from roadworthy.observe.log import Log
from roadworthy.observe.progress import Progress
from roadworthy.observe.summary import Summary
from roadworthy.observe.visible import json_line
from roadworthy.run.app import App
from roadworthy.run.hearing import hearer, log_option
from roadworthy.run.helper import Helper, Work
from roadworthy.run.load import load_app
from roadworthy.run.loop import first_error, run_to_end, spare_collector

_TOUCH_EVERY_S = 1.0


@click.command()
@click.argument("app")
@click.option("--job", help="The one job to work on; default: every job of the app.")
@click.option(
    "--concurrency", type=click.IntRange(1), help="Records worked on at the same time; 1,000 at most."
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Seconds to wait for more work when there is none.",
)
@click.option(
    "--alive",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that is touched each second while the worker is not stuck; for a liveness probe.",
)
@log_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def work(
    app: str,
    *,
    job: str | None,
    concurrency: int | None,
    wait_s: float,
    alive: Path | None,
    log: str,
    as_json: bool,
) -> None:
    """Work on records that runs of APP took in and nobody works on, beside other processes on the same ledger.

    SIGTERM drains: nothing more is claimed, what is on the wire has `work_drain_s` seconds to come back. SIGINT ends at once.
    """
    loaded = load_app(app)
    spare_collector()
    found, status = run_to_end(
        _help(loaded, Work(job=job, concurrency=concurrency, wait_s=wait_s), alive, hearer(log))
    )
    if as_json:
        click.echo(json_line({"jobs": [summary.as_json() for summary in found]}))
    else:
        for summary in found:
            click.echo(summary.text())
        if not found:
            click.echo(f"The app {loaded.name!r} has no job with work to do.")
    sys.exit(status)


async def _help(
    app: App, work: Work, alive: Path | None, progress: Progress | Log
) -> tuple[list[Summary], int]:
    helper = Helper(app, work, progress)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, helper.drain)
    loop.add_signal_handler(signal.SIGINT, helper.cut_off)
    touching = None if alive is None else asyncio.create_task(_touch(alive))
    try:
        return await helper.run()
    except BaseExceptionGroup as group:
        raise first_error(group) from group
    finally:
        if touching is not None:
            touching.cancel()
        progress.close()


async def _touch(alive: Path) -> None:
    while True:
        await asyncio.to_thread(alive.touch)
        await asyncio.sleep(_TOUCH_EVERY_S)
