"""The ledgers that tests run on, named as `ROADWORTHY_LEDGER` names them, and a way to look into either."""

import sqlite3
from pathlib import Path
from typing import Any

Rows = list[tuple[Any, ...]]


def ask(ledger: str, query: str) -> Rows:
    """Look into a ledger with plain SQL that both dialects understand."""
    connection = sqlite3.connect(Path(ledger))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
