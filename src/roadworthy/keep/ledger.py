"""What every ledger does, whatever database it is in, and how one is opened by its name."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol, TypeVar

from roadworthy._failpoints import failpoint
from roadworthy._settings import Settings
from roadworthy.keep.attempts import reap
from roadworthy.keep.erase import Compacted
from roadworthy.keep.transaction import Change, Transaction

R = TypeVar("R")


class Ledger(Protocol):
    """One ledger, opened by one process.

    Attributes:
        owner: the number that this process works under; intents are its promise.
        name: what messages call the ledger; holds no password.
    """

    owner: int
    name: str

    def write(self, change: Change[R]) -> Awaitable[R]:
        """Run `change` in the next durable transaction and return its result.

        It may be run more than once before it is committed: after another process was faster, and by itself after
        another change of the same transaction raised. All that a run before the last one did in the ledger is rolled
        back; what it did elsewhere is not. So it changes nothing but the ledger, or sets anew what it tells its caller,
        who may look at that once the change is committed and not before.

        Raises:
            LedgerUnavailable: it was not committed, or nobody can tell.
            Unstorable: it holds a value that no ledger takes; whatever else it raises comes out here too.
        """

    def write_now(self, change: Change[R]) -> R:
        """The same from a thread without an event loop; blocks."""

    def read(self, look: Change[R]) -> R:
        """Look at what is committed. A look is short: it runs in the caller's thread."""

    def gone(self, transaction: Transaction) -> list[int]:
        """Other processes that ended without a word, or left something on the wire; asked inside a transaction."""

    def forget(self, owner: int) -> None:
        """Remove what a process that is gone left outside the tables."""

    def is_alive(self, owner: int) -> bool:
        """Whether the process behind a lease still works; on Postgres: was heard of late."""

    def compact(self) -> Compacted:
        """Write the ledger anew without what was removed. All of it or nothing; others wait meanwhile.

        Where that would be long (`compact_shared_bytes_max`) it is put off until nobody else is at work.

        Raises:
            LedgerUnavailable: there is no room for a second copy, or the ledger is busy.
        """

    def damage(self) -> list[str]:
        """What is wrong with the database itself, in words."""

    def bytes(self) -> int:
        """How much room the ledger takes."""

    def close(self) -> None:
        """Commit what is queued, say good-bye, let go."""


def open_ledger(place: str, settings: Settings) -> Ledger:
    """The ledger at a path (SQLite) or a `postgresql://` address.

    Raises:
        WrongUse: it cannot be a ledger, or a newer Roadworthy wrote it.
        LedgerUnavailable: it cannot be opened just now.
    """
    if "://" in place:
        from roadworthy.keep.postgres import PostgresStore  # noqa: PLC0415 - an extra

        return PostgresStore(place, settings)
    from roadworthy.keep.store import SqliteStore  # noqa: PLC0415 - beside the other

    return SqliteStore(Path(place), settings)


def bury(ledger: Ledger) -> list[int]:
    """Charge what processes that are gone had on the wire, and end what they left open. Returns who they were."""

    def change(transaction: Transaction) -> list[int]:
        gone = ledger.gone(transaction)
        reap(transaction, gone)
        return gone

    gone = ledger.write_now(change)
    if gone:
        failpoint("reap_committed")
    for owner in gone:
        ledger.forget(owner)
    return gone
