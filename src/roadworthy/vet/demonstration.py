"""The command `demo`: the shipped support inbox, end to end, with nothing to sign up for."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import click

from roadworthy._errors import WrongUse
from roadworthy.accept.source import Source
from roadworthy.keep.forecasts import put_forecast
from roadworthy.keep.reviews import open_reviews
from roadworthy.observe.progress import Progress
from roadworthy.observe.report import Report
from roadworthy.observe.summary import Summary
from roadworthy.observe.visible import in_line
from roadworthy.run.forecast import forecast
from roadworthy.run.job import Job
from roadworthy.run.load import Loaded, load
from roadworthy.run.loop import run_to_end
from roadworthy.run.options import Options
from roadworthy.run.survey import Drawn
from roadworthy.vet.process import start_simulator

FILES = ("triage.py", "inbox.jsonl", "answers.jsonl", "policies")
PRICES = {"gpt-5-nano": "0.05,0.40", "gpt-5": "1.25,10"}
FAULTS = "mixed:0.05"
LATENCY_MS = 40.0


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("roadworthy-demo"),
    show_default=True,
    help="Where the example, its ledger and its results are put.",
)
def demo(folder: Path) -> None:
    """Run the shipped support inbox end to end; nothing to sign up for."""
    _lay_out(folder)
    click.echo(
        f"The example is in {folder}/: triage.py (the app), inbox.jsonl (the messages), policies/.\n"
        "The provider is simulated: a process on this machine that replays recorded answers, is slow, and fails\n"
        "some of the time. Nothing leaves this machine and nothing costs money; prices and accounts are real.\n"
    )
    with start_simulator(
        answers=str(folder / "answers.jsonl"),
        prices=PRICES,
        faults=FAULTS,
        latency_ms=LATENCY_MS,
        latency_spread=0.3,
        seed=1,
    ) as sim:
        status = run_to_end(_run(folder.resolve(), sim.url))
        bill = sim.bill().total
    click.echo(
        f"\nthe simulated provider counted {bill.requests} requests and billed {bill.cost_usd:f} USD.\n\n"
        f"Look further:\n"
        f"  cd {folder}\n"
        f"  roadworthy why triage.py T-1001      everything about one message\n"
        f"  roadworthy review triage.py          decide the doubtful ones\n"
        f"  roadworthy report triage.py          cost, quality, latency\n"
        f"The report as it stands: {folder / 'report.txt'}; every record: {folder / 'results.jsonl'}\n\n"
        f"For a real provider nothing in the app changes. This is the line:\n"
        f"  export OPENAI_API_KEY=...            then: roadworthy run triage.py inbox.jsonl"
    )
    sys.exit(status)


def _lay_out(folder: Path) -> None:
    """Put the example where it can be read and edited; what is there already is left alone.

    Raises:
        WrongUse: the folder cannot be written.
    """
    try:
        _copy_to(folder)
    except OSError as error:
        raise WrongUse(f"{folder} cannot be written: {error}. Name another folder with --dir.") from error


def _copy_to(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files("roadworthy.vet.demo")) as shipped:
        for name in FILES:
            if (folder / name).exists():
                continue
            if (shipped / name).is_dir():
                shutil.copytree(shipped / name, folder / name)
            else:
                shutil.copy(shipped / name, folder / name)


async def _run(folder: Path, url: str) -> int:
    environ = {**os.environ, "OPENAI_BASE_URL": url, "ROADWORTHY_LEDGER": str(folder / "triage.db")}
    loaded = load(str(folder / "triage.py"))
    settings = loaded.app.start_settings()
    entry = loaded.entry()
    inbox = folder / "inbox.jsonl"

    drawn = Drawn.of(Source.from_path(inbox, settings), entry, settings)
    options = Options(job=str(inbox), output=folder / "results.jsonl")
    runtime = partial(loaded.app.start, environ)()
    progress = Progress(drawn.sketch.total, loaded.app.plan.budget_pico)
    runtime.tell = progress
    try:
        click.echo("roadworthy plan triage.py inbox.jsonl")
        said = await forecast(runtime, entry, drawn, options.job)
        kept = said.kept(entry.name, options.job)
        await runtime.store.write(lambda tx: put_forecast(tx, loaded.app.name, kept))
        click.echo(said.text() + "\n")
        click.echo("roadworthy run triage.py inbox.jsonl")
        job = Job(runtime, entry, drawn.items(), options)
        summary, status = await job.run()
        progress.close()
        _show(summary, loaded)
        report = runtime.store.read(lambda tx: Report.of_job(tx, loaded.app.name, job.job_id))
        (folder / "report.txt").write_text(report.text() + "\n", encoding="utf-8")
        waiting = runtime.store.read(lambda tx: open_reviews(tx, loaded.app.name, 0, 3))
        click.echo("\nfirst in the review queue:")
        for waiter in waiting:
            click.echo(f"  {in_line(waiter.key)}: {in_line(waiter.grounds[:140])}")
    finally:
        await runtime.close()
    return status


def _show(summary: Summary, loaded: Loaded) -> None:
    click.echo(summary.text())
    if not summary.attempts:
        click.echo(
            f"Every answer was in the ledger, so nothing was asked. Remove {loaded.app.name}.db to start anew."
        )
