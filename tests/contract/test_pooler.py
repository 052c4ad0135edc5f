"""A ledger behind a pooler that hands each transaction another connection, as managed servers give by default."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests import postgres
from tests.conftest import QUICK
from tests.contract.test_money import PIN, request, settled
from tests.contract.test_races import job, taken
from tests.ledgers import ask
from tests.pooler import pooled

from roadworthy.call.meter import Opened
from roadworthy.keep.attempts import Pin, open_attempt, settle_attempt
from roadworthy.keep.jobs import set_cap
from roadworthy.keep.ledger import Ledger, open_ledger

CALLS = 30


@pytest.fixture
def url(postgres_server: postgres.Server) -> str:
    """A new database."""
    return postgres_server.new_database()


def buy(store: Ledger, first: int) -> int:
    """Take a record in and buy answers for it, a transaction each; how many were bought."""
    job_id, payer = job(store)
    store.write_now(lambda tx: set_cap(tx, payer.scopes[0], 1_000_000))
    record_id = taken(store, job_id, payer.run_id, f"r{first}")
    pin = Pin(record_id, PIN.step, PIN.version, PIN.fixed, PIN.body)
    bought = 0
    for number in range(first, first + CALLS):
        opened = store.write_now(lambda tx, number=number: open_attempt(tx, request(number), pin, payer))  # type: ignore[misc] # bound now
        assert isinstance(opened, Opened)
        told = settled(opened, 10)
        bought += store.write_now(lambda tx, told=told: settle_attempt(tx, told, payer.scopes))  # type: ignore[misc] # bound now
        assert store.is_alive(store.owner)
    return bought


def test_two_processes_work_through_a_pooler(url: str) -> None:
    """A statement that one of them prepared would be missing on its next connection, or be another one's of that name."""
    with pooled(url) as address:
        stores = [open_ledger(address, QUICK) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(buy, stores, (0, 1_000))) == [CALLS, CALLS]
        for store in stores:
            store.close()
    assert ask(url, "SELECT count(*) FROM reply") == [(2 * CALLS,)]
    assert ask(url, "SELECT reserved_pico FROM budget WHERE scope LIKE 'job:%'") == [(0,)]


def test_what_a_ledger_wants_of_its_connection_is_left_on_none_of_a_pooler_s(url: str) -> None:
    """Other clients of the pooler would find their own transactions ended after our `lease_s`."""
    with pooled(url, 1) as address:
        store = open_ledger(address, QUICK)
        store.write_now(lambda tx: set_cap(tx, "job:1", 5))
        with psycopg.connect(address, autocommit=True) as other:
            assert other.execute("SHOW idle_in_transaction_session_timeout").fetchall() == [("0",)]
        said = store.write_now(
            lambda tx: tx._server.execute("SHOW idle_in_transaction_session_timeout").fetchall()  # type: ignore[attr-defined]
        )
        assert said == [("1s",)], "a process that stands still in a transaction is to be taken for dead"
        store.close()
