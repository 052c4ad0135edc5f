"""Threads for calls that may never return: a team's own function, an input that nobody ends.

`asyncio.to_thread` takes its threads from the loop's own few, which everything else in the loop takes them from too: as
many calls that hang stop it all, and the loop, and the process after it, end only once these have returned. Here nobody
waits for a thread, so whoever has had enough of a call leaves it behind.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Final, Generic, TypeVar

from roadworthy._edge import told_to

R = TypeVar("R")
IDLE_S: Final = 30.0
"""A thread that had no call for so long ends."""


class _Call(Generic[R]):
    """A call, with the context of whoever asked for it."""

    __slots__ = ("_context", "_function", "future")

    def __init__(self, function: Callable[[], R], context: Context) -> None:
        self._function = function
        self._context = context
        self.future: Future[R] = Future()

    def run(self) -> None:
        """Call, unless it was taken back. Whatever is raised is told to whoever waits."""
        if self.future.set_running_or_notify_cancel():
            with told_to(self.future.set_exception, kinds=(BaseException,)):
                self.future.set_result(self._context.run(self._function))


class Daemons:
    """Threads that no end of a loop or process waits for, started as they are needed and used again.

    Args:
        name: what a debugger calls them.
        most: how many, those that hang included. What is called beyond them waits.
        idle_s: how long one waits for a call.
    """

    def __init__(self, name: str, most: int, idle_s: float = IDLE_S) -> None:
        self._name = name
        self._most = most
        self._idle_s = idle_s
        self._calls: queue.SimpleQueue[_Call[Any]] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._count = 0
        self._free = 0  # threads without a call, less the calls without a thread

    def begin(self, function: Callable[..., R], *given: object) -> Future[R]:
        """Have it called as soon as there is a thread. Until it is, `cancel` of what is returned takes it back."""
        call = _Call(partial(function, *given), copy_context())
        with self._turn:
            starts = self._free <= 0 and self._count < self._most
            self._count += starts
            self._free += starts - 1
        self._calls.put(call)
        if starts:
            self._start()
        return call.future

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no thread left: the call waits for one of those there are
            with self._turn:
                self._leave()

    def _work(self) -> None:
        while (call := self._next()) is not None:
            call.run()
            del call  # an idle thread would keep what was said
            with self._turn:
                self._free += 1

    def _next(self) -> _Call[Any] | None:
        """The next call; None where none came in time, and the thread counts no more."""
        while True:
            try:
                return self._calls.get(timeout=self._idle_s)
            except queue.Empty:
                with self._turn:
                    if self._free > 0:  # else a call is on its way to it
                        self._leave()
                        return None

    def _leave(self) -> None:
        """A thread less, which had no call."""
        self._count -= 1
        self._free -= 1
