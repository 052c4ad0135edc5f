"""Input taken into the ledger: each record once, each line with what it is to an earlier one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import orjson

from roadworthy._failpoints import failpoint
from roadworthy.accept.record import Record, Unusable
from roadworthy.keep.held import HELD_MOST, Held, held_of
from roadworthy.keep.pieces import add_pieces
from roadworthy.keep.record import Kept, json_text, kept_of
from roadworthy.keep.records import claim, find_record
from roadworthy.keep.transaction import Row, Transaction, Value, as_int


def take_in(
    tx: Transaction, job_id: int, run_id: int, batch: Sequence[Record | Unusable], *, owner: int | None
) -> list[tuple[Kept, object]]:
    """Take a batch of input into the ledger. Returns the records that `owner` is to look at, with their values.

    Without an owner, what is pending is left to whoever claims it, and what is answered is returned.

    Same key and same body: a duplicate. Same key and another body: within one input the later one is rejected; in a
    later input it is a new version. A pending record that another living process works on is left to it.
    """
    fresh = {item.key: item for item in batch if isinstance(item, Record) and item.long is None}
    if len(fresh) == len(batch) and not _numbers(tx, job_id, fresh):
        firsts = _take_fresh(tx, job_id, run_id, fresh, owner)
    else:
        firsts = _take_each(tx, job_id, run_id, batch, owner)
    failpoint("intake_written")
    return firsts


def _numbers(tx: Transaction, job_id: int, keys: Iterable[str]) -> dict[str, int]:
    """The records of a job that have some of these keys."""
    rows = tx.rows("numbers_among", job_id=job_id, keys=orjson.dumps(list(keys)).decode())
    return dict(cast("list[tuple[str, int]]", rows))


def _take_fresh(
    tx: Transaction, job_id: int, run_id: int, fresh: Mapping[str, Record], owner: int | None
) -> list[tuple[Kept, object]]:
    """Take in what is plainly new, in few statements: each line usable and short, each key its own, none of them known."""
    tx.change_all("add_record", (_row(tx, job_id, run_id, record, 1, owner) for record in fresh.values()))
    tx.change("put_lines", job_id=job_id, keys=orjson.dumps(list(fresh)).decode())
    if owner is None:
        return []
    numbers = _numbers(tx, job_id, fresh)
    return [(Kept.new(job_id, record, numbers[key]), record.value) for key, record in fresh.items()]


def _take_each(
    tx: Transaction, job_id: int, run_id: int, batch: Sequence[Record | Unusable], owner: int | None
) -> list[tuple[Kept, object]]:
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
    return firsts


def find_unchanged(tx: Transaction, job_id: int, batch: Sequence[Record | Unusable]) -> dict[int, Kept]:
    """Those of a batch that the ledger holds just as `take_in` would leave them, by line; for them nothing is to be written.

    These are records that stand somewhere, in the same line of the input with the same body. Which version of a key
    a line is depends on the lines before it, so a key that comes twice in the batch is left to `take_in`. Their bodies
    are not read.
    """
    times = Counter([item.key for item in batch])
    keys = orjson.dumps(list(times)).decode()
    newest = {row[3]: row for row in tx.rows("newest_among", job_id=job_id, keys=keys)}
    unchanged: dict[int, Kept] = {}
    for item in batch:
        row = newest.get(item.key)
        if row is None or not row[0] or isinstance(item, Unusable) or times[item.key] > 1:
            continue
        kept = kept_of(row[1:])
        if kept.body_hash == item.body_hash and kept.line == item.line:
            unchanged[item.line] = kept
    return unchanged


def find_direct(tx: Transaction, job_id: int, record: Record) -> tuple[Kept, Held] | None:
    """The record that code handed over and what is held of it, where the ledger has it whole already; nothing is written.

    Its body is not read. One that holds more than `HELD_MOST` questions and replies is asked of them one by one.
    """
    rows = tx.rows("newest_held", job_id=job_id, key=record.key, most=HELD_MOST)
    if not rows:
        return None
    has_body, is_ruled, *_ = first = rows[0]
    kept = kept_of(first[2:24])
    if not has_body or kept.body_hash != record.body_hash:
        return None
    ruled = frozenset([kept.id] if is_ruled else ())
    return kept, Held(ruled) if len(rows) == HELD_MOST else held_of(ruled, [row[24:] for row in rows])


def take_direct(tx: Transaction, job_id: int, run_id: int, record: Record) -> Kept:
    """Take one record that code handed over. Same key and body: the same record; another body: a new version."""
    row = tx.row("newest_version", job_id=job_id, key=record.key)
    if row is not None and row[2] == record.body_hash:
        _restore(tx, row, record)
        kept = find_record(tx, as_int(row[0]))
        assert kept is not None
        return kept
    return add_direct(tx, job_id, run_id, record, 1 if row is None else as_int(row[1]) + 1, owner=None)


def add_direct(
    tx: Transaction, job_id: int, run_id: int, record: Record, version: int, *, owner: int | None
) -> Kept:
    """Take in a record, or a version of one, that is new: a line of its own, at the end."""
    row = tx.row("next_line", job_id=job_id)
    assert row is not None
    number = as_int(row[0])
    record = replace(record, line=number)
    record_id = _insert(tx, job_id, run_id, record, version, owner=owner)
    tx.change("put_line", job_id=job_id, number=number, record_id=record_id, kind="first")
    return Kept.new(job_id, record, record_id, version)


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
    # One that could not be used has no body, so that it is not in the way of one that can.
    earlier = (
        body_hash != b""
        and line < record.line
        and tx.row("line", job_id=job_id, number=line) == (record_id, "first")
    )
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
            pieces=0 if record.long is None else record.long.count,
        )
        add_pieces(tx, as_int(newest[0]), record.long)


def _cleanings(record: Record) -> str | None:
    found = [
        {"kind": c.kind, "where": c.where, "before": c.before, "after": c.after} for c in record.cleanings
    ]
    return json_text(found) if found else None  # type: ignore[arg-type] # a list of flat objects


def _insert(
    tx: Transaction, job_id: int, run_id: int, record: Record, version: int, owner: int | None
) -> int:
    record_id = tx.add("add_record", **_row(tx, job_id, run_id, record, version, owner))
    add_pieces(tx, record_id, record.long)
    return record_id


def _row(
    tx: Transaction, job_id: int, run_id: int, record: Record, version: int, owner: int | None
) -> dict[str, Value]:
    return {
        "job_id": job_id,
        "key": record.key,
        "version": version,
        "line": record.line,
        "body": json_text(record.body),
        "body_hash": record.body_hash,
        "raw": record.raw,
        "cleanings": _cleanings(record) if record.cleanings else None,
        "outcome": "pending",
        "reason": None,
        "run_id": run_id,
        "now": tx.now,
        "owner": owner,
        "pieces": 0 if record.long is None else record.long.count,
    }


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
        pieces=0,
    )


def _put_line(tx: Transaction, job_id: int, number: int, record_id: int, kind: str) -> None:
    known = tx.row("line", job_id=job_id, number=number)
    if known != (record_id, kind):
        tx.change("put_line", job_id=job_id, number=number, record_id=record_id, kind=kind)
