"""Records: taken in once, kept where they stand, never lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from roadworthy._failpoints import failpoint
from roadworthy.accept.record import Json, Record, Unusable
from roadworthy.keep.attempts import NO_CHARGE, Charge
from roadworthy.keep.transaction import (
    Row,
    Transaction,
    as_bytes,
    as_float,
    as_int,
    as_text,
    damaged,
    text_or_none,
)

OUTCOMES = ("accepted", "rejected", "failed", "waiting", "pending")


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as the ledger holds it.

    Attributes:
        outcome: one of `OUTCOMES`.
        waiting_for: `review`, `budget`, `provider` or `batch` where the outcome is `waiting`, else "".
        body: the cleaned record as JSON text; None where it was forgotten or never usable.
        value: the accepted answer as JSON text.
        mended: what deterministic mending the answer needed, "" for none.
        stale_run: the run that found the answer out of date, 0 for none.
    """

    id: int
    job_id: int
    key: str
    version: int
    line: int
    body: str | None
    body_hash: bytes
    outcome: str
    waiting_for: str
    reason: str
    value: str | None
    confidence: float | None
    certified: bool
    model: str
    mended: str
    attempts: int
    cost_pico: int
    deaths: int
    question_id: int
    stale_run: int

    @classmethod
    def new(cls, job_id: int, record: Record, record_id: int = 0, version: int = 1) -> Kept:
        """The record as it is taken in, or would be where the ledger does not have it."""
        return cls(
            id=record_id,
            job_id=job_id,
            key=record.key,
            version=version,
            line=record.line,
            body=None,
            body_hash=record.body_hash,
            outcome="pending",
            waiting_for="",
            reason="",
            value=None,
            confidence=None,
            certified=False,
            model="",
            mended="",
            attempts=0,
            cost_pico=0,
            deaths=0,
            question_id=0,
            stale_run=0,
        )


