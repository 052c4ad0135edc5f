"""Which processes that worked on a ledger are still alive.

Each process holds an exclusive lock on a file of its own beside the ledger. The kernel gives the lock back
the moment the process ends, however it ends, so a lock that can be taken belongs to a process that is gone.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class LifeSign:
    """This process's sign of life on one ledger; ends with `end()` or with the process."""

    def __init__(self, ledger: Path, owner: int) -> None:
        self._path = _sign(ledger, owner)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def end(self) -> None:
        """Say good-bye."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_alive(ledger: Path, owner: int) -> bool:
    """Whether the process behind `owner` still holds its sign of life."""
    try:
        descriptor = os.open(_sign(ledger, owner), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def forget_sign(ledger: Path, owner: int) -> None:
    """Remove what a dead process left."""
    _sign(ledger, owner).unlink(missing_ok=True)


def _sign(ledger: Path, owner: int) -> Path:
    return ledger.with_name(f"{ledger.name}.live-{owner}")
