"""Threads behind the event loop, which wait their turn when they wake.

The transport's thread wakes for every response and the ledger's for every commit, and both then want the interpreter's
lock, which the loop's thread holds. A thread that wakes may push aside the one that runs (Linux, where both share a
core): it takes the core, finds the lock held and gives the core back, response after response. One of SCHED_BATCH waits
until the other sleeps or its slice is over, and finds several responses then. Measured, one core and 64 in flight: a
tenth less CPU a call, and less than half of the switches between threads.

Source: sched(7), "SCHED_BATCH". Elsewhere, and where a system does not allow it, threads wake as ever.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def wake_in_turn() -> bool:
    """Let this thread, and those that it starts, wait their turn. Whether that changed anything.

    A thread that somebody gave another policy, such as that of real time, keeps it.
    """
    if sys.platform != "linux":
        return False
    with suppress(OSError):  # a sandbox that forbids the call
        if os.sched_getscheduler(0) == os.SCHED_OTHER:  # 0 is the thread that calls
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            return True
    return False


def wake_at_once() -> None:
    """Let this thread push aside who runs when it wakes, after all, where it was to wait its turn."""
    if sys.platform == "linux":
        with suppress(OSError):
            if os.sched_getscheduler(0) == os.SCHED_BATCH:
                os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def starting_behind() -> Iterator[None]:
    """Whatever thread a library starts inside waits its turn; this one wakes as before."""
    changed = wake_in_turn()
    try:
        yield
    finally:
        if changed and sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
