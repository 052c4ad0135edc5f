"""Who is taken for dead on Postgres: whoever was silent, and not whoever is in the midst of a long transaction."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from tests import postgres
from tests.conftest import QUICK

from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.ledger import Ledger, bury, open_ledger
from roadworthy.keep.transaction import TakenForDead, Transaction

LEASE_S = 1.5
HEARD = "SELECT extract(epoch FROM clock_timestamp()) - beat_at FROM lease WHERE owner = %s"


@pytest.fixture
def url(postgres_server: postgres.Server) -> str:
    """A new database."""
    return postgres_server.new_database()


@pytest.fixture
def two(url: str) -> Iterator[tuple[Ledger, Ledger]]:
    """One ledger, opened by two processes' worth of stores with a short lease."""
    first, second = (open_ledger(url, replace(QUICK, lease_s=LEASE_S)) for _ in range(2))
    yield first, second
    for store in (first, second):
        store.close()


def test_nobody_waits_for_a_process_that_stands_still_in_a_transaction(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """Whoever looks for the dead would be silent as long as that one, and be taken for dead itself by the next."""
    slow, quick = two
    begun, looked = threading.Event(), threading.Event()
    in_time: list[bool] = []

    def stand_still(_tx: Transaction) -> None:
        begun.set()
        in_time.append(looked.wait(LEASE_S * 0.8))

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE lease SET beat_at = 0 WHERE owner = %s", (slow.owner,))
        standing = threading.Thread(target=slow.write_now, args=(stand_still,))
        standing.start()
        assert begun.wait(10)
        gone = bury(quick)
        looked.set()
        standing.join(10)
    assert in_time == [True]
    assert gone == []
    slow.write_now(lambda _tx: None)


def test_a_long_transaction_is_heard_when_it_ends(two: tuple[Ledger, Ledger], url: str) -> None:
    """One that waited for the locks of others would be taken for dead right after its commit."""
    first, _ = two
    first.write_now(lambda _tx: time.sleep(LEASE_S * 0.8))
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(HEARD, (first.owner,)).fetchone()
    assert row is not None
    assert float(row[0]) < LEASE_S * 0.6


def test_who_was_taken_for_dead_hears_it_whatever_it_does_next(two: tuple[Ledger, Ledger], url: str) -> None:
    """A writer that found out while it had nothing to write would say that the ledger is away, for ever."""
    first, _ = two
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE lease SET ended_at = 1 WHERE owner = %s", (first.owner,))
    time.sleep(LEASE_S / 2)  # it looks every quarter of a lease
    for _ in range(2):
        with pytest.raises(TakenForDead, match="taken for dead"):
            first.write_now(lambda _tx: None)
    assert issubclass(TakenForDead, LedgerUnavailable)