@dataclass(frozen=True, slots=True)
class Fate:
    """Where a record stands now, to be written."""

    outcome: str
    waiting_for: str = ""
    reason: str = ""
    value: str | None = None
    confidence: float | None = None
    certified: bool = False
    model: str = ""
    mended: str = ""
    question_id: int = 0

    def is_of(self, kept: Kept) -> bool:
        """Whether the ledger says this already."""
        return self == Fate(
            kept.outcome,
            kept.waiting_for,
            kept.reason,
            kept.value,
            kept.confidence,
            kept.certified,
            kept.model,
            kept.mended,
            kept.question_id,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a job's input with the fate of the record behind it."""

    number: int
    kind: str
    record_id: int
    key: str
    outcome: str
    waiting_for: str
    reason: str
    value: str | None
    confidence: float | None
    certified: bool
    model: str
    attempts: int
    cost_pico: int


def take_in(
    tx: Transaction, job_id: int, run_id: int, batch: Sequence[Record | Unusable], *, owner: int | None
) -> list[tuple[Kept, object]]:
    """Take a batch of input into the ledger. Returns the records that `owner` is to look at, with their values.

    Without an owner, what is pending is left to whoever claims it, and what is answered is returned.

    Same key and same body: a duplicate. Same key and another body: within one input the later one is rejected; in a
    later input it is a new version. A pending record that another living process works on is left to it.
    """
    firsts: list[tuple[Kept, object]] = []
    for item in batch:
        if isinstance(item, Unusable):
            record_id, kind, version = _reject(tx, job_id, run_id, item), "first", 0
        else:
            record_id, kind, version = _meet(tx, job_id, run_id, item, owner)
            if version and owner is not None:
                firsts.append((Kept.new(job_id, item, record_id, version), item.value))
            elif kind == "first" and not version:
                known = find_record(tx, record_id)
                assert known is not None
                if known.outcome != "pending" or (owner is not None and claim(tx, record_id, owner)):
                    firsts.append((known, item.value))
        if version:
            tx.change("put_line", job_id=job_id, number=item.line, record_id=record_id, kind=kind)
        else:
            _put_line(tx, job_id, item.line, record_id, kind)
    failpoint("intake_written")
    return firsts


def claim(tx: Transaction, record_id: int, owner: int) -> bool:
    """Work on a record, unless another living process does. A fate gives it back; so does the claimant's death."""
    return bool(tx.change("claim_record", record_id=record_id, owner=owner))


def take_direct(tx: Transaction, job_id: int, run_id: int, record: Record) -> Kept:
    """Take one record that code handed over. Same key and body: the same record; another body: a new version."""
    row = tx.row("newest_version", job_id=job_id, key=record.key)
    if row is not None and row[2] == record.body_hash:
        _restore(tx, row, record)
        kept = find_record(tx, as_int(row[0]))
        assert kept is not None
        return kept
    last = tx.row("last_line", job_id=job_id)
    number = 1 + (as_int(last[0]) if last is not None and last[0] is not None else 0)
    version = 1 if row is None else as_int(row[1]) + 1
    record_id = _insert(tx, job_id, run_id, replace(record, line=number), version, owner=None)
    _put_line(tx, job_id, number, record_id, "first")
    kept = find_record(tx, record_id)
    assert kept is not None
    return kept


def _meet(
    tx: Transaction, job_id: int, run_id: int, record: Record, owner: int | None
) -> tuple[int, str, int]:
    """Which record of the ledger it is, what its line is to it, and its version where it is new, else 0."""
    row = tx.row("newest_version", job_id=job_id, key=record.key)
    if row is None:
        return _insert(tx, job_id, run_id, record, 1, owner), "first", 1
    record_id, version, body_hash, line = as_int(row[0]), as_int(row[1]), row[2], as_int(row[4])
    same = body_hash == record.body_hash
    # Lines are taken in order, so an earlier line that still is this record is one of this very input.
    earlier = line < record.line and tx.row("line", job_id=job_id, number=line) == (record_id, "first")
    if earlier and same:
        return record_id, "duplicate", 0
    if earlier:
        reason = (
            f"line {record.line}: the key {record.key!r} was used on line {line} for another body. "
            "Give each record its own key, or name the key with step(key=...)."
        )
        return _reject(tx, job_id, run_id, Unusable(record.key, record.line, b"", reason)), "conflict", 0
    if not same:
        return _insert(tx, job_id, run_id, record, version + 1, owner), "first", version + 1
    if line != record.line:
        tx.change("see_record", record_id=record_id, line=record.line)
    _restore(tx, row, record)
    return record_id, "first", 0


def _restore(tx: Transaction, newest: Row, record: Record) -> None:
    """A record that is known came again: put back what retention removed of it."""
    if newest[6]:
        tx.change(
            "restore_record",
            record_id=as_int(newest[0]),
            body=json_text(record.body),
            raw=record.raw,
            cleanings=_cleanings(record),
        )


def _cleanings(record: Record) -> str | None:
    found = [
        {"kind": c.kind, "where": c.where, "before": c.before, "after": c.after} for c in record.cleanings
    ]
    return json_text(found) if found else None  # type: ignore[arg-type] # a list of flat objects


def _insert(
    tx: Transaction, job_id: int, run_id: int, record: Record, version: int, owner: int | None
) -> int:
    return tx.add(
        "add_record",
        job_id=job_id,
        key=record.key,
        version=version,
        line=record.line,
        body=json_text(record.body),
        body_hash=record.body_hash,
        raw=record.raw,
        cleanings=_cleanings(record),
        outcome="pending",
        reason=None,
        run_id=run_id,
        now=tx.now,
        owner=owner,
    )


def _reject(tx: Transaction, job_id: int, run_id: int, item: Unusable) -> int:
    """Keep a line that cannot be used; it never hides a usable record of the same key."""
    known = tx.row("line", job_id=job_id, number=item.line)
    kept = None if known is None else find_record(tx, as_int(known[0]))
    if kept is not None and kept.outcome == "rejected" and kept.reason == item.reason:
        return kept.id
    newest = tx.row("newest_version", job_id=job_id, key=item.key)
    key = item.key if newest is None or newest[2] == b"" else f"{item.key}@{item.line}"
    newest = tx.row("newest_version", job_id=job_id, key=key)
    return tx.add(
        "add_record",
        job_id=job_id,
        key=key,
        version=1 if newest is None else as_int(newest[1]) + 1,
        line=item.line,
        body=None,
        body_hash=b"",
        raw=item.raw,
        cleanings=None,
        outcome="rejected",
        reason=item.reason,
        run_id=run_id,
        now=tx.now,
        owner=None,
    )


def _put_line(tx: Transaction, job_id: int, number: int, record_id: int, kind: str) -> None:
    known = tx.row("line", job_id=job_id, number=number)
    if known != (record_id, kind):
        tx.change("put_line", job_id=job_id, number=number, record_id=record_id, kind=kind)


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
        attempts=charge.attempts,
        cost_pico=charge.cost_pico,
        now=tx.now,
    )
    failpoint("outcome_written")


