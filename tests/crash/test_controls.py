"""The negative controls: over Roadworthy built wrongly, the same harness must see it.

Each test names the invariants that must be violated. Without these a harness that passes everything would go unnoticed.
"""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash import tickets
from tests.crash.harness import AT_END, AT_REST, violations
from tests.crash.late import late_provider
from tests.crash.test_stopped import stopped_at
from tests.crash.trial import CAP_USD, COUNT, TIMEOUT_S, Trial, counts_on_arrival

from roadworthy.vet.process import RunningSimulator

TIGHT_USD = "0.0005"


@pytest.fixture
def trial(provider: RunningSimulator, tmp_path: Path) -> Iterator[Trial]:
    """A step's run on a new ledger; the variants bend code that is the same for every ledger."""
    begun = Trial(tmp_path, str(tmp_path / "ledger.db"), provider, "triage")
    yield begun
    begun.end()


@pytest.mark.timeout(60)
def test_settlement_in_a_second_transaction_is_seen(trial: Trial) -> None:
    """An answer could be accepted without its reply and cost, and nobody would notice."""
    trial.kill("outcome_committed:20", "settle_apart")
    assert "what_ended_is_paid_for" in " ".join(trial.at_rest)


@pytest.mark.timeout(60)
def test_a_reply_kept_in_a_second_transaction_is_seen(trial: Trial) -> None:
    """A paid reply could be lost and bought again, and nobody would notice."""
    trial.kill("outcome_committed:20", "reply_apart")
    trial.run("reply_apart", "--concurrency", "8", "--budget-usd", CAP_USD, "--yes")
    assert "no_reply_is_bought_twice" in " ".join(trial.violations())


@pytest.mark.timeout(60)
def test_an_intent_given_back_at_death_is_seen(trial: Trial) -> None:
    """A call that was billed could vanish from the books with the process that made it."""
    trial.kill("after_send:30")
    trial.run("give_back")
    assert "every_request_has_a_row" in " ".join(trial.violations())


@pytest.mark.timeout(60)
def test_a_lease_given_back_by_expiry_is_seen(trial: Trial) -> None:
    """A process that was only slow could make calls that nobody is charged for."""
    with stopped_at(trial, "after_send:30") as first:
        trial.run("expire")
        first.send_signal(signal.SIGCONT)
        first.wait(TIMEOUT_S)
    assert "every_request_has_a_row" in " ".join(trial.violations())


@pytest.mark.timeout(60)
def test_a_budget_that_is_checked_before_it_is_counted_is_seen(trial: Trial) -> None:
    """Concurrent calls could pass the same check and overspend, and nobody would notice."""
    options = ("--concurrency", "16", "--budget-usd", TIGHT_USD)
    trial.run("check_then_increment", *options, status=3)
    said = violations(trial.evidence(cap_usd=TIGHT_USD), AT_REST)
    assert "caps_hold_at_every_tick" in " ".join(said)


@pytest.mark.timeout(60)
def test_the_same_budget_holds_where_the_check_is_in_the_transaction(trial: Trial) -> None:
    """The control above would show nothing: that cap would be passed by the real thing as well."""
    trial.run("", "--concurrency", "16", "--budget-usd", TIGHT_USD, status=3)
    assert violations(trial.evidence(cap_usd=TIGHT_USD), AT_REST) == []


@pytest.mark.timeout(90)
def test_a_provider_that_counts_at_the_end_is_seen_and_hides_what_the_honest_one_shows(
    provider: RunningSimulator, tmp_path: Path
) -> None:
    """The harness would trust a mock that forgets what was in flight at a kill, and pass a ledger that does so too."""
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps(row) + "\n" for row in tickets.rows(COUNT)))
    said = {}
    with late_provider(answers) as late:
        assert counts_on_arrival(provider)
        assert not counts_on_arrival(late)
        for name, sim in (("late", late), ("honest", provider)):
            folder = tmp_path / name
            folder.mkdir()
            trial = Trial(folder, str(folder / "ledger.db"), sim, "triage")
            # Eight workers in step: at the last of their fourth requests all answers before are on disk, and none comes.
            sim.script({"faults": {}, "latency_ms": 300})
            trial.kill("before_send:32")
            sim.script({"latency_ms": 1})
            trial.run("give_back")
            said[name] = trial.violations(AT_END)
    assert "every_request_has_a_row" in " ".join(said["honest"])
    assert said["late"] == []
