"""Who pays for a job: a candidate's shadow runs are a job of their own, on the account of the app they would change."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from tests.contract.test_money import PIN, request

from roadworthy._settings import DEFAULTS
from roadworthy.accept.record import Record
from roadworthy.call.meter import NoMoney, Opened
from roadworthy.keep.attempts import Payer, Pin, open_attempt, reap, scopes_of
from roadworthy.keep.erase import of_key
from roadworthy.keep.intake import take_direct
from roadworthy.keep.jobs import begin_run, open_job, set_cap
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.queries import migrations
from roadworthy.observe.soundness import contradictions


def shadow(store: Ledger) -> tuple[Payer, Pin]:
    """A candidate's job that the app pays for, and a question about its record."""
    job_id = store.write_now(lambda tx: open_job(tx, "app~candidate", "entry", "v", "app"))
    run_id = store.write_now(lambda tx: begin_run(tx, job_id, store.owner))
    record = Record("k", {}, b"h" * 32, 1, {})
    kept = store.write_now(lambda tx: take_direct(tx, job_id, run_id, record))
    return Payer(scopes_of("app", "", job_id), "", run_id, store.owner), replace(PIN, record_id=kept.id)


def test_a_dead_candidate_is_charged_to_the_app(store: Ledger) -> None:
    """Whoever reaps would charge an account that nobody caps, and the app's would be short of it for ever (P3)."""
    payer, pin = shadow(store)
    opened = store.write_now(lambda tx: open_attempt(tx, request(1), pin, payer))
    assert isinstance(opened, Opened)
    store.write_now(lambda tx: reap(tx, [payer.owner]))
    account = store.read(lambda tx: tx.account("app:app:"))
    assert (account.spent_pico, account.reserved_pico) == (100, 0)
    assert store.read(lambda tx: tx.account("app:app~candidate:")).spent_pico == 0
    assert store.read(lambda tx: contradictions(tx, store.is_alive)) == []


def test_the_app_s_cap_holds_for_a_candidate(store: Ledger) -> None:
    """A candidate would spend beside the app's budget."""
    payer, pin = shadow(store)
    store.write_now(lambda tx: set_cap(tx, "app:app:", 150))
    assert isinstance(store.write_now(lambda tx: open_attempt(tx, request(1), pin, payer)), Opened)
    refused = store.write_now(lambda tx: open_attempt(tx, request(2), pin, payer))
    assert isinstance(refused, NoMoney)
    assert refused.scope == "app:app:"


def test_a_record_s_copy_is_forgotten_with_it(store: Ledger) -> None:
    """The words of someone who asked to be forgotten would stay in a candidate's copy."""
    shadow(store)
    assert len(store.read(lambda tx: of_key(tx, "app", "k"))) == 1


def test_jobs_of_an_older_ledger_pay_for_themselves(tmp_path: Path) -> None:
    """After an upgrade no account would be found for what is on the wire."""
    place = tmp_path / "old.db"
    old = sqlite3.connect(place)
    for number, script in migrations():
        if number < 9:
            old.executescript(script)
            old.execute(f"PRAGMA user_version = {number}")
    old.execute("INSERT INTO job (app, entry, name, created_at) VALUES ('a', 'e', 'j', 0)")
    old.commit()
    old.close()
    store = open_ledger(str(place), DEFAULTS)
    try:
        assert store.read(lambda tx: tx.row("runs_under_way", app="a")) is None
        run_id = store.write_now(lambda tx: begin_run(tx, 1, store.owner))
        under_way = store.read(lambda tx: tx.rows("runs_under_way", app="a"))
        assert under_way == [(run_id, store.owner, 1, "j", "e")]
    finally:
        store.close()
