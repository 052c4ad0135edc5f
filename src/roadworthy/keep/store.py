"""The SQLite ledger: one file, every commit durable, several processes in an orderly queue."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TypeVar

from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._failpoints import failpoint
from roadworthy._settings import Settings
from roadworthy.keep.erase import Compacted
from roadworthy.keep.liveness import LifeSign, forget_sign, is_alive
from roadworthy.keep.queries import migrations, queries
from roadworthy.keep.transaction import Change, Transaction, Unstorable, as_int, as_text
from roadworthy.keep.turn import Turn
from roadworthy.keep.writer import Writer

R = TypeVar("R")
_BROKEN = (
    sqlite3.Error,
    UnicodeDecodeError,
)  # the latter: text in a damaged page, or a message that quotes it
_UNSTORABLE = (UnicodeEncodeError, OverflowError, sqlite3.DataError)

# To bind a None or bytes the sqlite3 module looks for an adapter, and where it finds none it raises and catches an
# AttributeError inside: a tenth of the time of a statement. So both get one, in C, that gives back what it is given.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type] # of nothing it makes nothing
sqlite3.register_adapter(bytes, bytes)


class SqliteStore:
    """One ledger file, opened by one process.

    Processes that share it queue on a blocking file lock: a busy handler polls, is unfair and lets the tail
    of waiting grow (measured: 99th percentile 137 ms against 17 ms with two processes).

    Args:
        path: the ledger's file; made where it is missing.
        settings: `commit_rows_max`, `ledger_busy_s`.
        now: the clock that stamps transactions.

    Raises:
        WrongUse: the folder is missing, the file is not a ledger, or a newer Roadworthy wrote it.
        LedgerUnavailable: the file cannot be opened or locked just now.
    """

    def __init__(self, path: Path, settings: Settings, now: Callable[[], float] = time.time) -> None:
        if not path.parent.is_dir():
            raise WrongUse(
                f"The ledger {str(path)!r} is in a folder that does not exist. Make the folder first."
            )
        self.path = path
        self.name = str(path)
        self._now = now
        self._settings = settings
        self._turn = _turn(path, settings)
        with ExitStack() as undo:  # a ledger that cannot be opened holds no lock afterwards
            undo.callback(self._turn.close)
            try:
                with self._turn.taken():
                    self._connection = undo.enter_context(closing(_open(path, settings)))
                    _migrate(self._connection, path)
                self._reader = undo.enter_context(closing(_open(path, settings)))
            except _BROKEN as error:
                raise _explain(path, error) from error
            self._writer = Writer(self._run, settings.commit_rows_max, name=self.name)
            self.write, self.write_now = self._writer.write, self._writer.write_now
            undo.callback(self._writer.close)
            self.owner, self._sign = self.write_now(self._begin)
            undo.pop_all()
        failpoint("lease_committed")

    def read(self, look: Change[R]) -> R:
        """Look at what is committed. A look is short: it runs in the caller's thread."""
        try:
            return look(Transaction(self._reader, self._now()))
        except _BROKEN as error:
            raise _explain(self.path, error) from error

    def gone(self, transaction: Transaction) -> list[int]:
        """Processes whose sign of life can be taken."""
        owners = [as_int(owner) for owner, _pid in transaction.rows("live_leases")]
        return [owner for owner in owners if owner != self.owner and not is_alive(self.path, owner)]

    def forget(self, owner: int) -> None:
        """Remove a dead process's sign of life."""
        forget_sign(self.path, owner)

    def damage(self) -> list[str]:
        """What SQLite says of the file's pages."""
        found = self.read(lambda tx: tx.rows("quick_check"))
        return [as_text(row[0]) for row in found if row[0] != "ok"]

    def bytes(self) -> int:
        """The size of the file and of the log beside it."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Commit what is queued, say good-bye, close the file.

        A ledger that cannot be written is closed all the same; the next process sees that this one is gone. Closing it
        again does nothing: its descriptors' numbers may be another file's by then.
        """
        if self._writer.closed:
            return
        with suppress(LedgerUnavailable):
            self._writer.close(self._end)  # the last that is written: who comes later is told
            failpoint("goodbye_committed")
        self._sign.end()
        self._reader.close()
        self._connection.close()
        self._turn.close()

    def is_alive(self, owner: int) -> bool:
        """Whether the process behind a lease still runs."""
        return owner == self.owner or is_alive(self.path, owner)

    def compact(self) -> Compacted:
        """Write the file anew without what was removed, and empty the log beside it."""
        before = self.bytes()
        leases = self.read(lambda tx: tx.rows("live_leases"))
        others = [as_int(row[0]) for row in leases if row[0] != self.owner and self.is_alive(as_int(row[0]))]
        if others and before > self._settings.compact_shared_bytes_max:
            return Compacted(before, before, f"{len(others)} other processes work on this ledger")
        turn = _turn(self.path, self._settings)
        try:
            with turn.taken(), closing(_open(self.path, self._settings)) as connection:
                connection.execute("VACUUM")
                (busy, *_rest) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise _explain(self.path, error) from error
        finally:
            turn.close()
        return Compacted(before, self.bytes(), "another process is reading the ledger" if busy else "")

    def _begin(self, transaction: Transaction) -> tuple[int, LifeSign]:
        """Be known and alive in one step, so that nobody takes a newcomer for dead."""
        owner = transaction.add("add_lease", pid=os.getpid(), now=transaction.now)
        sign = LifeSign(self.path, owner)
        failpoint("lease_written")
        return owner, sign

    def _end(self, transaction: Transaction) -> None:
        transaction.change("end_lease", owner=self.owner, now=transaction.now)
        failpoint("goodbye_written")

    def _run(self, changes: list[Change[object]]) -> list[object]:
        transaction = Transaction(self._connection, self._now())
        try:
            with self._turn.taken():
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    results = [change(transaction) for change in changes]
                    transaction.flush()
                    failpoint("before_commit")
                    self._connection.execute("COMMIT")
                    failpoint("after_commit")
                    return results
                finally:  # after an interrupt too: nothing of it is half written
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
        except _UNSTORABLE as error:  # not the ledger's fault, so not in its name
            raise Unstorable(error) from error
        except _BROKEN as error:
            raise _explain(self.path, error) from error


