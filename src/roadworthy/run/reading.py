"""The command `why`, and the ledger as commands that look at it have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.reason import WrongRecord
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Invalid
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.transaction import Row, Transaction, as_text
from roadworthy.learn.claim import Claim
from roadworthy.observe.certified import claims
from roadworthy.observe.story import Story, stories
from roadworthy.observe.visible import json_line
from roadworthy.observe.why import tell
from roadworthy.run.app import App
from roadworthy.run.load import load
from roadworthy.run.masking import question_of, shown
from roadworthy.run.plan import Plan
from roadworthy.run.revive import revived


@contextmanager
def reading(app: App) -> Iterator[Ledger]:
    """The ledger of an app that was run before.

    Raises:
        WrongUse: nothing was run yet.
    """
    place = app.ledger_place()
    if not is_made(place):
        raise WrongUse(
            f"There is no ledger at {place}: nothing was run yet. Run something first, or set ROADWORTHY_LEDGER."
        )
    store = open_ledger(place, app.start_settings())
    try:
        yield store
    finally:
        store.close()


def is_made(place: str) -> bool:
    """Whether a ledger may be there; a server is asked when it is opened."""
    return "://" in place or Path(place).is_file()


def jobs_named(store: Ledger, app: str, job: str | None, entry: str | None = None) -> list[Row]:
    """An app's jobs as the query `jobs` has them, newest first; several entries may have one of the same name.

    Args:
        job: the name itself, or the input that it is called by, however its path is written; None for any.
        entry: whose jobs; None for any entry's.

    Raises:
        WrongUse: there is none.
    """
    jobs = store.read(lambda tx: tx.rows("jobs", app=app))
    of_entry = [row for row in jobs if entry in {None, row[1]}]
    found = of_entry
    if job is not None:
        found = [row for row in of_entry if row[2] == job]
        found = found or [row for row in of_entry if row[2] == str(Path(job).resolve())]
    if found:
        return found
    called = "" if job is None else f" {job!r}"
    whose = "" if entry is None else f" of {entry!r}"
    known = ", ".join(f"{as_text(row[2])} ({as_text(row[1])})" for row in jobs) or "none; run something first"
    raise WrongUse(f"The app {app!r} has no job{called}{whose}. Its jobs, each with its entry: {known}.")


@click.command()
@click.argument("app")
@click.argument("key")
@click.option("--full", is_flag=True, help="Shorten nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def why(app: str, key: str, *, full: bool, as_json: bool) -> None:
    """Tell everything about one record: input, question, attempts, verdict, cost, who ruled."""
    loaded = load(app)
    with reading(loaded.app) as store:
        every, name = store.read(lambda tx: stories(tx, loaded.app.name, key)), store.name
        found = [story for story in every if loaded.name in {None, story.entry}]
        stated = {
            claim.step: claim.epoch.sentence for claim in store.read(lambda tx: claims_of(tx, loaded.app))
        }
        if found and not as_json:
            said = judged(loaded.app.plan, loaded.app.start_settings(), found[0], store)
    if every and not found:
        others = ", ".join(sorted({story.entry for story in every}))
        raise WrongUse(f"No record of {loaded.name!r} has the key {key!r}; a record of {others} has it.")
    if not found:
        raise WrongUse(f"No record has the key {key!r} in {name}. Rejected lines have keys like line-17.")
    if as_json:
        shown_stories = [story.as_json() for story in found]
        click.echo(json_line({"stories": shown_stories, "certificates": stated}))
    else:
        click.echo(tell(found, said, stated, full=full))


def claims_of(tx: Transaction, app: App) -> list[Claim]:
    """What is certified of each step of an app that makes a promise."""
    return claims(tx, app.name, app.plan.promises, app.start_settings())


def judged(plan: Plan, settings: Settings, story: Story, store: Ledger) -> dict[int, str]:
    """What today's checks say of each reply of a record, in words, by attempt.

    Verdicts are not kept, they are functions of the reply. Inside a workflow the step's own input is not at hand, so
    there only the schema is judged.
    """
    steps = {step.name: step for step in plan.steps}
    asked = {question.id: question for question in story.questions}
    said: dict[int, str] = {}
    for tried in story.attempts:
        question = asked.get(tried.question_id)
        step = None if question is None else steps.get(question.step)
        if question is None or step is None or tried.reply is None:
            continue
        alone = story.entry == step.name and story.record.stored is not None
        try:
            value: Any = revived(step.record_schema, story.record, store) if alone else None
        except WrongRecord:
            continue
        checker = step.prepared.checker if alone else step.without_checks()
        reply = Reply(tried.id, tried.model, Ending(tried.ending), tried.reply, tried.finish)
        if step.mask and alone:
            _, mask = question_of(step, value, settings, question.passages)
            reply = reply if mask is None else shown(reply, mask)
        found = checker.check(reply, value, question.passages)
        said[tried.id] = (
            f"{found.fault.kind}: {found.fault.message}"
            if isinstance(found, Invalid)
            else _well(found.mended, found.scores)
        )
    return said


def _well(mended: tuple[str, ...], scores: tuple[tuple[str, float], ...]) -> str:
    form = f", once its form was mended: {', '.join(mended)}" if mended else ""
    doubts = "".join(f"; {name} gives it {score:.2f}" for name, score in scores)
    return f"valid{form}{doubts}"
