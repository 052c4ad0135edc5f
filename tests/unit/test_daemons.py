"""Threads for calls that may never return."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import TimeoutError as NotYet
from threading import Event, Semaphore

import pytest

from roadworthy._daemons import Daemons

WAIT_S = 20.0
SAID: contextvars.ContextVar[str] = contextvars.ContextVar("said")


@pytest.fixture
def release() -> Iterator[Event]:
    """What calls hang on; they return when the test has ended."""
    event = Event()
    yield event
    event.set()


def hang(begun: Semaphore, release: Event) -> None:
    """Say that it was called, and return no more."""
    begun.release()
    release.wait(60)


def test_calls_that_hang_hold_up_nobody_else(release: Event) -> None:
    """A client without a timeout would stop every other record, as soon as it hangs as often as there are threads."""
    threads, begun = Daemons("test", 1_000), Semaphore(0)
    for _ in range(100):
        threads.begin(hang, begun, release)
    for _ in range(100):
        assert begun.acquire(timeout=WAIT_S), "each has a thread"
    assert threads.begin(str, 7).result(WAIT_S) == "7"


def test_what_has_not_begun_can_be_taken_back_and_what_has_cannot(release: Event) -> None:
    """A call that nobody made would be charged, or one that was made be taken for free."""
    threads, begun = Daemons("test", 1), Semaphore(0)
    first = threads.begin(hang, begun, release)
    assert begun.acquire(timeout=WAIT_S)
    second, third = threads.begin(hang, begun, release), threads.begin(str, 7)
    with pytest.raises(NotYet):
        third.result(0.05)
    assert (first.cancel(), second.cancel()) == (False, True)
    release.set()
    assert third.result(WAIT_S) == "7", "one that was taken back is in nobody's way"
    assert not begun.acquire(blocking=False), "it was not called"


def test_a_call_sees_what_its_caller_set() -> None:
    """A trace, or a tenant, that is kept in a context variable would be lost on the way into a function."""
    SAID.set("mine")
    assert Daemons("test", 1).begin(SAID.get).result(WAIT_S) == "mine"
    Daemons("test", 1).begin(SAID.set, "its own").result(WAIT_S)
    assert SAID.get() == "mine"


def test_a_thread_is_used_again_and_ends_when_nobody_calls() -> None:
    """A function that keeps a connection for each thread would make one for each call; a service would gather threads."""
    threads = Daemons("test", 1_000, idle_s=0.5)
    first = threads.begin(threading.current_thread).result(WAIT_S)
    assert threads.begin(threading.current_thread).result(WAIT_S) is first
    first.join(WAIT_S)
    assert not first.is_alive()
    assert threads.begin(threading.current_thread).result(WAIT_S) is not first, "another one is started"


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit(3)], ids=["a-bug", "an-exit"])
def test_whoever_waits_is_told_what_was_raised_and_the_thread_goes_on(error: BaseException) -> None:
    """A function that calls `sys.exit` would leave its record waiting for ever."""

    def broken() -> None:
        raise error

    threads = Daemons("test", 1)
    with pytest.raises(type(error)):
        threads.begin(broken).result(WAIT_S)
    assert threads.begin(str, 7).result(WAIT_S) == "7"


def test_a_system_without_threads_costs_nothing_but_the_wait() -> None:
    """A container's limit on threads would end a run with a traceback, though there are others to take the call."""
    threads = Daemons("test", 1_000)
    usual = threading.stack_size(1 << 47)  # more than an address can say: no thread can be started
    try:
        waits = threads.begin(str, 7)
    finally:
        threading.stack_size(usual)
    with pytest.raises(NotYet):
        waits.result(0.05)
    assert threads.begin(str, 8).result(WAIT_S) == "8"
    assert waits.result(WAIT_S) == "7"


ENDS = """
import threading
from roadworthy._daemons import Daemons
begun = threading.Event()
def hang():
    begun.set()
    threading.Event().wait()
Daemons("test", 1).begin(hang)
begun.wait()
"""


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    """A run that has ended would stand in the terminal until somebody kills it."""
    assert subprocess.run([sys.executable, "-c", ENDS], timeout=WAIT_S, check=False).returncode == 0
