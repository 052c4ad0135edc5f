"""Runs with batches, killed at named points and given again: every record ends, nothing is sent twice, the cost is the bill."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.batch.trial import PROVIDERS, Trial

from roadworthy._failpoints import POINTS
from roadworthy.vet.process import RunningSimulator

Begin = Callable[..., Trial]
BATCH_POINTS = tuple(point.name for point in POINTS if point.name.startswith("batch_"))


@pytest.mark.timeout(900)  # three processes one after the other, on a machine that may be busy
@pytest.mark.parametrize("name", PROVIDERS)
def test_every_record_ends_and_the_cost_is_the_bill(begin: Begin, name: str) -> None:
    """With a batch that expires, failed lines, other orders and two crashes, a record or a cent would get lost."""
    trial = begin(name, 300, 100, expired=[2])
    trial.kill("batch_created:2")
    trial.kill("batch_downloaded:4")
    summary = trial.run()
    assert trial.violations() == []
    assert summary["accepted"] >= 270
    assert any(batch["state"] == "expired" for batch in trial.sim.batches())


@pytest.mark.parametrize("ledger", ["postgres"], indirect=True)
def test_a_batch_is_taken_over_once_the_lease_of_a_dead_process_is_over(begin: Begin) -> None:
    """A run that begins again right after a crash would wait for ever for a batch of the process that crashed."""
    trial = begin("openai")
    trial.more = {"ROADWORTHY_LEASE_S": "6"}  # longer than a command takes to start
    trial.kill("batch_submitted_written:1")
    trial.run()
    assert trial.violations() == []


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
@pytest.mark.parametrize("point", BATCH_POINTS)
def test_a_kill_at_any_point_of_a_batch(begin: Begin, point: str) -> None:
    """A process that dies there would leave a batch that is lost, or send it twice."""
    trial = begin("openai")
    trial.kill(f"{point}:2")
    trial.run()
    assert trial.violations() == []


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["anthropic", "gemini"])
@pytest.mark.parametrize("point", ["batch_sending_committed", "batch_created", "batch_submitted_written"])
def test_a_creation_that_nobody_saw_is_found_again(begin: Begin, name: str, point: str) -> None:
    """A provider that keeps no tag, or lists operations, would be sent the same calls a second time."""
    trial = begin(name)
    trial.kill(f"{point}:1")
    trial.run()
    assert trial.violations() == []


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", PROVIDERS)
def test_five_thousand_records(
    large_provider: RunningSimulator, ledger: str, tmp_path: Path, name: str
) -> None:
    """What holds for 300 records would not hold for a real input."""
    large_provider.reset()
    large_provider.script({"batches": {"delay_s": 0.5, "shuffled": True, "expired": [2]}})
    trial = Trial(tmp_path, ledger, large_provider, name, 5_000, 1_000)
    trial.more = {"ROADWORTHY_BATCH_SLICE": "256"}
    trial.kill("batch_created:2")
    trial.kill("batch_downloaded:3")
    summary = trial.run()
    assert trial.violations() == []
    assert summary["accepted"] >= 4_500
    assert any(batch["state"] == "expired" for batch in trial.sim.batches())
    print(trial.told(summary))
