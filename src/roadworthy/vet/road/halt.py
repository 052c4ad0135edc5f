"""Ending a road test at once: what its stages run is ended, and nothing more is started."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from roadworthy._errors import WrongUse


class Halted(WrongUse):
    """The road test was ended."""

    def __init__(self) -> None:
        super().__init__("The road test was ended.")


class Halt:
    """What runs for the stages of one bench, from whichever thread."""

    def __init__(self) -> None:
        self._running: dict[object, Callable[[], None]] = {}
        self._is_ended = False
        self._turn = threading.Lock()

    @contextmanager
    def holding(self, end: Callable[[], None]) -> Iterator[None]:
        """Something runs inside, and `end` ends it from another thread.

        Raises:
            Halted: the road test has ended, before or meanwhile.
        """
        mark = object()
        with self._turn:
            self._running[mark] = end
            is_late = self._is_ended
        try:
            if is_late:
                end()
            else:
                yield
        finally:
            with self._turn:
                del self._running[mark]
        if self._is_ended:
            raise Halted

    def end(self) -> None:
        """End all that runs; what is started from now on ends at once."""
        with self._turn:
            self._is_ended = True
            ends = list(self._running.values())
        for end in ends:
            end()
