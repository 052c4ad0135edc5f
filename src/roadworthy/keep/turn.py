"""The turn to write: one process at a time, in the order in which they came, and nobody waits for ever."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roadworthy._errors import LedgerUnavailable


class Turn:
    """An exclusive lock on a file, queued for in the kernel. Used by one thread at a time.

    A lock that is free is taken at once. For one that is held a thread waits in the kernel, which keeps the order of
    those who wait; polling would be unfair and let the tail of waiting grow. A wait that outlives its asker goes on in
    its thread and gives the lock back the moment it comes, or hands it to whoever asks in the meantime.

    Args:
        path: the lock's file; made where it is missing.
        limit_s: how long to wait for another process.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, limit_s: float) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._path = path
        self._limit_s = limit_s
        self._changed = threading.Condition()
        self._waiting = False
        self._wanted = False
        self._came = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the turn.

        Raises:
            LedgerUnavailable: another process holds it for longer than the limit.
        """
        self._take()
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; a wait that goes on ends with it."""
        os.close(self._descriptor)

    def _take(self) -> None:
        with self._changed:
            if not self._waiting:
                try:
                    fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    self._waiting = True
                    threading.Thread(target=self._wait, name="roadworthy-turn", daemon=True).start()
                else:
                    return
            self._wanted, self._came = True, False
            self._changed.wait_for(lambda: self._came, self._limit_s)
            self._wanted = False
            if not self._came:
                raise LedgerUnavailable(
                    f"Another process held {str(self._path)!r} for more than {self._limit_s:g} s. Nothing that was kept "
                    "is lost; find it (`roadworthy doctor`), and run the same command again."
                )

    def _wait(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError:
            return  # the file was closed: nobody waits any more
        with self._changed:
            self._waiting = False
            self._came = self._wanted
            if not self._wanted:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self._changed.notify_all()
