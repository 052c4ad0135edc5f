"""Promotion: which version of a step is the one that runs, and what a run of another one is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from roadworthy._errors import WrongUse
from roadworthy.keep.gates import INCUMBENT, PROMOTE, REJECT, KeptGate, apply_gate, gates, note_incumbent
from roadworthy.keep.states import State, advance, find_state, newest_number
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.learned import Learned
from roadworthy.run.entry import Entry, Step
from roadworthy.run.policy import version_of

BACK_ONE = -1  # to the state before
if TYPE_CHECKING:
    from roadworthy.run.runtime import Runtime

PROMOTED = "promoted"  # in a state's `other`: the version of the step that it made the one that runs


def apply_promotion(tx: Transaction, app: str, gate_id: int) -> int:
    """Advance the app to a state in which a promoted candidate is the one that runs. Returns the state's number.

    Applied a second time it changes nothing. The threshold goes: what labels said of the old version's doubts says
    nothing of the new one's.

    Raises:
        WrongUse: the gate did not promote it.
    """
    gate = next(found for found in gates(tx, app) if found.id == gate_id)
    if gate.ruling != PROMOTE:
        raise WrongUse(f"The gate has not promoted {gate.test.new}, so there is nothing to apply.")
    newest = find_state(tx, app, newest_number(tx, app))
    assert newest is not None
    before = Learned.read(newest)
    held = before.of(gate.test.step)
    if held.other.get(PROMOTED) == gate.test.new:
        return newest.number
    after = before.advanced(
        {gate.test.step: replace(held, trust=None, other={**held.other, PROMOTED: gate.test.new})}
    )
    why = f"{gate.test.step}: {gate.test.new} promoted in place of {gate.test.old} (gate {gate.id})"
    advance(tx, app, State(after.number, -1, why, after.text()))
    apply_gate(tx, gate.id, after.number)
    return after.number


def go_back(tx: Transaction, app: str, back: int = BACK_ONE) -> State:
    """Advance an app to a new state with the content of state `back`. Returns the new one.

    Raises:
        WrongUse: there is no such state, or nothing to go back from.
    """
    newest = find_state(tx, app, newest_number(tx, app))
    assert newest is not None
    if newest.number == 0:
        raise WrongUse(f"The app {app!r} has learned nothing yet, so there is nothing to go back from.")
    origin = newest.number if newest.origin < 0 else newest.origin
    number = max(0, origin - 1) if back == BACK_ONE else back
    wanted = find_state(tx, app, number)
    if wanted is None:
        raise WrongUse(f"There is no state {number}. The newest one is {newest.number}: learn --history.")
    content = Learned.read(wanted).text()
    state = State(newest.number + 1, number, f"back to state {number}", content)
    advance(tx, app, state)
    return state


def objection(tx: Transaction, app: str, step: str, version: str, *, gated: bool) -> str | None:
    """Why a version of a step should not run without `--yes`; None where nothing speaks against it.

    Args:
        gated: whether the app lets only promoted versions run.
    """
    known = gates(tx, app, step)
    number = newest_number(tx, app)
    state = find_state(tx, app, number)
    assert state is not None
    promoted = Learned.read(state).of(step).other.get(PROMOTED) or _first(known)
    if version == promoted or (not known and not gated):
        return None
    last = next((gate for gate in known if gate.test.new == version and gate.ruling != INCUMBENT), None)
    if last is not None and last.ruling == REJECT:
        return f"the gate rejected version {version} of {step}: it was proved worse than {last.test.old}"
    if last is not None and last.applied:
        return (
            f"version {version} of {step} was promoted once; by state {number} {promoted} runs in its place"
        )
    if gated and promoted:
        return f"version {version} of {step} was never promoted; {promoted} is the one that runs"
    return None


def check_versions(runtime: Runtime, entry: Entry[Any, Any], *, yes: bool) -> None:
    """Refuse versions that were rejected, rolled back or, where the app is gated, never promoted.

    The first version that a gated app runs is the one that others must be promoted over. A candidate in shadow is
    what it is.

    Raises:
        WrongUse: one of them is such, and nobody gave `--yes`.
    """
    plan, store = runtime.plan, runtime.store
    if plan.payer == plan.name and (plan.gated or store.read(lambda tx: bool(gates(tx, plan.name)))):
        steps = [entry] if isinstance(entry, Step) else plan.steps
        store.write_now(lambda tx: _check(tx, plan.name, steps, gated=plan.gated, yes=yes))


def _check(tx: Transaction, app: str, steps: Sequence[Step[Any, Any]], *, gated: bool, yes: bool) -> None:
    for step in steps:
        version = version_of(step)
        said = objection(tx, app, step.name, version, gated=gated)
        if said is not None and not yes:
            raise WrongUse(
                f"Nothing was asked, because {said}. Put that version's file back, try this one in shadow "
                "(roadworthy learn APP --candidate FILE), or give --yes to run it all the same."
            )
        if gated:
            note_incumbent(tx, app, step.name, version)


def _first(known: Sequence[KeptGate]) -> str | None:
    """The version that ran before there was any candidate."""
    return next((gate.test.new for gate in reversed(known) if gate.ruling == INCUMBENT), None)
