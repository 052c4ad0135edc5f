"""The gate at work: a candidate is run in shadow, compared pair by pair, and promoted, rejected or neither yet."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import field, replace

import orjson

from roadworthy._errors import WrongUse
from roadworthy._events import Listener
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.keep.gates import (
    GO_ON,
    KeptGate,
    Test,
    decide_gate,
    find_gate,
    note_incumbent,
    open_gate,
)
from roadworthy.keep.jobs import find_job
from roadworthy.keep.records import find_record
from roadworthy.keep.reviews import ask_person, withdraw
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.gate import Gate, Ruling, share_of_delta
from roadworthy.learn.outlook import outlook
from roadworthy.observe.gated import Gated
from roadworthy.observe.summary import Summary
from roadworthy.run.app import App
from roadworthy.run.candidate import Candidate, choose, shadow_items, shadow_records
from roadworthy.run.command import finish
from roadworthy.run.door import start
from roadworthy.run.job import INTERRUPTED, Job
from roadworthy.run.options import Options
from roadworthy.run.pairs import Pair, alike, apart_of, original, pairs, ruled, said
from roadworthy.run.runtime import Runtime


@quick(frozen=True, slots=True)
class Wanted:
    """What the command was told.

    Attributes:
        sample: records to run in shadow.
        budget_pico: the shadow job's cap; None for none beside the app's.
        margin: how much worse the candidate may be, as a share of records.
        fields: the fields of the answer that count; empty for all.
    """

    sample: int
    budget_pico: int | None
    margin: float
    fields: tuple[str, ...] = ()


@quick(slots=True)
class _Seen:
    """What the pairs came to, up to the first difference that nobody has ruled on."""

    gate: Gate
    records: int = 0
    alike: int = 0
    differences: list[int] = field(default_factory=list)
    both_wrong: int = 0
    open: list[Pair] = field(default_factory=list)
    more_open: int = 0
    unbought: bool = False

    def count(self, new_wrong: bool, old_wrong: bool) -> None:  # noqa: FBT001 - what a person said of each
        """One difference that is judged."""
        self.gate.differ(new_wrong=new_wrong, old_wrong=old_wrong)
        self.differences.append(int(new_wrong) - int(old_wrong))
        self.both_wrong += new_wrong and old_wrong


async def weigh(app: App, candidate: Candidate, wanted: Wanted, tell: Listener) -> Gated:
    """Run a candidate in shadow as far as it has not been, and say what its gate says.

    A gate that has ruled is not opened again: the first ruling stands, and nothing is bought.

    Raises:
        WrongUse: the app has answered no record that could be compared on.
    """
    async with _runtimes(app, candidate, tell) as (old, new):
        test = Test(
            app.name,
            candidate.old.name,
            candidate.old_version,
            candidate.version,
            ",".join(sorted(wanted.fields)),
            wanted.margin,
        )
        known = old.store.read(lambda tx: find_gate(tx, test))
        if known is not None and known.ruling != GO_ON:
            return Gated.of(known)
        summary, status = await _shadow(candidate, wanted, old, new)
        if not summary.records:
            raise WrongUse(
                f"No record that {candidate.old.name} answered is at hand to compare on. Run it first, as a step: "
                f"roadworthy run FILE.py:{candidate.old.name} INPUT."
            )
        gate = known or old.store.write_now(lambda tx: _open(tx, test, old.settings))
        seen = await _look(candidate, wanted, gate, old, new)
        return replace(_conclude(gate, seen, summary, old), interrupted=status == INTERRUPTED)


@asynccontextmanager
async def _runtimes(app: App, candidate: Candidate, tell: Listener) -> AsyncIterator[tuple[Runtime, Runtime]]:
    """The app and the candidate at work on one open ledger."""
    new = start(candidate.plan, app.ledger_place(), candidate.settings, os.environ, tell=tell)
    try:
        old = Runtime(app.plan, new.store, app.start_settings(), os.environ, tell=tell)
        old.buyer_of = new.buyer_of
        yield old, new
    finally:
        await new.close()


async def _shadow(candidate: Candidate, wanted: Wanted, old: Runtime, new: Runtime) -> tuple[Summary, int]:
    """The candidate's job: what it had before costs nothing, and what is new is drawn and bought."""
    store, step = new.store, candidate.old.name
    job_id = store.read(lambda tx: find_job(tx, new.plan.name, step, candidate.version))
    known = set() if job_id is None else {kept.key for _line, kept in shadow_records(store, job_id)}
    chosen = await _answered(candidate, old, known, max(0, wanted.sample - len(known)))
    options = Options(job=candidate.version, budget_pico=wanted.budget_pico, yes=True)
    items = shadow_items(store, candidate, job_id, chosen)
    return await finish(Job(new, candidate.step, items, options))


