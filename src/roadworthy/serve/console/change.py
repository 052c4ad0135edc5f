"""What changed: versions of prompts and models with what differs, gates and what they say, states and the way back."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Final

import orjson

from roadworthy._quick import quick
from roadworthy.keep.gates import GO_ON, PROMOTE
from roadworthy.keep.states import states
from roadworthy.keep.transaction import Transaction, as_float, as_text, text_or_none
from roadworthy.learn.learned import Learned
from roadworthy.observe.gated import Gated, gated
from roadworthy.run.promotion import PROMOTED
from roadworthy.serve.console.look import Look
from roadworthy.serve.console.view import moment

_VERSIONS: Final = 50
_STATES: Final = 30
_CONTEXT: Final = 2
_LINES_MAX: Final = 400


@quick(frozen=True, slots=True)
class Version:
    """One version of a step's prompt, with the text behind it.

    Attributes:
        models: the ladder, cheapest first; `models_before` that of the version before.
        changed: the lines that differ from the version before: (mark, text), the mark `+`, `-`, ` ` or `@`.
        first: whether there is none before.
    """

    step: str
    version: str
    seen: str
    models: tuple[str, ...]
    models_before: tuple[str, ...]
    instructions: str
    changed: tuple[tuple[str, str], ...]
    first: bool


@quick(frozen=True, slots=True)
class StateRow:
    """One state, and what it holds of each step.

    Attributes:
        back: whether one can go back to it: every one but the newest.
    """

    number: int
    origin: int
    why: str
    at: str
    held: tuple[tuple[str, str], ...]
    back: bool


def versions(tx: Transaction, app: str) -> list[Version]:
    """Every version of every prompt, newest first."""
    rows = [
        (as_text(step), as_text(version), as_float(seen), orjson.loads(text_or_none(spec) or "{}"))
        for step, version, spec, seen in tx.rows("app_versions", app=app, count=_VERSIONS)
    ]
    found = []
    for number, (step, version, seen, said) in enumerate(rows):
        before = next((older for other, _, _, older in rows[number + 1 :] if other == step), None)
        found.append(
            Version(
                step=step,
                version=version,
                seen=moment(seen),
                models=_models(said),
                models_before=_models(before or {}),
                instructions=_text(said),
                changed=() if before is None else tuple(_differences(_text(before), _text(said))),
                first=before is None,
            )
        )
    return found


def candidates(look: Look) -> list[Gated]:
    """Every candidate that was tried, newest first."""
    return look.read(lambda tx: gated(tx, look.app))


def told(gate: Gated) -> list[str]:
    """A gate in words; how far one has come that goes on is not in the ledger, its command says it."""
    if gate.ruling == GO_ON:
        return [
            *list(gate.lines())[:2],
            "The same `learn --candidate FILE` command counts the rulings made since.",
        ]
    return list(gate.lines())


def can_promote(gate: Gated) -> bool:
    """Whether a gate has promoted its candidate and nobody has put it in force."""
    return gate.ruling == PROMOTE and not gate.applied


def history(look: Look) -> list[StateRow]:
    """The numbered states of the app, newest first, down to 0: before anything was learned."""
    kept = look.read(lambda tx: states(tx, look.app, _STATES))
    rows = [
        StateRow(
            state.number,
            state.origin,
            state.why,
            moment(state.at),
            tuple(_held(Learned.read(state))),
            back=number > 0,
        )
        for number, state in enumerate(kept)
    ]
    if rows and rows[-1].number == 1:
        rows.append(StateRow(0, -1, "before anything was learned", "", (), back=True))
    return rows


def _held(learned: Learned) -> Iterator[tuple[str, str]]:
    for name, step in sorted(learned.steps.items()):
        parts = []
        if step.trust is not None:
            parts.append(f"accepts where the chance of being wrong is at most {step.trust.cap:.4f}")
        if step.examples:
            parts.append(f"{len(step.examples)} examples")
        if step.student:
            parts.append(f"student {step.student}")
        if PROMOTED in step.other:
            parts.append(f"version {step.other[PROMOTED]} runs")
        yield name, ", ".join(parts) or "nothing"


def _models(said: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(model) for model in said.get("models", []))


def _text(said: dict[str, Any]) -> str:
    return str(said.get("instructions", ""))


def _differences(before: str, after: str) -> Iterator[tuple[str, str]]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=_CONTEXT, lineterm="")
    for number, text in enumerate(lines):
        if number >= 2 and number < _LINES_MAX:  # the first two name files
            yield text[:1], text[1:] if text[0] != "@" else ""
