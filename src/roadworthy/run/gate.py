"""The part of the command `learn` that gates a candidate: shadow, compare, say, and apply where it is wanted."""

from __future__ import annotations

from typing import Any

import click

from roadworthy.call.price import pico
from roadworthy.keep.gates import GO_ON, PROMOTE
from roadworthy.observe.progress import Progress
from roadworthy.observe.visible import json_line
from roadworthy.run.app import App
from roadworthy.run.candidate import find_candidate
from roadworthy.run.gating import Wanted, weigh
from roadworthy.run.job import DONE, INTERRUPTED, STOPPED
from roadworthy.run.load import Loaded
from roadworthy.run.loop import run_to_end
from roadworthy.run.promotion import apply_promotion
from roadworthy.run.reading import reading

MARGIN = 0.01


def gate(loaded: Loaded, given: dict[str, Any], *, apply: bool, as_json: bool) -> int:
    """Gate one candidate and print what came of it. Returns the exit status.

    Raises:
        WrongUse: the candidate cannot be one, nothing was run yet, or there is nothing to apply.
    """
    with reading(loaded.app):
        candidate = find_candidate(given["candidate"], loaded)
    settings = loaded.app.start_settings()
    budget = None if given["budget_usd"] is None else pico(given["budget_usd"])
    sample = given["sample"] or settings.gate_sample
    margin = MARGIN if given["margin"] is None else given["margin"]
    progress = Progress(sample, budget)
    try:
        found = run_to_end(
            weigh(loaded.app, candidate, Wanted(sample, budget, margin, tuple(given["field"])), progress)
        )
    finally:
        progress.close()
    said = found.as_json()
    lines = list(found.lines())
    if apply:
        if found.ruling == PROMOTE:
            said["state"] = _apply(loaded.app, found.gate)
            lines.append(
                f"  State {said['state']}: {found.new} is the version of {found.step} that runs. Put the candidate's "
                "code into the app's file; `learn APP --roll-back` takes this back."
            )
        else:
            lines.append("  nothing to apply: it is not promoted")
    click.echo(json_line(said) if as_json else "\n".join(lines))
    if found.interrupted:
        return INTERRUPTED
    return STOPPED if found.ruling == GO_ON and found.unbought else DONE


def _apply(app: App, gate_id: int) -> int:
    with reading(app) as store:
        return store.write_now(lambda tx: apply_promotion(tx, app.name, gate_id))
