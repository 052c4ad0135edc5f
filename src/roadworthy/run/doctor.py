"""The command `doctor`: what is configured, and what is missing."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from roadworthy._errors import WrongUse
from roadworthy._settings import DEFAULTS, Settings
from roadworthy.call.endpoint import find_endpoint
from roadworthy.call.model import Function
from roadworthy.decide.confidence import STUDENT
from roadworthy.keep.alarms import ALARM, standing_alarms
from roadworthy.keep.queries import migrations
from roadworthy.observe.soundness import contradictions
from roadworthy.observe.visible import json_line
from roadworthy.observe.watched import alarm_json, alarm_line
from roadworthy.run.app import App
from roadworthy.run.load import load_app
from roadworthy.run.reading import is_made, reading

EXTRAS = {
    "bedrock": ("botocore",),
    "checks": ("jsonschema", "regex"),
    "dense": ("numpy",),
    "docs": ("pypdfium2",),
    "excel": ("python-calamine",),
    "learn": ("scikit-learn", "scipy", "skops"),
    "otel": ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk"),
    "parquet": ("pyarrow",),
    "postgres": ("psycopg",),
    "ray": ("ray", "psycopg"),
    "serve": ("fastapi", "prometheus-client", "uvicorn"),
    "vertex": ("google-auth",),
}
_LIBRARIES = ("pydantic", "pyreqwest", "orjson", "genai-prices", "jinja2", "click")


@click.command()
@click.argument("app")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(app: str, *, as_json: bool) -> None:
    """Say what is configured and what is missing; status 1 when something is wrong."""
    loaded = load_app(app)
    facts, wrong = _libraries(), list[str]()
    for part in (_models(loaded), _settings(loaded), _ledger(loaded)):
        facts.update(part[0])
        wrong += part[1]
    if as_json:
        click.echo(json_line({"facts": facts, "wrong": wrong}))
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
    if not is_made(place):
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
