"""The command `report`: what a job cost, how fast it was, what is not accepted and why; also as the pages in one file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from roadworthy._errors import WrongUse
from roadworthy.keep.transaction import as_int, as_text
from roadworthy.observe.visible import json_line
from roadworthy.run.load import load
from roadworthy.run.reading import jobs_named, reading
from roadworthy.serve.console.contents import report_of
from roadworthy.serve.console.look import Look
from roadworthy.serve.console.sheet import sheet


@click.command()
@click.argument("app")
@click.option("--job", help="The job's name or its input; default: the newest one.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the console's pages for this job here, as one file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(app: str, job: str | None, *, page: Path | None, as_json: bool) -> None:
    """Say what a job cost, how fast it was, what is not accepted and why.

    Entries can have jobs of the same name, as all that are called through a service. With APP as FILE:ENTRY it is that
    entry's.
    """
    loaded = load(app)
    plan, now = loaded.app.plan, dt.datetime.now(dt.UTC)
    with reading(loaded.app) as store:
        newest, *older = jobs_named(store, plan.name, job, loaded.name)
        job_id, others = as_int(newest[0]), {as_text(row[1]) for row in older if row[2] == newest[2]}
        look = Look(plan, store, loaded.app.start_settings(), plan.period(now))
        found = report_of(look, job_id)
        text = "" if page is None else sheet(look, job_id, f"{now:%Y-%m-%d %H:%M}")
    if page is not None:
        try:
            page.write_text(text, encoding="utf-8")
        except OSError as error:
            raise WrongUse(
                f"{page} cannot be written: {error.strerror or error}. Name another file."
            ) from error
    if others:
        click.echo(
            f"{', '.join(sorted(others))} has a job of this name, too; this is the newest, of {found.entry}. "
            "Name another one as APP:ENTRY.",
            err=True,
        )
    click.echo(json_line(found.as_json()) if as_json else found.text())
