"""Jobs, runs, caps and the versions of prompts."""

from __future__ import annotations

from roadworthy._failpoints import failpoint
from roadworthy.keep.transaction import Account, Transaction, as_int, text_or_none

DIRECT = "(direct)"
"""The job of what code hands over directly, outside of any run."""


def open_job(tx: Transaction, app: str, entry: str, name: str, payer: str = "") -> int:
    """The job of this identity, made where it is new.

    Args:
        payer: the app whose money it spends; "" for `app` itself.
    """
    tx.add("add_job", app=app, entry=entry, name=name, payer=payer or app, now=tx.now)
    row = tx.row("job", app=app, entry=entry, name=name)
    assert row is not None
    return as_int(row[0])


def find_job(tx: Transaction, app: str, entry: str, name: str) -> int | None:
    """The job of this identity, if it was ever run."""
    row = tx.row("job", app=app, entry=entry, name=name)
    return None if row is None else as_int(row[0])


def begin_run(tx: Transaction, job_id: int, owner: int) -> int:
    """A new run of a job; not while retention goes through what no run of it has seen for long."""
    _hold(tx, job_id)
    run_id = tx.add("add_run", job_id=job_id, owner=owner, now=tx.now)
    failpoint("run_begun_written")
    return run_id


def end_run(tx: Transaction, run_id: int, status: int, summary: str) -> None:
    """Note how a run ended."""
    tx.change("end_run", run_id=run_id, now=tx.now, status=status, summary=summary)
    failpoint("run_ended_written")


def set_cap(tx: Transaction, scope: str, limit_pico: int | None) -> Account:
    """Give an account its cap; what it has spent still counts."""
    account = tx.account(scope)
    if account.limit_pico != limit_pico:
        tx.cap_account(account, limit_pico)
    return account


def remember_version(tx: Transaction, app: str, step: str, version: str, spec: str) -> None:
    """Keep the text behind a step's version the first time it is seen."""
    tx.add("add_app_version", app=app, step=step, version=version, spec=spec, now=tx.now)


def version_spec(tx: Transaction, app: str, step: str, version: str) -> str | None:
    """The text behind a step's version."""
    row = tx.row("app_version", app=app, step=step, version=version)
    return None if row is None else text_or_none(row[0])


def put_back_failed(tx: Transaction, job_id: int) -> int:
    """`run --retry failed`: failed records are asked anew, under the next sample number."""
    _hold(tx, job_id)
    tx.change("retry_failed_questions", job_id=job_id)
    return tx.change("retry_failed_records", job_id=job_id)


def put_back_all(tx: Transaction, job_id: int) -> int:
    """`run --refresh`: every answered record is asked anew, under the next sample number."""
    tx.change("refresh_questions", job_id=job_id)
    return tx.change("refresh_records", job_id=job_id)


def _hold(tx: Transaction, job_id: int) -> None:
    """Have what follows see all that others did to a job; where one writes at a time it does."""
    if tx.concurrent:
        tx.change("hold_job", job_id=job_id)


def note(
    tx: Transaction, kind: str, data: str, *, run_id: int | None = None, record_id: int | None = None
) -> None:
    """Note that something happened."""
    tx.add("add_event", now=tx.now, run_id=run_id, record_id=record_id, kind=kind, data=data)
