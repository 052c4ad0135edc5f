"""The Postgres ledger: many processes and machines on one set of accounts.

Writers do not queue here, so three things are done that SQLite's file lock does for free. Accounts are changed by
what a transaction added to them, in its last statements, under the condition that the cap still holds; if it does
not, the transaction runs again with the accounts locked from the start. So the lock on an account is held for the
length of a commit, the sum is exact at every moment, and no part of a budget lies in anybody's pocket. A request on
the wire is unique by an index. And every transaction begins by noting that its process is alive: one that was
taken for dead, and whose intents were charged, writes nothing any more.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._failpoints import failpoint
from roadworthy._settings import Settings
from roadworthy.keep.attempts import key64
from roadworthy.keep.connection import BEATS_A_LEASE, connect, is_pooled, limit_silence
from roadworthy.keep.erase import Compacted
from roadworthy.keep.queries import migrations, postgres_queries
from roadworthy.keep.transaction import (
    Account,
    Again,
    Change,
    Row,
    TakenForDead,
    Transaction,
    Unstorable,
    Value,
    Values,
    as_int,
)
from roadworthy.keep.writer import Writer

if TYPE_CHECKING:
    import psycopg

R = TypeVar("R")
_TURNS_MAX = 20
_TICKS_A_TRANSACTION = 1_000_000
_BEYOND = "the server's write-ahead log, its replicas and its back-ups"


class PostgresTransaction(Transaction):
    """One transaction on Postgres.

    Args:
        sure: lock accounts when they are read, so that what was checked holds at the commit.
    """

    concurrent = True

    def __init__(self, connection: psycopg.Connection[Row], now: float, *, sure: bool) -> None:
        self._server = connection
        self._accounts = {}
        self._together = {}
        self._found: dict[str, Account] = {}
        self._sure = sure
        self._tick = 0
        self._claims: list[bytes] = []
        self.now = now

    def row(self, query: str, given: Values | None = None, /, **values: Value) -> Row | None:
        """The first row of a named query, or None."""
        return self._run(query, given or values).fetchone()

    def rows(self, query: str, given: Values | None = None, /, **values: Value) -> list[Row]:
        """All rows of a named query."""
        return self._run(query, given or values).fetchall()

    def add(self, query: str, given: Values | None = None, /, **values: Value) -> int:
        """Insert one row and return its number; 0 where a row like it is there.

        Raises:
            Again: the intent of the same request is on the wire since the last look.
        """
        done = self._run(query, given or values)
        row = done.fetchone() if done.description else None
        if row is None and query == "add_attempt":
            raise Again
        return 0 if row is None else as_int(row[0])

    def change(self, query: str, given: Values | None = None, /, **values: Value) -> int:
        """Update or delete, and return how many rows that touched."""
        return self._run(query, given or values).rowcount

    def change_all(self, query: str, rows: Iterable[Mapping[str, Value]]) -> None:
        """The same change for each row of values, sent without waiting for each other."""
        with self._server.cursor() as cursor:
            cursor.executemany(postgres_queries()[query], list(rows))

    def account(self, scope: str) -> Account:
        """The account of a scope as it stands inside this transaction."""
        held = self._accounts.get(scope)
        if held is None:
            if self._sure:
                self.change("new_budget", scope=scope)
            row = self.row("budget_locked" if self._sure else "budget", scope=scope)
            limit, spent, reserved, overrun, _ = row or (None, 0, 0, 0, 0)
            held = Account(
                scope,
                None if limit is None else as_int(limit),
                as_int(spent),
                as_int(reserved),
                as_int(overrun),
            )
            self._accounts[scope], self._found[scope] = held, replace(held)
        return held

    def next_tick(self, account: Account) -> int:
        """The place in the history of all processes that the next change gets."""
        del account
        if not self._tick:
            row = self.row("next_tick")
            assert row is not None
            self._tick = as_int(row[0]) * _TICKS_A_TRANSACTION
        self._tick += 1
        return self._tick

    def claimed(self, key: bytes) -> None:
        """A request was claimed: from now to the commit nobody else sends it."""
        self._claims.append(key)

    def flush(self) -> None:
        """Write what accounts changed by; called once, right before the commit.

        Raises:
            Again: others have used the room that was seen, or a request was bought between its look-up and its claim.
        """
        if self._claims and self._bought():
            raise Again
        for scope, after in sorted(self._accounts.items()):
            before = self._found[scope]
            if after.tick == before.tick:
                continue
            if not self._sure:
                self.change("new_budget", scope=scope)
            if after.limit_pico != before.limit_pico:
                self.change("limit_budget", scope=scope, limit_pico=after.limit_pico)
            moved = {
                "spent_pico": after.spent_pico - before.spent_pico,
                "reserved_pico": after.reserved_pico - before.reserved_pico,
                "overrun_pico": after.overrun_pico - before.overrun_pico,
            }
            sure = self._sure or moved["spent_pico"] + moved["reserved_pico"] <= 0
            if any(moved.values()) and not self.change("move_budget", scope=scope, sure=int(sure), **moved):
                raise Again

    def _bought(self) -> bool:
        """Whether one of the requests that are claimed here has a reply by now."""
        values = {"prefixes": list(map(key64, self._claims)), "keys": self._claims}
        return self._server.execute(postgres_queries()["bought_among"], values).fetchone() is not None

    def _run(self, query: str, values: Values) -> psycopg.Cursor[Row]:
        return self._server.execute(postgres_queries()[query], values)


class PostgresStore:
    """One Postgres ledger, opened by one process.

    Args:
        url: `postgresql://user:password@host/database`.
        settings: `commit_rows_max`, `lease_s`, `connect_timeout_s`.
        now: the clock that stamps transactions.

    Raises:
        WrongUse: the extra is not installed, or a newer Roadworthy wrote the ledger.
        LedgerUnavailable: the server cannot be reached or does not let us in just now.
    """

    def __init__(self, url: str, settings: Settings, now: Callable[[], float] = time.time) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        self._url = url
        self._settings = settings
        self._now = now
        with self._explained():
            self._connection = connect(url, settings)
            _migrate(self._connection, self.name)
            self._reader = connect(url, settings, reads=True)
        self.owner = self._begin()
        beat_s = settings.lease_s / BEATS_A_LEASE
        self._writer = Writer(
            self._run, settings.commit_rows_max, name=self.name, idle=self._beat, idle_s=beat_s
        )
        self.write, self.write_now = self._writer.write, self._writer.write_now

    def read(self, look: Change[R]) -> R:
        """Look at what is committed; the reader's connection serves one look at a time."""
        with self._explained():
            try:
                return look(PostgresTransaction(self._reader, self._now(), sure=False))
            finally:
                if self._reader.closed:
                    self._writer.nudge()

    def gone(self, transaction: Transaction) -> list[int]:
        """Processes not heard for `lease_s` are taken for dead, here and now; from then on they cannot write."""
        silent = transaction.rows(
            "take_silent", own=self.owner, silent_s=self._settings.lease_s, now=transaction.now
        )
        left = [row for row in transaction.rows("left_behind") if row[0] != self.owner]
        return sorted({as_int(owner) for (owner,) in [*silent, *left]})

    def forget(self, owner: int) -> None:
        """A process leaves nothing outside the tables."""

    def is_alive(self, owner: int) -> bool:
        """Whether a process was heard within `lease_s`."""
        silent_s = self._settings.lease_s
        return self.read(lambda tx: tx.row("heard", owner=owner, silent_s=silent_s)) is not None

    def compact(self) -> Compacted:
        """Have the server write the tables with contents anew: what was removed is in none of their files then."""
        before = self.bytes()
        leases = self.read(lambda tx: tx.rows("live_leases"))
        others = [as_int(row[0]) for row in leases if row[0] != self.owner and self.is_alive(as_int(row[0]))]
        if others and before > self._settings.compact_shared_bytes_max:
            return Compacted(before, before, f"{len(others)} other processes work on this ledger", _BEYOND)
        limit = f"{self._settings.ledger_busy_s:g}s"
        if not is_pooled(self._reader):
            self.read(lambda tx: tx.row("wait_for_locks", limit=limit))
        self.read(lambda tx: tx.change("compact"))
        return Compacted(before, self.bytes(), beyond=_BEYOND)

    def damage(self) -> list[str]:
        """The server watches its own pages (data checksums); nothing is looked at here."""
        return []

    def bytes(self) -> int:
        """The size of the database."""
        row = self.read(lambda tx: tx.row("size"))
        return as_int(row[0]) if row else 0

    def close(self) -> None:
        """Commit what is queued, say good-bye, let go."""
        with contextlib.suppress(LedgerUnavailable):
            self._writer.close(self._end)  # the last that is written: who comes later is told
            failpoint("goodbye_committed")
        self._reader.close()
        self._connection.close()

    def _begin(self) -> int:
        import os  # noqa: PLC0415 - for the one number

        with self._explained(), self._connection.transaction():
            transaction = PostgresTransaction(self._connection, self._now(), sure=False)
            owner = transaction.add("add_lease", pid=os.getpid(), now=transaction.now)
            transaction.change("beat", owner=owner)
            failpoint("lease_written")
        failpoint("lease_committed")
        return owner

    def _end(self, transaction: Transaction) -> None:
        transaction.change("end_lease", owner=self.owner, now=transaction.now)
        failpoint("goodbye_written")

    def _run(self, changes: list[Change[object]]) -> list[object]:
        from psycopg import errors  # noqa: PLC0415 - an extra

        with self._explained():
            self._connect_again()
            for turn in range(_TURNS_MAX):
                try:
                    return self._commit(changes, sure=turn > 0)
                except (Again, errors.UniqueViolation, errors.DeadlockDetected, errors.SerializationFailure):
                    continue
                except (UnicodeEncodeError, errors.DataError) as error:  # the server is well
                    raise Unstorable(error) from error
        raise LedgerUnavailable(
            f"The ledger {self.name} is so busy that a transaction lost {_TURNS_MAX} times. Run the same command again."
        )

    def _commit(self, changes: list[Change[object]], *, sure: bool) -> list[object]:
        began = time.monotonic()
        with self._connection.transaction():
            transaction = PostgresTransaction(self._connection, self._now(), sure=sure)
            if is_pooled(self._connection):
                limit_silence(self._connection, self._settings)
            self._stay_alive(transaction)
            results = [change(transaction) for change in changes]
            transaction.flush()
            if time.monotonic() - began > self._settings.lease_s / BEATS_A_LEASE:
                self._stay_alive(transaction)  # others would see when it began, and that was long ago
            failpoint("before_commit")
        failpoint("after_commit")
        return results

    def _stay_alive(self, transaction: PostgresTransaction) -> None:
        """Be heard, and hold the lease until the commit, so that nobody takes this process for dead meanwhile."""
        if not transaction.change("beat", owner=self.owner):
            raise TakenForDead(
                f"This process was silent for more than {self._settings.lease_s:g} s and was taken for dead; what it had on "
                "the wire is charged. It stops here. Run the same command again."
            )

    def _connect_again(self) -> None:
        """Take new connections for those that the server ended, as it does when it restarts; whoever used one was told.

        The writer's thread alone does it: a look is taken in its caller's own thread, which must not wait for a server
        that is away.
        """
        if self._connection.closed:
            self._connection = connect(self._url, self._settings)
        if self._reader.closed:
            self._reader = connect(self._url, self._settings, reads=True)

    def _beat(self) -> None:
        """Be heard while there is nothing to write, and find out whether a connection that nobody used was ended."""
        with contextlib.suppress(LedgerUnavailable):
            self.is_alive(self.owner)
        self._run([])

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        import psycopg  # noqa: PLC0415 - an extra

        try:
            yield
        except psycopg.Error as error:
            said = " ".join(str(error).split())[:300]
            raise LedgerUnavailable(
                f"The ledger {self.name} cannot be used just now: {said}. Nothing that was kept is lost; see to the server "
                "and run the same command again."
            ) from error


def _migrate(connection: psycopg.Connection[Row], name: str) -> None:
    """Bring the database to today's shape, all of it or nothing; one process at a time."""
    known = migrations("postgres")
    with connection.transaction():
        transaction = PostgresTransaction(connection, 0.0, sure=False)
        transaction.row("migrate_lock")
        transaction.change("migration_table")
        done = {as_int(row[0]) for row in transaction.rows("migrations_done")}
        version = max(done, default=0)
        if version > known[-1][0]:
            raise WrongUse(
                f"The ledger {name} has schema {version}; this Roadworthy knows {known[-1][0]}. "
                "Install the version that wrote it, or a newer one."
            )
        for number, script in known:
            if number not in done:
                connection.execute(script)
                transaction.change("migrated", number=number)
