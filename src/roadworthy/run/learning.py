"""The command `learn`: what labels teach, and the numbered states that it moves through."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.states import State, advance, find_state, newest_number, states
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.learned import Learned
from roadworthy.run.gate import gate
from roadworthy.run.load import load
from roadworthy.run.reading import reading

_BACK_ONE = -1
_SHOWN_MAX = 100


@click.command()
@click.argument("app")
@click.option(
    "--roll-back",
    "back",
    type=click.IntRange(0),
    is_flag=False,
    flag_value=_BACK_ONE,
    help="Go back to state N, or to the one before; 0 is before anything was learned.",
)
@click.option(
    "--candidate",
    metavar="FILE[:STEP]",
    help="Run this file's step in shadow, and promote or reject it by a paired test.",
)
@click.option("--sample", type=click.IntRange(1), help="With --candidate: records to run in shadow.")
@click.option("--budget-usd", type=str, help="With --candidate: the cap in USD on all its shadow runs.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5),
    help="With --candidate: how much worse it may be, as a share of records; default .01.",
)
@click.option("--field", "fields", multiple=True, help="With --candidate: a field that counts; default all.")
@click.option("--apply", "apply_it", is_flag=True, help="Make what was found the app's next state.")
@click.option("--history", is_flag=True, help="List the states, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def learn(app: str, *, back: int | None, history: bool, as_json: bool, **given: Any) -> None:
    """Learn from labels. What moves is one numbered state, for records that are not answered yet."""
    loaded = load(app)
    name = loaded.app.name
    if given["candidate"] is not None:
        sys.exit(gate(loaded, given, as_json=as_json))
    with reading(loaded.app) as store:
        if history:
            said = _history(store, name)
        elif back is not None:
            said = _roll_back(store, name, back)
        else:
            said = {"state": store.read(lambda tx: newest_number(tx, name))}
    click.echo(orjson.dumps(said).decode() if as_json else "\n".join(_lines(said)))


def current(store: Ledger, app: str) -> Learned:
    """What an app has learned by now."""

    def look(tx: Transaction) -> Learned:
        found = find_state(tx, app, newest_number(tx, app))
        assert found is not None
        return Learned.read(found)

    return store.read(look)


def _history(store: Ledger, app: str) -> dict[str, Any]:
    found = store.read(lambda tx: states(tx, app, _SHOWN_MAX))
    return {
        "state": found[0].number if found else 0,
        "states": [
            {"number": state.number, "at": state.at, "why": state.why, "origin": None if state.origin < 0 else state.origin}
            for state in found
        ],
    }  # fmt: skip


def _roll_back(store: Ledger, app: str, back: int) -> dict[str, Any]:
    """Advance to a new state with an old one's content.

    Raises:
        WrongUse: there is no such state, or nothing to go back from.
    """

    def change(tx: Transaction) -> dict[str, Any]:
        newest = find_state(tx, app, newest_number(tx, app))
        assert newest is not None
        if newest.number == 0:
            raise WrongUse(f"The app {app!r} has learned nothing yet, so there is nothing to go back from.")
        origin = newest.number if newest.origin < 0 else newest.origin
        number = max(0, origin - 1) if back == _BACK_ONE else back
        wanted = find_state(tx, app, number)
        if wanted is None:
            raise WrongUse(f"There is no state {number}. The newest one is {newest.number}: learn --history.")
        content = Learned.read(wanted).text()
        state = State(newest.number + 1, number, f"back to state {number}", content)
        advance(tx, app, state)
        return {"state": state.number, "origin": number, "said": f"State {state.number}: {state.why}."}

    return store.write_now(change)


def _lines(said: dict[str, Any]) -> list[str]:
    lines = [said["said"]] if "said" in said else [f"state {said['state']}"]
    for state in said.get("states", ()):
        at = dt.datetime.fromtimestamp(state["at"], dt.UTC)
        lines.append(f"{state['number']:6}  {at:%Y-%m-%d %H:%M} UTC  {state['why']}")
    return lines
