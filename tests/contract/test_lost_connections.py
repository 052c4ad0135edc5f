"""A Postgres server that ended our connections: after a restart, a failover, or by an administrator's hand."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from tests import postgres
from tests.conftest import QUICK

from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.transaction import Change, Transaction

LEASE_S = 1.5
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def url(postgres_server: postgres.Server) -> str:
    """A new database."""
    return postgres_server.new_database()


@pytest.fixture
def store(url: str) -> Iterator[Ledger]:
    """A ledger in it, with a short lease."""
    opened = open_ledger(url, replace(QUICK, lease_s=LEASE_S))
    yield opened
    opened.close()


def end_connections(url: str) -> None:
    """What a restart does to them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(END_ALL)


def keep(name: str) -> Change[None]:
    """A change that keeps a word."""

    def change(tx: Transaction) -> None:
        tx.change("add_secret", name=name, value=name)

    return change


def kept(store: Ledger, name: str) -> bool:
    """Whether the word is kept."""
    return store.read(lambda tx: tx.row("secret", name=name)) is not None


def test_a_ledger_whose_connections_were_ended_goes_on(store: Ledger, url: str) -> None:
    """A service would answer 503 to everybody until it is restarted, though its server is well."""
    store.write_now(keep("before"))
    end_connections(url)
    with pytest.raises(
        LedgerUnavailable
    ):  # what was under way may be committed or not: its caller is told so
        store.write_now(keep("lost"))
    with pytest.raises(LedgerUnavailable):
        kept(store, "before")
    store.write_now(keep("after"))
    assert (kept(store, "before"), kept(store, "after")) == (True, True)


def test_who_only_looks_sees_again(url: str) -> None:
    """A page that nobody writes from would stay away until the process has something to write."""
    store = open_ledger(url, replace(QUICK, lease_s=600.0))
    try:
        end_connections(url)
        with pytest.raises(LedgerUnavailable):
            kept(store, "nothing")
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            with contextlib.suppress(LedgerUnavailable):
                assert not kept(store, "nothing")
                break
            time.sleep(0.02)
        else:
            raise AssertionError("it never looked again")
    finally:
        store.close()


def test_who_has_nothing_to_write_is_heard_again(store: Ledger, url: str) -> None:
    """A process that was idle when its server restarted would write nothing any more, or be taken for dead."""
    end_connections(url)
    time.sleep(LEASE_S * 1.5)
    store.write_now(keep("after"))
    assert store.is_alive(store.owner)
