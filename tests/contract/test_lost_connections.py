"""A Postgres server that ended our connections: after a restart, a failover, or by an administrator's hand."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from tests import postgres
from tests.conftest import QUICK
from tests.ledgers import ask

from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.postgres import PostgresStore
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


def options(store: Ledger) -> list[tuple[int, ...]]:
    """What the kernel is told of both connections: keep-alive, its seconds idle, between probes, probes, ms without an answer."""
    assert isinstance(store, PostgresStore)
    found = []
    for descriptor in (store._connection.fileno(), store._reader.fileno()):
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            tcp = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
            alive = connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            found.append((alive, *(connection.getsockopt(socket.IPPROTO_TCP, one) for one in tcp)))
    return found


def test_a_host_that_vanishes_is_given_up_within_a_lease(url: str) -> None:
    """A look waits in its caller's thread: a host that is gone without a word would hold a service for a quarter of an hour."""
    store = open_ledger(url, replace(QUICK, lease_s=40.0))
    assert options(store) == [(1, 10, 10, 3, 40_000)] * 2
    store.close()


def test_what_the_ledger_s_address_says_of_the_connection_goes_before(url: str) -> None:
    """Who knows the network between would be overruled, and not told."""
    said = "keepalives_idle=7&keepalives_interval=8&keepalives_count=9&tcp_user_timeout=90000&application_name=mine"
    store = open_ledger(f"{url}?{said}", replace(QUICK, lease_s=40.0))
    assert options(store) == [(1, 7, 8, 9, 90_000)] * 2
    assert ask(url, "SELECT DISTINCT application_name FROM pg_stat_activity WHERE application_name = 'mine'")
    store.close()
