"""The ledgers that tests run on, named as `ROADWORTHY_LEDGER` names them, and a way to look into either."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg

Rows = list[tuple[Any, ...]]


def ask(ledger: str, query: str) -> Rows:
    """Look into a ledger with plain SQL that both dialects understand."""
    if "://" in ledger:
        with psycopg.connect(ledger) as server:
            return [tuple(map(_plain, row)) for row in server.execute(query.encode()).fetchall()]
    connection = sqlite3.connect(Path(ledger))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def change(ledger: str, statement: str) -> None:
    """Do to a ledger what a bug, a bad disk or a hand in the database would do."""
    if "://" in ledger:
        with psycopg.connect(ledger) as server:
            server.execute(statement.encode())
        return
    connection = sqlite3.connect(Path(ledger))
    connection.execute(statement)
    connection.commit()
    connection.close()


def holds(ledger: str, word: str) -> list[str]:
    """The files of a SQLite ledger, the ones beside it included, or the tables of a Postgres one, that hold a word."""
    if "://" not in ledger:
        files = Path(ledger).parent.glob(f"{Path(ledger).name}*")
        return [file.name for file in files if word.encode() in file.read_bytes()]
    found = []
    for (table,) in ask(
        ledger, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    ):
        rows = repr(ask(ledger, f"SELECT CAST(t AS text) FROM {table} AS t"))
        if word in rows or word.encode().hex() in rows:
            found.append(table)
    return found


def _plain(cell: object) -> object:
    """Sums of whole numbers come as decimals from Postgres."""
    return int(cell) if type(cell).__name__ == "Decimal" else cell  # type: ignore[call-overload] # a Decimal
