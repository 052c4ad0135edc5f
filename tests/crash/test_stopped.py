"""SIGSTOP: a process that stands still is not dead, and whatever others do meanwhile, nothing is settled twice."""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.crash.harness import (
    AT_END,
    AT_REST,
    DIED,
    no_more_requests_than_calm_and_in_flight,
    nothing_is_left_open,
    open_attempts,
    violations,
)
from tests.crash.trial import QUICK, TIMEOUT_S, Trial
from tests.ledgers import ask

INSIDE = ("before_commit", "after_commit", "intent_written")
IMPATIENT = {"ROADWORTHY_RECORD_DEADLINE_S": "1.5", "ROADWORTHY_PARK_ROUNDS_MAX": "1"}


@contextmanager
def stopped_at(trial: Trial, failpoint: str, variant: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A run that stands still at a point, with attempts on the wire."""
    process = trial.start(f"{failpoint}:stop", variant)
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"it did not stop: {trial.said()}"
        if not failpoint.startswith(INSIDE):
            _let_its_writer_finish(trial, process)
        yield process
    finally:
        process.kill()
        process.wait(TIMEOUT_S)


@pytest.fixture
def trial(begin: Callable[[str], Trial]) -> Trial:
    """A step's run on a new ledger."""
    return begin("triage")


@pytest.mark.timeout(90)
def test_a_stopped_process_is_not_reaped_and_goes_on_as_if_nothing_had_been(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was only slow would be charged for what it has on the wire, and then settle it a second time."""
    if "://" in trial.ledger:
        pytest.skip("a process is dead to this ledger when its lease runs out; see the next test")
    with stopped_at(trial, "after_send:30") as first:
        held = open_attempts(trial.ledger)
        assert held, "it stopped with nothing on the wire"
        for name, value in IMPATIENT.items():
            monkeypatch.setitem(QUICK, name, value)
        second = trial.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            second.wait(8.0)  # it does what it can; for the rest it waits for the first, or stops
        assert held <= open_attempts(trial.ledger), "another process charged or settled what was not its own"
        assert violations(trial.evidence(), AT_REST) == []
        first.send_signal(signal.SIGCONT)
        assert first.wait(TIMEOUT_S) in {0, 3}
        assert second.wait(TIMEOUT_S) in {0, 3}, trial.said()
    trial.run()
    assert trial.violations() == []
    assert ask(trial.ledger, f"SELECT count(*) FROM attempt WHERE detail LIKE '{DIED}%'") == [(0,)]


@pytest.mark.timeout(90)
def test_a_process_that_outlived_its_lease_writes_nothing(trial: Trial) -> None:
    """A process that was stopped past its lease would settle what another has charged, or keep an outcome of its own."""
    if "://" not in trial.ledger:
        pytest.skip("on SQLite the kernel says who is alive; a stopped process is, and nobody reaps it")
    with stopped_at(trial, "after_send:30") as first:
        trial.in_flight |= open_attempts(trial.ledger)
        trial.run()
        finished = violations(trial.evidence(), AT_END)
        rows = ask(trial.ledger, "SELECT id, outcome, value FROM record ORDER BY id")
        first.send_signal(signal.SIGCONT)
        first.wait(TIMEOUT_S)
    assert finished == []
    assert ask(trial.ledger, "SELECT id, outcome, value FROM record ORDER BY id") == rows
    assert trial.violations() == []


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_process_that_is_killed_while_it_stands_still_is_reaped_by_one_at_work(trial: Trial) -> None:
    """A run would wait for ever for the answers of a process that died beside it."""
    with stopped_at(trial, "after_send:30") as first:
        trial.in_flight |= open_attempts(trial.ledger)
        assert trial.in_flight, "it stopped with nothing on the wire"
        second = trial.start()
        trial.wait_until(lambda: ask(trial.ledger, "SELECT count(*) FROM run") == [(2,)])
        first.kill()
        first.wait(TIMEOUT_S)
        assert second.wait(TIMEOUT_S) == 0, trial.said()
    assert trial.violations() == []


@pytest.mark.slow
@pytest.mark.timeout(90)
@pytest.mark.parametrize("point", ["before_commit:20", "after_commit:20", "intent_written:20"])
def test_a_process_that_stands_still_inside_a_transaction_is_waited_for(trial: Trial, point: str) -> None:
    """Another process would write past a transaction that is not over, and the budget would count one of them only."""
    if "://" in trial.ledger:
        pytest.skip("the server ends a transaction whose owner stands still past its lease")
    with stopped_at(trial, point) as first:
        before = ask(trial.ledger, "SELECT count(*) FROM lease")
        second = trial.start()
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(3.0)
        assert ask(trial.ledger, "SELECT count(*) FROM lease") == before, (
            "it wrote while another's transaction stood"
        )
        first.send_signal(signal.SIGCONT)
        assert first.wait(TIMEOUT_S) in {0, 3}
        assert second.wait(TIMEOUT_S) in {0, 3}, trial.said()
    trial.run()
    assert trial.violations() == []


@pytest.mark.slow
@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("point", "status"),
    [
        ("lease_committed:1", 130),
        ("run_begun_committed:1", 130),
        ("intake_committed:1", 130),
        ("intent_committed:20", 130),
        ("after_send:20", 130),
        ("outcome_committed:20", 130),
        ("output_written:1", 130),
        ("run_ended_committed:1", 0),
    ],
)
def test_an_interrupt_at_any_moment_ends_in_order(trial: Trial, point: str, status: int) -> None:
    """Ctrl-C would hang, leave money reserved or a run that never ends in the books, depending on the moment."""
    with stopped_at(trial, point) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        assert process.wait(TIMEOUT_S) == status, trial.said()
    assert ask(trial.ledger, "SELECT status FROM run") == [(status,)]
    assert violations(trial.evidence(), (*AT_REST, nothing_is_left_open)) == []
    trial.run()
    # What was interrupted on the wire is charged as unknown and sent again; the count of a calm run is not its limit.
    every = [one for one in AT_END if one is not no_more_requests_than_calm_and_in_flight]
    assert trial.violations(tuple(every)) == []


def _let_its_writer_finish(trial: Trial, process: subprocess.Popen[bytes]) -> None:
    """The step stood still, and its writer perhaps in the midst of a commit: go on in small steps until it is not."""
    for _ in range(200):
        if "://" in trial.ledger or _is_free(Path(trial.ledger + ".lock")):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.002)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
    raise AssertionError("its writer is always in a commit")


def _is_free(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
