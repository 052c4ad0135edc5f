"""A candidate: a step of another file, set up to run in shadow on what an app answered, with the app's money."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Record
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record, page_lines
from roadworthy.keep.transaction import as_int, as_text
from roadworthy.run.app import App
from roadworthy.run.entry import Step
from roadworthy.run.load import Loaded, load
from roadworthy.run.plan import Plan
from roadworthy.run.policy import version_of
from roadworthy.run.revive import revived, stored

SHADOW = "~candidate"
_PAGE = 500
_MODULE = "_roadworthy_candidate_"


@quick(frozen=True, slots=True)
class Candidate:
    """A step that may take another one's place.

    Attributes:
        old: the step as the app has it.
        step: the same step as the candidate's file has it; it promises nothing while it is in shadow.
        plan: what it runs under: the candidate's own steps and settings, the app's name for replies, and its money.
        settings: the candidate's.
    """

    old: Step[Any, Any]
    step: Step[Any, Any]
    plan: Plan
    settings: Settings
    old_version: str
    version: str


def find_candidate(target: str, loaded: Loaded) -> Candidate:
    """The candidate in `FILE.py[:STEP]` for a step of an app.

    Raises:
        WrongUse: there is no such step in either file, it is a workflow, or nothing about it differs.
    """
    place, _, name = target.partition(":")
    app = loaded.app
    old = _step(app, name or loaded.name, f"The app {app.name!r}")
    other = load(place, _MODULE).app
    if other is app:
        raise WrongUse(f"{place} is the app itself. Copy its file, change the copy, and name that.")
    new = _step(other, old.name, place)
    old_version, version = version_of(old), version_of(new)
    if old_version == version:
        raise WrongUse(
            f"Nothing that changes an answer differs between {place} and what the app runs: {old.name} is version "
            f"{version} in both."
        )
    step = copy.copy(new)
    step.promise = None
    return Candidate(
        old, step, in_shadow(other.plan, step, app), other.start_settings(), old_version, version
    )


def in_shadow(plan: Plan, step: Step[Any, Any], app: App) -> Plan:
    """A candidate's plan under the app's name for replies, so that an equal request is free, and on its accounts."""
    own = app.plan
    return replace(
        plan,
        name=own.name + SHADOW,
        payer=own.name,
        namespace=own.namespace,
        budget_pico=own.budget_pico,
        budget_period=own.budget_period,
        record_budget_pico=own.record_budget_pico,
        prices={**own.prices, **plan.prices},
        steps=[step],
        workflows=[],
    )


def shadow_items(
    store: Ledger, candidate: Candidate, job_id: int | None, chosen: list[int]
) -> Iterator[Record]:
    """The input of a candidate's job: what it had before, on the same lines, then what was chosen now."""
    last = 0
    if job_id is not None:
        for number, kept in shadow_records(store, job_id):
            last = number
            if kept.stored is not None:
                yield _record(candidate.step, kept, number, store)
    for number, record_id in enumerate(chosen, last + 1):
        found = store.read(lambda tx: find_record(tx, record_id))  # noqa: B023 - read at once
        if found is not None and found.stored is not None:
            yield _record(candidate.step, found, number, store)


def shadow_records(store: Ledger, job_id: int) -> Iterator[tuple[int, Kept]]:
    """(line, record) of a candidate's job, in order."""
    after = 0
    while page := store.read(lambda tx: page_lines(tx, job_id, after, _PAGE)):  # noqa: B023 - read at once
        for line in page:
            kept = store.read(lambda tx: find_record(tx, line.record_id))  # noqa: B023 - read at once
            assert kept is not None
            yield line.number, kept
        after = page[-1].number


def choose(store: Ledger, app: str, step: str, known: set[str], count: int) -> list[tuple[int, str]]:
    """Numbers and keys of up to `count` records that the app answered, drawn by the hash of the keys, in that order.

    The hash knows nothing of the answers, so the sample is a random one, and a second look draws the same.

    Args:
        known: keys that are not drawn again.
    """
    held: dict[bytes, tuple[int, str]] = {}
    after = 0
    while page := store.read(
        lambda tx: tx.rows("answered_records", app=app, entry=step, after=after, count=_PAGE)  # noqa: B023 - read at once
    ):
        for record_id, key in page:
            after = as_int(record_id)
            if as_text(key) not in known:
                rank = hashlib.sha256(f"{step}\0{key!s}".encode()).digest()[:16]
                held[rank] = after, as_text(key)
        if len(held) > 2 * count + _PAGE:
            held = dict(sorted(held.items())[:count])
    return [one for _rank, one in sorted(held.items())[:count]]


def _record(step: Step[Any, Any], kept: Kept, line: int, store: Ledger) -> Record:
    """A kept record as it is taken in; one that the candidate's type refuses is found out by the job."""
    body, long = stored(kept, store)
    try:
        value = revived(step.record_schema, kept, store)
    except WrongRecord:
        value = None
    return Record(
        kept.key, body, kept.body_hash, line, value, size=0 if long is None else long.chars, long=long
    )


def _step(app: App, name: str | None, where: str) -> Step[Any, Any]:
    steps = {step.name: step for step in app.plan.steps}
    if name is None and len(steps) == 1:
        return next(iter(steps.values()))
    if name in {workflow.name for workflow in app.plan.workflows}:
        raise WrongUse(
            f"{name!r} is a workflow. A workflow may act on the world, so only steps are run in shadow; name one: "
            f"--candidate FILE.py:STEP."
        )
    if name is None or name not in steps:
        raise WrongUse(
            f"{where} has no step {name!r}. Its steps: {', '.join(sorted(steps)) or 'none'}. "
            "Name one that both files have: --candidate FILE.py:STEP."
            if name is not None
            else f"{where} has {len(steps)} steps. Name one: --candidate FILE.py:STEP."
        )
    return steps[name]