async def _answered(candidate: Candidate, old: Runtime, known: set[str], count: int) -> list[int]:
    """Records drawn by chance whose old answer the ledger still tells; nothing is bought for others.

    Those that it tells no more of are passed over, however many they are: each draw is twice the one before.
    """
    found: list[int] = []
    store, app, step = old.store, old.plan.name, candidate.old.name
    seen, size = set(known), count
    while len(found) < count:
        size *= 2
        drawn = choose(store, app, step, seen, size)
        for record_id, key in drawn:
            seen.add(key)
            kept = store.read(lambda tx: find_record(tx, record_id))  # noqa: B023 - read at once
            first = None if kept is None else store.read(lambda tx: original(tx, app, step, kept))  # noqa: B023 - as above
            if first is not None and (await said(candidate.old, first, old)).known:
                found.append(record_id)
            if len(found) == count:
                break
        if len(drawn) < size:
            break
    return found


def _open(tx: Transaction, test: Test, settings: Settings) -> KeptGate:
    note_incumbent(tx, test.app, test.step, test.old)
    return open_gate(tx, test, lambda number: share_of_delta(settings.gate_delta, number))


async def _look(candidate: Candidate, wanted: Wanted, kept: KeptGate, old: Runtime, new: Runtime) -> _Seen:
    """Go through the pairs in their order. What comes after an open question is asked about and not counted.

    To count what agrees and leave out what is not ruled on would count for the candidate.
    """
    seen = _Seen(Gate(wanted.margin, kept.delta))
    apart, store, most = apart_of(candidate.old), old.store, old.settings.gate_open_max
    job_id = store.read(lambda tx: find_job(tx, new.plan.name, candidate.old.name, candidate.version))
    assert job_id is not None
    async for pair in pairs(candidate, old, new, job_id):
        if pair is None:
            seen.unbought = True
            break
        counts = not seen.open and seen.gate.ruling is Ruling.GO_ON
        if alike(pair, apart, wanted.fields):
            if counts:
                seen.records, seen.alike = seen.records + 1, seen.alike + 1
                seen.gate.agree()
            continue
        wrong = store.read(lambda tx: ruled(tx, old.plan.name, pair, apart, wanted.fields))  # noqa: B023 - read at once
        if wrong is None:
            if len(seen.open) < most or seen.gate.ruling is not Ruling.GO_ON:
                seen.open.append(pair)
            else:
                seen.more_open += 1
        elif counts:
            seen.records += 1
            seen.count(*wrong)
    return seen


def _conclude(kept: KeptGate, seen: _Seen, summary: Summary, old: Runtime) -> Gated:
    """Write the ruling, or put the open questions to people."""
    ruling, going = seen.gate.ruling.value, seen.gate.ruling is Ruling.GO_ON
    further = outlook(seen.gate, seen.records, seen.differences) if going else None
    gated = replace(
        Gated.of(kept),
        ruling=ruling,
        records=seen.records,
        alike=seen.alike,
        new_right=sum(difference < 0 for difference in seen.differences),
        old_right=sum(difference > 0 for difference in seen.differences),
        both_wrong=seen.both_wrong,
        both_right=sum(difference == 0 for difference in seen.differences) - seen.both_wrong,
        waiting=len(seen.open) + seen.more_open if going else 0,
        rulings_likely=further.rulings if further else 0,
        records_likely=further.records if further else 0,
        in_shadow=summary.records,
        unbought=seen.unbought,
        attempts=summary.attempts,
        reused=summary.reused,
        cost_usd=summary.cost_usd,
        job_cost_usd=summary.job_cost_usd,
        budget_usd=summary.budget_usd,
        stopped=summary.stopped,
    )

    def change(tx: Transaction) -> None:
        for pair in seen.open:
            if going:
                ask_person(tx, pair.record_id, pair.question())
            else:
                withdraw(tx, pair.record_id, pair.step, pair.subject)
        if not going:
            decide_gate(tx, kept.id, ruling, orjson.dumps(gated.figures()).decode())

    old.store.write_now(change)
    return gated
