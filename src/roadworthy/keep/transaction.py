"""One transaction: named queries in, rows out, and the accounts that change with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

from roadworthy._errors import Final, LedgerUnavailable
from roadworthy._quick import quick
from roadworthy.keep.queries import statements

Value: TypeAlias = "str | bytes | int | float | None"
Row: TypeAlias = "tuple[Value, ...]"
Values: TypeAlias = "Mapping[str, Value]"
R = TypeVar("R")


@quick(slots=True)
class Account:
    """One cap: what may be spent, what is spent, what is promised to attempts on the wire. Pico-dollars.

    It belongs to its transaction: what changes it in place moves its tick on, and it is written at the end.

    Attributes:
        limit_pico: the cap; None where there is none, the account still counts.
        overrun_pico: what a provider billed above what it was allowed to; part of `spent_pico`.
        tick: grows by one with each change; orders the history.
    """

    scope: str
    limit_pico: int | None = None
    spent_pico: int = 0
    reserved_pico: int = 0
    overrun_pico: int = 0
    tick: int = 0


class Again(Exception):
    """Another process was faster. The transaction is rolled back and its changes run again."""


class TakenForDead(LedgerUnavailable):
    """This process was silent for so long that what it had on the wire was charged. It writes nothing any more."""


class Unstorable(Final):
    """One change holds a value that the database does not take; it is rolled back, and nobody else hears of it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"The ledger takes no such value: {error}. Text must be without NUL and lone surrogates, and a whole number "
            "within 64 bits."
        )


class Transaction:
    """The one way to read and write the ledger. Text that a database refuses is made storable where it comes up.

    Accounts are read once and written once per transaction, however many changes it holds. Values are given by name, or
    as one mapping where several statements take their own out of it.

    Attributes:
        concurrent: others may write while this transaction is open; where not, what was looked up still holds.
    """

    concurrent = False

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._statements = statements()
        self._accounts: dict[str, Account] = {}
        self._together: dict[tuple[str, ...], list[Account]] = {}
        self._ticks: dict[str, int] = {}
        self.now = now

    def row(self, query: str, given: Values | None = None, /, **values: Value) -> Row | None:
        """The first row of a named query, or None."""
        statement = self._statements[query]
        found: Row | None = self._execute(statement.sql, statement.values(given or values)).fetchone()
        return found

    def rows(self, query: str, given: Values | None = None, /, **values: Value) -> list[Row]:
        """All rows of a named query; for queries that are bounded by their own LIMIT or subject."""
        statement = self._statements[query]
        return self._execute(statement.sql, statement.values(given or values)).fetchall()

    def add(self, query: str, given: Values | None = None, /, **values: Value) -> int:
        """Insert one row and return its id; 0 where none was inserted."""
        statement = self._statements[query]
        done = self._execute(statement.sql, statement.values(given or values))
        return done.lastrowid or 0 if done.rowcount else 0

    def change(self, query: str, given: Values | None = None, /, **values: Value) -> int:
        """Update or delete, and return how many rows that touched."""
        statement = self._statements[query]
        return self._execute(statement.sql, statement.values(given or values)).rowcount

    def change_all(self, query: str, rows: Iterable[Mapping[str, Value]]) -> None:
        """The same change for each row of values; quicker than one by one."""
        statement = self._statements[query]
        self._connection.executemany(statement.sql, map(statement.values, rows))

    def account(self, scope: str) -> Account:
        """The account of a scope as it stands inside this transaction."""
        held = self._accounts.get(scope)
        if held is None:
            row = self.row("budget", scope=scope)
            held = Account(scope) if row is None else _account(scope, row)
            self._accounts[scope] = held
            self._ticks[scope] = held.tick
        return held

    def accounts(self, scopes: tuple[str, ...]) -> list[Account]:
        """The accounts of several scopes; the same ones are asked for by one record after another."""
        held = self._together.get(scopes)
        if held is None:
            held = self._together[scopes] = [self.account(scope) for scope in scopes]
        return held

    def next_tick(self, account: Account) -> int:
        """The place in the history that the next change of an account gets."""
        return account.tick + 1

    def cap_account(self, account: Account, limit_pico: int | None) -> None:
        """Change what may be spent; it is written with the transaction."""
        account.limit_pico = limit_pico
        account.tick += 1

    def claimed(self, key: bytes) -> None:
        """A request was claimed; where others write meanwhile, it is looked at once more before the commit."""

    def flush(self) -> None:
        """Write the accounts that changed; called once, right before the commit."""
        for scope, account in sorted(self._accounts.items()):
            if account.tick != self._ticks[scope]:
                self.change("put_budget", **_columns(account))


Change: TypeAlias = Callable[[Transaction], R]


def _account(scope: str, row: Row) -> Account:
    limit, *amounts = row
    return Account(scope, None if limit is None else as_int(limit), *map(as_int, amounts))


def _columns(account: Account) -> Mapping[str, Value]:
    return {
        "scope": account.scope,
        "limit_pico": account.limit_pico,
        "spent_pico": account.spent_pico,
        "reserved_pico": account.reserved_pico,
        "overrun_pico": account.overrun_pico,
        "tick": account.tick,
    }


def as_int(cell: Value) -> int:
    """A cell that the schema says is a whole number."""
    if not isinstance(cell, int):
        raise damaged("a whole number", cell)
    return cell


def as_float(cell: Value) -> float:
    """A cell that the schema says is a number."""
    if not isinstance(cell, int | float):
        raise damaged("a number", cell)
    return float(cell)


def as_text(cell: Value) -> str:
    """A cell that the schema says is text."""
    if not isinstance(cell, str):
        raise damaged("text", cell)
    return cell


def as_bytes(cell: Value) -> bytes:
    """A cell that the schema says is bytes."""
    if not isinstance(cell, bytes):
        raise damaged("bytes", cell)
    return cell


def text_or_none(cell: Value) -> str | None:
    """A cell that the schema says is text or nothing."""
    return None if cell is None else as_text(cell)


def damaged(wanted: str, found: object) -> LedgerUnavailable:
    """A ledger that holds what no Roadworthy writes."""
    return LedgerUnavailable(
        f"The ledger is damaged: a cell holds {type(found).__name__} where {wanted} belongs. "
        "`roadworthy doctor` looks at all of it; put back a copy of the file."
    )
