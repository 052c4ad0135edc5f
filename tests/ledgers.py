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


def _plain(cell: object) -> object:
    """Sums of whole numbers come as decimals from Postgres."""
    return int(cell) if type(cell).__name__ == "Decimal" else cell  # type: ignore[call-overload] # a Decimal