def _turn(path: Path, settings: Settings) -> Turn:
    try:
        return Turn(path.with_name(path.name + ".lock"), settings.ledger_busy_s)
    except OSError as error:
        raise LedgerUnavailable(
            f"The ledger {str(path)!r} cannot be opened for writing: {error}. See to the rights of its folder, or name "
            "another place with ROADWORTHY_LEDGER."
        ) from error


def _open(path: Path, settings: Settings) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=settings.ledger_busy_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to today's shape, all of it or nothing; the caller has the turn to write.

    What was done is listed by number, so that one that came in between two others is not passed over.
    """
    known = migrations()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > known[-1][0]:
        raise WrongUse(
            f"The ledger {str(path)!r} has schema {version}; this Roadworthy knows {known[-1][0]}. "
            "Install the version that wrote it, or a newer one."
        )
    transaction = Transaction(connection, 0.0)
    listed = transaction.row("migration_table_there") is not None
    done = {as_int(row[0]) for row in transaction.rows("migrations_done")} if listed else set()
    # A ledger from before the list of them had each up to its number.
    done = done or {number for number, _ in known if number <= version}
    missing = [(number, script) for number, script in known if number not in done]
    if listed and not missing:
        return
    listing = "" if listed else f"{queries()['migration_table']};"
    scripts = "\n".join(script for _, script in missing)
    numbers = ", ".join(f"({number})" for number in sorted({*done, *(number for number, _ in missing)}))
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{listing}\n{scripts}\nINSERT OR IGNORE INTO migration (number) VALUES {numbers};\n"
        f"PRAGMA user_version = {known[-1][0]};\nCOMMIT;"
    )


def _explain(path: Path, error: sqlite3.Error | OSError | UnicodeDecodeError) -> LedgerUnavailable | WrongUse:
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
        return WrongUse(f"{str(path)!r} is not a ledger: {error}. Name another file with App(ledger=...).")
    return LedgerUnavailable(
        f"The ledger {str(path)!r} cannot be used just now: {error}. Nothing that was kept is lost; "
        "see to the disk or the file's rights and run the same command again."
    )
