"""Threads that wait their turn when they wake."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from roadworthy._settings import DEFAULTS
from roadworthy._threads import starting_behind, wake_at_once, wake_in_turn
from roadworthy.keep.store import SqliteStore

R = TypeVar("R")
ASKS = """
import asyncio, os
from pathlib import Path
from roadworthy._settings import DEFAULTS
from roadworthy.call.transport import PyreqwestTransport

async def ask():
    transport = PyreqwestTransport(DEFAULTS)
    await transport.post("http://127.0.0.1:9/", {}, b"{}", 5.0)
    for place in Path("/proc/self/task").iterdir():
        if (name := (place / "comm").read_text().strip()) == "pyreqwest":
            print(name, os.sched_getscheduler(int(place.name)))
    print("loop", os.sched_getscheduler(0))
    await transport.close()

asyncio.run(ask())
"""

if sys.platform != "linux":
    pytest.skip("the policies of sched(7) are Linux's", allow_module_level=True)


def elsewhere(work: Callable[[], R]) -> R:
    """What `work` says in a thread of its own, so that no test changes how the others' thread wakes."""
    said: list[R] = []
    thread = threading.Thread(target=lambda: said.append(work()))
    thread.start()
    thread.join(20)
    return said[0]


def policies() -> dict[int, int]:
    """The policy of each thread of this process."""
    found = {}
    for place in Path("/proc/self/task").iterdir():
        found[int(place.name)] = os.sched_getscheduler(int(place.name))
    return found


def test_a_thread_waits_its_turn_and_is_told_once() -> None:
    """Otherwise the ledger's thread would push the loop aside at every commit, as it did."""

    def work() -> tuple[bool, bool, int]:
        return wake_in_turn(), wake_in_turn(), os.sched_getscheduler(0)

    assert elsewhere(work) == (True, False, os.SCHED_BATCH)


def test_a_thread_that_is_behind_waits_no_more() -> None:
    """Otherwise a loop that never sleeps would keep the ledger's thread from the core while a thousand wait for it."""

    def work() -> tuple[int, bool, int]:
        wake_in_turn()
        wake_at_once()
        pushes = os.sched_getscheduler(0)
        return pushes, wake_in_turn(), os.sched_getscheduler(0)

    assert elsewhere(work) == (os.SCHED_OTHER, True, os.SCHED_BATCH)


def test_what_starts_inside_waits_and_who_started_it_does_not() -> None:
    """Otherwise the loop itself would wait behind its own helpers: what it answers would come later."""

    def work() -> tuple[int, int, int]:
        with starting_behind():
            inside = elsewhere(lambda: os.sched_getscheduler(0))
        return inside, os.sched_getscheduler(0), elsewhere(lambda: os.sched_getscheduler(0))

    assert elsewhere(work) == (os.SCHED_BATCH, os.SCHED_OTHER, os.SCHED_OTHER)


def test_somebody_elses_policy_is_kept() -> None:
    """Otherwise a program that runs idle, or in real time, would be set to something else behind its back."""

    def work() -> tuple[bool, int]:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with starting_behind():
            pass
        wake_at_once()
        return wake_in_turn(), os.sched_getscheduler(0)

    assert elsewhere(work) == (False, os.SCHED_IDLE)


def test_a_system_that_forbids_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise no ledger could be opened in a sandbox that filters this call."""

    def forbidden(_thread: int, _policy: int, _how: os.sched_param) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    assert not wake_in_turn()
    wake_at_once()
    with starting_behind():
        pass


def test_the_ledgers_thread_waits_its_turn(tmp_path: Path) -> None:
    """Otherwise a call costs a tenth more CPU on one core, and nothing else would show it."""
    before = policies()
    store = SqliteStore(tmp_path / "ledger.db", DEFAULTS)
    try:
        started = [policy for thread, policy in policies().items() if thread not in before]
    finally:
        store.close()
    assert started == [os.SCHED_BATCH]


def test_the_ledgers_thread_waits_no_more_while_it_is_behind(tmp_path: Path) -> None:
    """Otherwise a thousand calls in flight march in step: all behind one commit, then all on the wire."""
    before = policies()
    found: list[int] = []
    store = SqliteStore(tmp_path / "ledger.db", replace(DEFAULTS, commit_rows_max=8))
    try:
        (thread,) = policies().keys() - before.keys()

        async def write(count: int) -> None:
            await asyncio.gather(*(store.write(lambda _tx: None) for _ in range(count)))
            found.append(os.sched_getscheduler(thread))

        for count in (4, 5, 4):
            asyncio.run(write(count))
    finally:
        store.close()
    assert found == [os.SCHED_BATCH, os.SCHED_OTHER, os.SCHED_BATCH]


def test_the_transports_thread_waits_its_turn() -> None:
    """The same for pyreqwest's, which starts with its first client; a newer one might start it elsewhere.

    In a process of its own: whoever uses pyreqwest first in a process starts its thread.
    """
    done = subprocess.run(
        [sys.executable, "-c", ASKS], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["pyreqwest", str(os.SCHED_BATCH), "loop", str(os.SCHED_OTHER)]
