"""The command `learn`: what labels teach, and the numbered states that it moves through."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import click

from roadworthy._errors import WrongUse
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.states import State, advance, states
from roadworthy.observe.visible import json_line
from roadworthy.run.gate import gate
from roadworthy.run.load import Loaded, load
from roadworthy.run.loop import run_to_end
from roadworthy.run.lot import certify
from roadworthy.run.promotion import BACK_ONE, go_back
from roadworthy.run.reading import reading
from roadworthy.run.teaching import propose

_SHOWN_MAX = 100


@click.command()
@click.argument("app")
@click.option(
    "--roll-back",
    "back",
    type=click.IntRange(BACK_ONE),
    is_flag=False,
    flag_value=BACK_ONE,
    metavar="N",
    help="Go back to state N; without N to the one before. 0 is before anything was learned.",
)
@click.option(
    "--candidate",
    metavar="FILE[:STEP]",
    help="Run this file's step in shadow, and promote or reject it by a paired test.",
)
@click.option(
    "--batch",
    metavar="INPUT",
    help="Certify the finished run over INPUT (or of this job): people judge the worst answers and a sample.",
)
@click.option(
    "--max-error",
    type=click.FloatRange(0, 0.5, min_open=True),
    help="With --batch: the share of its answers that may be wrong; default the step's own.",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    help="With --candidate: records to run in shadow. With --batch: answers drawn by chance; default 300.",
)
@click.option("--budget-usd", type=str, help="With --candidate: the cap in USD on all its shadow runs.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5),
    help="With --candidate: how much worse it may be, as a share of records; default .01.",
)
@click.option("--field", multiple=True, help="With --candidate: a field that counts; default all.")
@click.option("--history", is_flag=True, help="List the states, newest first.")
@click.option("--apply", is_flag=True, help="Advance the app's state to what is proposed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def learn(app: str, *, back: int | None, history: bool, apply: bool, as_json: bool, **given: Any) -> None:
    """Learn from labels: propose, and with --apply advance the app's state, for records that have no answer yet.

    With --candidate the step of another file is compared with the app's, and promoted or rejected. With --batch a
    finished run is certified whole.
    """
    loaded = load(app)
    name = loaded.app.name
    if sum((back is not None, history, apply)) > 1:
        raise WrongUse("--apply, --roll-back and --history are three different things. Give one of them.")
    if given["batch"] is not None:
        others = (given[name] for name in ("candidate", "budget_usd", "margin"))
        if back is not None or history or apply or given["field"] or any(one is not None for one in others):
            raise WrongUse("--batch goes with --max-error and --sample alone.")
        batched = certify(loaded, given)
        click.echo(json_line(batched.as_json()) if as_json else "\n".join(batched.lines()))
        return
    if given.pop("max_error") is not None:
        raise WrongUse("--max-error belongs to --batch INPUT.")
    if given["candidate"] is not None:
        if back is not None or history:
            raise WrongUse("--candidate goes with --apply alone. Give --roll-back or --history without it.")
        sys.exit(gate(loaded, given, apply=apply, as_json=as_json))
    if extra := [option for option, value in given.items() if value not in (None, ())]:
        raise WrongUse(f"--{extra[0].replace('_', '-')} belongs to --candidate FILE.")
    with reading(loaded.app) as store:
        if history:
            said = _history(store, name)
        elif back is not None:
            said = _went_back(store.write_now(lambda tx: go_back(tx, name, back)))
        else:
            said = {}
    said = said or run_to_end(_learn(loaded, apply=apply))
    click.echo(json_line(said) if as_json else "\n".join(_lines(said)))


async def _learn(loaded: Loaded, *, apply: bool) -> dict[str, Any]:
    """Go through the labels of the steps that are meant; advance the state where something is new and it is wanted."""
    runtime = loaded.app.start()
    try:
        now = runtime.states.newest()
        steps = [step for step in loaded.app.plan.steps if loaded.name in {None, step.name}]
        if not steps:
            raise WrongUse(f"{loaded.name!r} is no step of the app, and only steps learn.")
        proposals = [await propose(runtime, step, now, apply=apply) for step in steps]
        said: dict[str, Any] = {
            "state": now.number,
            "steps": {proposal.step: proposal.facts for proposal in proposals},
            "lines": [line for proposal in proposals for line in proposal.lines],
            "changed": [p.step for p in proposals if not p.learned.is_as(now.of(p.step))],
            "applied": False,
        }
        if apply and said["changed"]:
            after = now.advanced({proposal.step: proposal.learned for proposal in proposals})
            why = f"learned: {', '.join(said['changed'])}"
            state = State(after.number, -1, why, after.text())
            runtime.store.write_now(lambda tx: advance(tx, loaded.app.name, state))
            said |= {"state": after.number, "applied": True}
        return said
    finally:
        await runtime.close()


def _history(store: Ledger, app: str) -> dict[str, Any]:
    found = store.read(lambda tx: states(tx, app, _SHOWN_MAX))
    return {
        "state": found[0].number if found else 0,
        "states": [
            {"number": state.number, "at": state.at, "why": state.why, "origin": None if state.origin < 0 else state.origin}
            for state in found
        ],
    }  # fmt: skip


def _went_back(state: State) -> dict[str, Any]:
    return {"state": state.number, "origin": state.origin, "said": f"State {state.number}: {state.why}."}


def _lines(said: dict[str, Any]) -> list[str]:
    lines = [said["said"]] if "said" in said else [*said.get("lines", ()), _closing(said)]
    for state in said.get("states", ()):
        at = dt.datetime.fromtimestamp(state["at"], dt.UTC)
        lines.append(f"{state['number']:6}  {at:%Y-%m-%d %H:%M} UTC  {state['why']}")
    return lines


def _closing(said: dict[str, Any]) -> str:
    if said.get("applied"):
        return f"State {said['state']} is in force: for records without an answer, and for `run --refresh`."
    if said.get("changed"):
        return f"Nothing is changed. `learn --apply` makes this state {said['state'] + 1}."
    return f"State {said['state']}" + (" stays: there is nothing new to learn." if "changed" in said else "")
