"""A copy of a SQLite ledger as it stood at one moment, made while others write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from roadworthy._errors import LedgerUnavailable, WrongUse


def copy_ledger(ledger: Path, place: Path) -> int:
    """Copy the ledger's file to `place`, which is not there yet. Returns its size in bytes.

    SQLite's online backup reads one snapshot; writers go on beside it. The copy appears under its name once it is whole,
    on disk and was looked through.

    Raises:
        WrongUse: there is no ledger, or `place` cannot be where the copy goes.
        LedgerUnavailable: no room, or the ledger cannot be read.
    """
    if not ledger.is_file():
        raise WrongUse(f"There is no ledger at {str(ledger)!r} to copy.")
    if place.exists() or not place.resolve().parent.is_dir():
        raise WrongUse(f"The copy {str(place)!r} is there already, or its folder is not. Name another place.")
    part = place.with_name(f".{place.name}.part-{os.getpid()}")
    try:
        with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
            (said,) = target.execute("PRAGMA quick_check").fetchone()
        if said != "ok":
            raise LedgerUnavailable(
                f"The copy of {str(ledger)!r} is damaged: {said}. See `roadworthy doctor`."
            )
        _to_disk(part)
        part.replace(place)
        _to_disk(place.resolve().parent)
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnavailable(
            f"The ledger {str(ledger)!r} could not be copied to {str(place)!r}: {error}. The ledger is as it was."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return place.stat().st_size


def _to_disk(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
