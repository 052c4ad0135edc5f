"""What stands on each page that looks: by name, ready for its template. The console and the report in a file share it."""

from __future__ import annotations

from typing import Any, Final

import orjson

from roadworthy.keep.alarms import standing_alarms
from roadworthy.observe.report import Report
from roadworthy.observe.story import Story
from roadworthy.observe.watched import watched
from roadworthy.run.policy import version_of
from roadworthy.run.reading import judged
from roadworthy.serve.console import change, proving, spending, view
from roadworthy.serve.console.look import Look
from roadworthy.serve.console.trace import Trace, source_of, trace_of
from roadworthy.serve.console.view import Wanted, moment

OUTCOMES: Final = ("accepted", "rejected", "failed", "waiting", "pending")
WAITS: Final = ("review", "budget", "provider", "batch")
_NEWEST_RUNS: Final = 5


def today(look: Look) -> dict[str, Any]:
    """What runs, what is spent, what waits for whom, certificates, alarms."""
    found = look.read(lambda tx: view.runs(tx, look.app, look.store.is_alive))
    going = [run for run in found if run.going]
    return {
        "money": look.read(lambda tx: spending.money(tx, look.app, look.period)),
        "standing": _standing(look),
        "outcomes": OUTCOMES,
        "queue": look.read(lambda tx: view.queue_length(tx, look.app)),
        "questions": look.read(lambda tx: view.questions(tx, look.app)),
        "proved": proving.proved(look),
        "alarms": [
            (alarm, moment(alarm.raised_at)) for alarm in look.read(lambda tx: standing_alarms(tx, look.app))
        ],
        "going": [(run, *look.read(lambda tx, run=run: view.progress(tx, run))) for run in going],  # type: ignore[misc] # read at once
        "runs": found[:_NEWEST_RUNS],
    }


def _standing(look: Look) -> list[tuple[str, dict[str, int], dict[str, int]]]:
    """By entry: how many records have each outcome, and of those that wait, how many for what."""
    found: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
    for entry, outcome, waiting, count in look.read(lambda tx: view.standing(tx, look.app)):
        outcomes, waits = found.setdefault(entry, ({}, {}))
        outcomes[outcome] = outcomes.get(outcome, 0) + count
        if waiting:
            waits[waiting] = waits.get(waiting, 0) + count
    return [(entry, *counts) for entry, counts in sorted(found.items())]


def runs(look: Look) -> dict[str, Any]:
    """The newest runs."""
    return {"runs": look.read(lambda tx: view.runs(tx, look.app, look.store.is_alive))}


def records(look: Look, wanted: Wanted) -> dict[str, Any]:
    """Records that fit."""
    return {
        "records": look.read(lambda tx: view.records(tx, look.app, wanted)),
        "wanted": wanted,
        "most": view.RECORDS,
        "outcomes": OUTCOMES,
        "waits": WAITS,
        "entries": [entry.name for entry in (*look.plan.steps, *look.plan.workflows)],
    }


def quality(look: Look) -> dict[str, Any]:
    """Certificates and their course, calibration, drift, and how accepted answers compare with labels."""
    return {
        "proved": proving.proved(look),
        "calibrations": proving.calibrations(look),
        "drifts": proving.drifts(look),
    }


def report_of(look: Look, job_id: int) -> Report:
    """The report of one job."""
    apart = {step.name: step.apart for step in look.plan.steps}
    found = look.claims()

    return look.read(
        lambda tx: Report.of_job(
            tx,
            look.app,
            job_id,
            found,
            apart,
            watched(tx, look.app, look.plan.promises, look.settings),
            look.plan.budget_pico,
        )
    )


def cost(look: Look) -> dict[str, Any]:
    """By step, model and day; forecasts; what reuse saved."""
    days = look.read(lambda tx: spending.by_day(tx, look.app))
    steps = look.read(lambda tx: spending.by_step(tx, look.app))
    found = look.read(lambda tx: view.runs(tx, look.app, look.store.is_alive))
    return {
        "money": look.read(lambda tx: spending.money(tx, look.app, look.period)),
        "steps": steps,
        "models": spending.by_model(steps),
        "days": days,
        "days_chart": spending.days_chart(days),
        "told": look.read(lambda tx: spending.told(tx, look.app)),
        "saved": look.read(lambda tx: spending.saved(tx, look.app, found)),
    }


def versions(look: Look) -> dict[str, Any]:
    """Prompts and models as they changed, candidates, states."""
    return {
        "versions": look.read(lambda tx: change.versions(tx, look.app)),
        "loaded": {step.name: version_of(step) for step in look.plan.steps},
        "candidates": [
            (gate, change.can_promote(gate), list(gate.lines())) for gate in change.candidates(look)
        ],
        "states": change.history(look),
    }


def record(look: Look, found: list[Story], number: int) -> dict[str, Any]:
    """One record's story, and what else stands under its key.

    Args:
        found: every story of the key, newest first.
        number: of the record that is looked for; the newest one where none of the key has it.
    """
    shown = next((one for one in found if one.record.id == number), found[0])
    return {"trace": trace(look, shown), "others": [one for one in found if one is not shown]}


def trace(look: Look, story: Story) -> Trace:
    """One record's story."""
    kept = story.record
    answer = None if kept.value is None else orjson.loads(kept.value)
    source = [] if kept.body is None else source_of(orjson.loads(kept.body), answer)
    return trace_of(story, judged(look.plan, look.settings, story, look.store), source)
