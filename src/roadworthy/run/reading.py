"""The commands that look: `why` and `doctor`."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy._settings import DEFAULTS, Settings
from roadworthy.accept.reason import WrongRecord
from roadworthy.call.endpoint import find_endpoint
from roadworthy.call.model import Function
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Invalid
from roadworthy.decide.confidence import STUDENT
from roadworthy.keep.alarms import ALARM, standing_alarms
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.queries import migrations
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.claim import Claim
from roadworthy.observe.certified import claims
from roadworthy.observe.soundness import contradictions
from roadworthy.observe.story import Story, stories
from roadworthy.observe.watched import alarm_json, alarm_line
from roadworthy.observe.why import tell
from roadworthy.run.app import App
from roadworthy.run.load import load
from roadworthy.run.masking import question_of, shown
from roadworthy.run.plan import Plan
from roadworthy.run.revive import revived

EXTRAS = {
    "bedrock": ("botocore",),
    "checks": ("jsonschema", "regex"),
    "dense": ("numpy",),
    "docs": ("pypdfium2",),
    "fast": ("uvloop",),
    "learn": ("scikit-learn", "scipy", "skops"),
    "otel": ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk"),
    "parquet": ("pyarrow",),
    "postgres": ("psycopg",),
    "ray": ("ray", "psycopg"),
    "serve": ("fastapi", "prometheus-client", "uvicorn"),
    "vertex": ("google-auth",),
}
_LIBRARIES = ("pydantic", "pyreqwest", "orjson", "genai-prices", "jinja2", "click")


@contextmanager
def reading(app: App) -> Iterator[Ledger]:
    """The ledger of an app that was run before.

    Raises:
        WrongUse: nothing was run yet.
    """
    place = app.ledger_place()
    if not _is_made(place):
        raise WrongUse(
            f"There is no ledger at {place}: nothing was run yet. Run something first, or set ROADWORTHY_LEDGER."
        )
    store = open_ledger(place, app.start_settings())
    try:
        yield store
    finally:
        store.close()


def _is_made(place: str) -> bool:
    """Whether a ledger may be there; a server is asked when it is opened."""
    return "://" in place or Path(place).is_file()


@click.command()
@click.argument("app")
@click.argument("key")
@click.option("--full", is_flag=True, help="Shorten nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def why(app: str, key: str, *, full: bool, as_json: bool) -> None:
    """Tell everything about one record: input, question, attempts, verdict, cost, who ruled."""
    loaded = load(app)
    with reading(loaded.app) as store:
        found, name = store.read(lambda tx: stories(tx, loaded.app.name, key)), store.name
        stated = {
            claim.step: claim.epoch.sentence for claim in store.read(lambda tx: claims_of(tx, loaded.app))
        }
        if found and not as_json:
            said = judged(loaded.app.plan, loaded.app.start_settings(), found[0], store)
    if not found:
        raise WrongUse(f"No record has the key {key!r} in {name}. Rejected lines have keys like line-17.")
    if as_json:
        shown_stories = [story.as_json() for story in found]
        click.echo(orjson.dumps({"stories": shown_stories, "certificates": stated}).decode())
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


@click.command()
@click.argument("app")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(app: str, *, as_json: bool) -> None:
    """Say what is configured and what is missing; status 1 when something is wrong."""
    loaded = load(app)
    facts, wrong = _libraries(), list[str]()
    for part in (_models(loaded.app), _settings(loaded.app), _ledger(loaded.app)):
        facts.update(part[0])
        wrong += part[1]
    if as_json:
        click.echo(orjson.dumps({"facts": facts, "wrong": wrong}).decode())
    else:
        for name, value in facts.items():
            click.echo(f"{name:28} {value}")
        for line in wrong:
            click.echo(f"WRONG: {line}")
        click.echo("nothing is wrong" if not wrong else f"{len(wrong)} things are wrong")
    sys.exit(1 if wrong else 0)


def _libraries() -> dict[str, str]:
    names = {
        "roadworthy": version("roadworthy"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    extras = {f"extra {extra}": _extra(extra, packages) for extra, packages in EXTRAS.items()}
    return names | {name: version(name) for name in _LIBRARIES} | extras


def _extra(extra: str, packages: tuple[str, ...]) -> str:
    """What of an extra is installed, with versions, or how to install it."""
    try:
        return ", ".join(f"{name} {version(name)}" for name in packages)
    except PackageNotFoundError:
        return f"not installed: pip install 'roadworthy[{extra}]'"


def _models(app: App) -> tuple[dict[str, str], list[str]]:
    facts: dict[str, str] = {}
    wrong = []
    for step in app.plan.steps:
        for model in step.models:
            name = f"{step.name}: {model.name}"
            if model.name.startswith(STUDENT):
                facts[name] = "costs nothing; asked once `learn --apply` has proved it on labels"
                continue
            if isinstance(model, Function):
                facts[name] = f"{model.usd_per_call:f} USD a call"
                continue
            try:
                found = find_endpoint(model, os.environ, app.plan.prices)
            except WrongUse as error:
                wrong.append(str(error))
                continue
            key = "key set" if found.auth.fingerprint else "no key"
            facts[name] = (
                f"{found.url}, {key}, {found.price.input:f} in / {found.price.output:f} out USD per million tokens"
            )
    return facts, wrong


def _settings(app: App) -> tuple[dict[str, str], list[str]]:
    now = app.start_settings()
    changed = {
        row.name: getattr(now, row.name)
        for row in fields(Settings)
        if getattr(now, row.name) != getattr(DEFAULTS, row.name)
    }
    return {f"setting {name}": str(value) for name, value in changed.items()}, []


def _ledger(app: App) -> tuple[dict[str, str], list[str]]:
    place = app.ledger_place()
    if not _is_made(place):
        folder = Path(place).parent
        wrong = [] if os.access(folder, os.W_OK) else [f"The folder {folder} cannot be written."]
        return {"ledger": f"{place} (not made yet)"}, wrong
    with reading(app) as store:
        facts = {"ledger": f"{store.name} ({store.bytes():,} bytes, schema {migrations()[-1][0]})"}
        wrong = [
            f"The ledger is damaged: {words}. Restore it from a copy." for words in store.damage()
        ] + store.read(lambda tx: contradictions(tx, store.is_alive))
        open_leases = store.read(lambda tx: tx.rows("live_leases"))
        waiting = store.read(lambda tx: tx.row("queue_length", app=app.name))
        alarms = store.read(lambda tx: standing_alarms(tx, app.name))
    for alarm in alarms:
        line = alarm_line(alarm_json(alarm))
        if alarm.kind == ALARM:
            wrong.append(line)
        else:
            facts[f"{alarm.step}: {alarm.what}"] = line
    facts["processes on it"] = str(len(open_leases) - 1)
    facts["waiting for a person"] = str(waiting[0] if waiting else 0)
    return facts, wrong
