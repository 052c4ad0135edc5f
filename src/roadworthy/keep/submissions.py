"""What callers of the service hand over: under a token, in a namespace, found again by those who may see it."""

from __future__ import annotations

from functools import partial

from roadworthy._quick import quick
from roadworthy.accept.record import Record
from roadworthy.keep.intake import add_direct, take_direct
from roadworthy.keep.jobs import open_job
from roadworthy.keep.record import Kept, kept_of
from roadworthy.keep.records import claim, claim_page, claim_those, find_record
from roadworthy.keep.transaction import Transaction, Values, as_bytes, as_int, as_text

SERVED = "(service)"
"""The job of the records that callers hand over one by one; their files are jobs named `(service) NAME`."""


@quick(frozen=True, slots=True)
class Clash:
    """The token came before, with another body."""

    token: str


@quick(frozen=True, slots=True)
class Taken:
    """A record that a caller handed over.

    Attributes:
        mine: whether this process is to work on it; else another living one does.
    """

    kept: Kept
    mine: bool


def open_served_job(tx: Transaction, app: str, entry: str, namespace: str, name: str = "") -> int:
    """The job of a namespace's records, made where it is new."""
    whose = f"{SERVED} {namespace}".strip()
    job_id = open_job(tx, app, entry, f"{whose}: {name}" if name else whose)
    tx.change("set_namespace", job_id=job_id, namespace=namespace)
    return job_id


def submit(
    tx: Transaction, job_id: int, run_id: int, record: Record, *, owner: int, token: str = ""
) -> Taken | Clash:
    """Take one record in, claimed for `owner`. The same token with the same body is the same record.

    Args:
        token: the caller's Idempotency-Key; "" for none.
    """
    before = tx.row("submission", job_id=job_id, token=token) if token else None
    if before is not None:
        if as_bytes(before[0]) != record.body_hash:
            return Clash(token)
        known = find_record(tx, as_int(before[1]))
        assert known is not None
        return Taken(known, claim(tx, known.id, owner))
    taken = _take(tx, job_id, run_id, record, owner)
    if token:
        tx.add(
            "add_submission",
            job_id=job_id,
            token=token,
            body_hash=record.body_hash,
            record_id=taken.kept.id,
            now=tx.now,
        )
    return taken


def _take(tx: Transaction, job_id: int, run_id: int, record: Record, owner: int) -> Taken:
    """The record, claimed: a new one with as few statements as can be, since they come by the thousand."""
    newest = tx.row("newest_version", job_id=job_id, key=record.key)
    if newest is not None:
        kept = take_direct(tx, job_id, run_id, record)
        return Taken(kept, claim(tx, kept.id, owner))
    kept = add_direct(tx, job_id, run_id, record, 1, owner=owner)
    return Taken(kept, mine=True)


def tokens_of(tx: Transaction, record_id: int) -> tuple[int, int]:
    """What a record's attempts read and wrote; nothing where its answer was bought before, for another one."""
    row = tx.row("tokens_of_record", record_id=record_id)
    assert row is not None
    return as_int(row[0]), as_int(row[1])


def namespace_of(tx: Transaction, job_id: int) -> str:
    """Whose records a job holds."""
    row = tx.row("namespace", job_id=job_id)
    return "" if row is None else as_text(row[0])


def find_in_namespace(tx: Transaction, app: str, namespace: str, key: str, entry: str = "") -> list[Kept]:
    """Every version of a key that a namespace may see, newest first. The one place where records are told apart.

    Args:
        entry: of this step or workflow alone; "" for all.
    """
    rows = tx.rows("records_in_namespace", app=app, namespace=namespace, key=key, entry=entry)
    found = (find_record(tx, as_int(row[0])) for row in rows)
    return [kept for kept in found if kept is not None]


def entries_in_namespace(tx: Transaction, app: str, namespace: str, key: str) -> list[str]:
    """The steps and workflows that a namespace handed a record of this key to, by name."""
    return [as_text(row[0]) for row in tx.rows("entries_in_namespace", app=app, namespace=namespace, key=key)]


def find_job_in_namespace(tx: Transaction, app: str, namespace: str, job_id: int) -> tuple[str, str] | None:
    """(entry, name) of a job that a namespace may see."""
    row = tx.row("job_in_namespace", app=app, namespace=namespace, job_id=job_id)
    return None if row is None else (as_text(row[1]), as_text(row[2]))


def served_jobs(tx: Transaction, app: str) -> list[tuple[int, str]]:
    """(number, entry) of every job that the service works on and nobody has cancelled."""
    return [(as_int(row[0]), as_text(row[1])) for row in tx.rows("served_jobs", app=app, names=f"{SERVED}%")]


def ruled_records(tx: Transaction, job_id: int, count: int) -> list[Kept]:
    """Records that wait for people who have ruled meanwhile."""
    found = (find_record(tx, as_int(row[0])) for row in tx.rows("ruled_records", job_id=job_id, count=count))
    return [kept for kept in found if kept is not None]


def claim_ruled(tx: Transaction, job_id: int, count: int, owner: int) -> list[Kept]:
    """The same, claimed for `owner`: what comes after a ruling may be a side effect, so one process alone goes on."""
    look = partial(tx.rows, "ruled_records", job_id=job_id, count=count)
    claimed = claim_those(tx, look, look(), 0, owner)
    found = (find_record(tx, as_int(row[0])) for row in claimed)
    return [kept for kept in found if kept is not None]


def claim_served(tx: Transaction, job_id: int, *, after: int, count: int, owner: int) -> list[Kept]:
    """The next records of a served job that may be gone on with, oldest first, claimed for `owner`.

    Args:
        after: the number of the last record that was looked at.
    """
    given: Values = {"job_id": job_id, "count": count, "owner": owner}
    return [kept_of(row[1:]) for row in claim_page(tx, "served_unfinished", given, after, owner)]
