"""Labels and the rulings that take their place, on every kind of ledger."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.ledgers import ask

from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.queries import migrations


def test_labels_of_an_older_ledger_are_known_for_what_they_are(tmp_path: Path) -> None:
    """After an upgrade a file's label would be taken for a ruling's, and go with the next one that is taken back."""
    place = tmp_path / "old.db"
    with closing(sqlite3.connect(place)) as old:
        for number, script in migrations():
            if number < 20:
                old.executescript(script)
                old.execute(f"PRAGMA user_version = {number}")
        for key, source in enumerate(("labels.jsonl", "ruling by ann", "batch ruling by a", "choice by b")):
            old.execute(
                "INSERT INTO label (app, entry, key, source, at) VALUES ('a', 'e', ?, ?, 0)",
                (str(key), source),
            )
        old.commit()
    open_ledger(str(place), DEFAULTS).close()
    assert ask(str(place), "SELECT ruled, under FROM label ORDER BY key") == [
        (0, None),
        (1, None),
        (1, None),
        (1, None),
    ]
