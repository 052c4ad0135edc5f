"""Calls of a batch that are never sent: they cost nothing and leave nothing, on every kind of ledger."""

from dataclasses import replace

from tests.contract.test_money import PIN, job, request
from tests.ledgers import ask

from roadworthy.accept.record import Record
from roadworthy.keep.attempts import Payer
from roadworthy.keep.batches import (
    Batch,
    cancel_batches,
    open_batches,
    plan_batch,
    queue_attempt,
    queued,
    unplan,
)
from roadworthy.keep.intake import take_direct
from roadworthy.keep.jobs import open_job
from roadworthy.keep.ledger import Ledger


def queued_call(store: Ledger, payer: Payer) -> Batch:
    """A call of one record, in a batch that is on its way out."""
    job_id = store.write_now(lambda tx: open_job(tx, "app", "entry", "job"))
    record = Record("k", {}, b"h" * 32, 0, None)
    kept = store.write_now(lambda tx: take_direct(tx, job_id, payer.run_id, record))
    pin = replace(PIN, record_id=kept.id)
    store.write_now(lambda tx: queue_attempt(tx, request(1), pin, payer, app="app", body=b"{}"))
    store.write_now(lambda tx: plan_batch(tx, "app", "m", store.owner, calls_max=9, bytes_max=99, overhead=1))
    (batch,) = store.read(lambda tx: open_batches(tx, "app"))
    return batch


def test_what_is_cancelled_while_its_batch_is_on_its_way_out_is_taken_back(
    store: Ledger, ledger: str
) -> None:
    """A provider that says later would have the calls queued again: they are sent and paid for after a cancel."""
    batch = queued_call(store, job(store, None))
    store.write_now(lambda tx: cancel_batches(tx, "app"))
    store.write_now(lambda tx: unplan(tx, batch))
    assert ask(ledger, "SELECT state FROM attempt") == [("unsent",)]
    assert ask(ledger, "SELECT batch_id, body FROM batch_call") == [(None, None)]
    assert store.read(lambda tx: queued(tx, "app")) == {}


def test_calls_that_are_taken_back_keep_no_words(store: Ledger, ledger: str) -> None:
    """What a record says would lie in the ledger for a call that nobody will ever send."""
    batch = queued_call(store, job(store, None))
    store.write_now(lambda tx: unplan(tx, batch))
    assert store.write_now(lambda tx: cancel_batches(tx, "app")) == (0, 1)
    assert ask(ledger, "SELECT body FROM batch_call") == [(None,)]