def find_record(tx: Transaction, record_id: int) -> Kept | None:
    """One record by its number."""
    row = tx.row("record", record_id=record_id)
    return None if row is None else _kept(row)


def claim_unfinished(
    tx: Transaction, job_id: int, run_id: int, *, after: int, count: int, owner: int
) -> list[tuple[int, Kept]]:
    """The next records that a run may go on with, in input order, claimed for `owner`: (line number, record)."""
    rows = tx.rows("page_unfinished", job_id=job_id, run_id=run_id, after=after, count=count, owner=owner)
    return [(as_int(row[0]), _kept(row[1:])) for row in rows if claim(tx, as_int(row[1]), owner)]


def page_lines(tx: Transaction, job_id: int, after: int, count: int) -> list[Line]:
    """The next lines of a job in input order, each with its record's fate."""
    return [_line(row) for row in tx.rows("page_lines", job_id=job_id, after=after, count=count)]


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


def json_text(value: Json) -> str:
    """Compact JSON text of a value, keys in order of insertion. Whole numbers of any size survive."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        import json  # noqa: PLC0415 - only for numbers beyond 64 bits

        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _kept(row: Row) -> Kept:
    (rid, job_id, key, version, line, body, body_hash, outcome, waiting_for, reason, value, confidence) = row[
        :12
    ]
    certified, model, mended, attempts, cost, deaths, question_id, stale_run = row[12:]
    return Kept(
        id=as_int(rid),
        job_id=as_int(job_id),
        key=as_text(key),
        version=as_int(version),
        line=as_int(line),
        body=text_or_none(body),
        body_hash=as_bytes(body_hash),
        outcome=as_text(outcome),
        waiting_for=text_or_none(waiting_for) or "",
        reason=text_or_none(reason) or "",
        value=text_or_none(value),
        confidence=None if confidence is None else as_float(confidence),
        certified=bool(certified),
        model=text_or_none(model) or "",
        mended=text_or_none(mended) or "",
        attempts=as_int(attempts),
        cost_pico=as_int(cost),
        deaths=as_int(deaths),
        question_id=0 if question_id is None else as_int(question_id),
        stale_run=0 if stale_run is None else as_int(stale_run),
    )


def _line(row: Row) -> Line:
    number, kind, rid, key, outcome, waiting_for, reason, value = row[:8]
    confidence, certified, model, attempts, cost = row[8:]
    return Line(
        number=as_int(number),
        kind=as_text(kind),
        record_id=as_int(rid),
        key=as_text(key),
        outcome=as_text(outcome),
        waiting_for=text_or_none(waiting_for) or "",
        reason=text_or_none(reason) or "",
        value=text_or_none(value),
        confidence=None if confidence is None else as_float(confidence),
        certified=bool(certified),
        model=text_or_none(model) or "",
        attempts=as_int(attempts),
        cost_pico=as_int(cost),
    )
