"""Records: claimed, kept where they stand, never lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import orjson

from roadworthy._failpoints import failpoint
from roadworthy._quick import quick
from roadworthy.keep.attempts import NO_CHARGE, Charge
from roadworthy.keep.pieces import whole_body
from roadworthy.keep.record import OUTCOMES, Fate, Kept, Line, kept_of, line_of
from roadworthy.keep.transaction import Row, Transaction, Values, as_int, as_text, damaged, text_or_none


def claim(tx: Transaction, record_id: int, owner: int) -> bool:
    """Work on a record, unless another living process does. A fate gives it back; so does the claimant's death."""
    return bool(tx.change("claim_record", record_id=record_id, owner=owner))


def claim_all(tx: Transaction, record_ids: Sequence[int], owner: int) -> set[int]:
    """Work on those of these records that no other living process works on: their numbers."""
    ids = orjson.dumps(record_ids).decode()
    return {as_int(row[0]) for row in tx.rows("claim_records", ids=ids, owner=owner)}


def keep(tx: Transaction, record_id: int, fate: Fate, charge: Charge = NO_CHARGE) -> None:
    """Write where a record stands now, with what its last attempts cost."""
    tx.change(
        "keep_record",
        record_id=record_id,
        outcome=fate.outcome,
        waiting_for=fate.waiting_for or None,
        reason=fate.reason or None,
        value=fate.value,
        confidence=fate.confidence,
        certified=int(fate.certified),
        model=fate.model or None,
        mended=fate.mended or None,
        question_id=fate.question_id or None,
        state=fate.state,
        attempts=charge.attempts,
        cost_pico=charge.cost_pico,
        now=tx.now,
    )
    failpoint("outcome_written")


def find_record(tx: Transaction, record_id: int) -> Kept | None:
    """One record by its number; a text that is kept in pieces stays where it is."""
    row = tx.row("record", record_id=record_id)
    return None if row is None else kept_of(row)


def find_whole(tx: Transaction, record_id: int) -> Kept | None:
    """One record by its number with all of its text, to be shown."""
    kept = find_record(tx, record_id)
    if kept is None or not kept.pieces:
        return kept
    return replace(kept, stored=whole_body(tx, kept.id, kept.stored), pieces=0)


def claim_unfinished(
    tx: Transaction, job_id: int, run_id: int, *, after: int, count: int, owner: int
) -> list[tuple[int, Kept]]:
    """The next records that a run may go on with, in input order, claimed for `owner`: (line number, record).

    A text that is kept in pieces stays where it is.
    """
    given: Values = {"job_id": job_id, "run_id": run_id, "count": count, "owner": owner}
    rows = claim_page(tx, "page_unfinished", given, after, owner)
    return [(as_int(row[0]), kept_of(row[1:])) for row in rows]


def claim_page(tx: Transaction, query: str, given: Values, after: int, owner: int) -> list[Row]:
    """The first page after a place of which something can be claimed, as it stands then: (place, the record's columns)."""
    while rows := tx.rows(query, {**given, "after": after}):
        place = after
        found = claim_those(tx, lambda: tx.rows(query, {**given, "after": place}), rows, 1, owner)  # noqa: B023 - called at once
        if found:
            return found
        after = as_int(rows[-1][0])
    return []


def claim_those(
    tx: Transaction, again: Callable[[], list[Row]], rows: list[Row], at: int, owner: int
) -> list[Row]:
    """Claim the records of a page: those that were, as they stand now.

    Where others write meanwhile, a claim waits for whoever is changing the record, and what was read before is old.

    Args:
        again: reads the page once more.
        at: which column is the record's number.
    """
    claimed = claim_all(tx, [as_int(row[at]) for row in rows], owner)
    if claimed and tx.concurrent:
        rows = again()
        for record_id in claimed - {as_int(row[at]) for row in rows}:
            tx.change("let_go", record_id=record_id, owner=owner)
    return [row for row in rows if row[at] in claimed]


def page_lines(tx: Transaction, job_id: int, after: int, count: int) -> list[Line]:
    """The next lines of a job in input order, each with its record's fate."""
    return [line_of(row) for row in tx.rows("page_lines", job_id=job_id, after=after, count=count)]


@quick(frozen=True, slots=True)
class Standing:
    """Where the lines of a job stand, counted.

    Attributes:
        outcomes: how many have which outcome.
        waiting: of those that wait, how many for what.
        kinds: how many are firsts, duplicates and conflicts.
        models: whose answers are accepted, commonest first; "" for a workflow's.
    """

    outcomes: dict[str, int]
    waiting: dict[str, int]
    kinds: dict[str, int]
    models: tuple[tuple[str, int], ...]


def standing(tx: Transaction, job_id: int) -> Standing:
    """The same as `fates`, with what else there is to count, in one pass over the job."""
    outcomes = Counter(dict.fromkeys(OUTCOMES, 0))
    waiting, kinds, models = Counter[str](), Counter[str](), Counter[str]()
    for kind, outcome, waiting_for, model, count in tx.rows("standing", job_id=job_id):
        if outcome not in outcomes:
            raise damaged("an outcome", outcome)
        number = as_int(count)
        outcomes[as_text(outcome)] += number
        kinds[as_text(kind)] += number
        if outcome == "waiting":
            waiting[text_or_none(waiting_for) or ""] += number
        elif outcome == "accepted":
            models[text_or_none(model) or ""] += number
    return Standing(dict(outcomes), dict(waiting), dict(kinds), tuple(models.most_common()))


def open_records(tx: Transaction, job_id: int) -> dict[str, int]:
    """How many records of a job's input are not at their end: `pending`, or what they wait for.

    However many have ended, no more is read than what has not: a run looks at this after each round.
    """
    return {as_text(what): as_int(count) for what, count in tx.rows("open_records", job_id=job_id)}


def fates(tx: Transaction, job_id: int) -> tuple[dict[str, int], dict[str, int]]:
    """How many lines of a job have which outcome, and how many wait for what."""
    outcomes = dict.fromkeys(OUTCOMES, 0)
    waiting: dict[str, int] = {}
    for outcome, waiting_for, count in tx.rows("fates", job_id=job_id):
        if outcome not in outcomes:
            raise damaged("an outcome", outcome)
        outcomes[as_text(outcome)] += as_int(count)
        if outcome == "waiting":
            waiting[as_text(waiting_for)] = as_int(count)
    return outcomes, waiting
