"""`kill -9` at every failpoint in turn, the same command again, and nothing is lost, paid twice or overspent."""

import datetime as dt
import os
import random
import time
from collections.abc import Callable

import pytest
from tests.crash.harness import AT_END, no_more_requests_than_calm_and_in_flight
from tests.crash.trial import CAP_USD, LEASE_S, QUICK, Trial

from roadworthy._failpoints import POINTS

# How far into its passes a point kills: at the first one, in the middle, towards the end.
SHARES = (0.0, 0.45, 0.85)
# Commits of concurrent calls share a transaction, now more of them and now fewer: their number varies.
SHARES_OF_COMMITS = (0.1, 0.35, 0.6)
COMMITS = {"before_commit", "after_commit"}
ONCE_A_RUN = {
    "lease_written", "lease_committed", "run_begun_written", "run_begun_committed", "output_written",
    "output_replaced", "run_ended_written", "run_ended_committed", "goodbye_written", "goodbye_committed",
}  # fmt: skip
REAPING = {"reap_written", "reap_committed"}
IN_WORKFLOWS = {"once_begun_committed", "once_ran", "once_kept_committed"}
ALSO_IN_WORKFLOWS = {
    "intent_written",
    "after_send",
    "reply_owed",
    "settlement_written",
    "outcome_written",
    "outcome_committed",
}
SAMPLE = 8
Case = tuple[str, str, float]


def cases() -> list[Case]:
    """Every (entry, point, share) of the sweep; the points of a batch have tests of their own, in tests/batch."""
    found: list[Case] = []
    for point in POINTS:
        if point.name.startswith("batch_"):
            continue
        shares: tuple[float, ...] = SHARES_OF_COMMITS if point.name in COMMITS else SHARES
        shares = (0.0,) if point.name in ONCE_A_RUN | REAPING else shares
        for entry, has in (
            ("triage", point.name not in IN_WORKFLOWS),
            ("handle", point.name in IN_WORKFLOWS | ALSO_IN_WORKFLOWS),
        ):
            found += [(entry, point.name, share) for share in shares if has]
    return found


def kill_and_resume(trial: Trial, point: str, share: float) -> list[str]:
    """One case: what does not hold afterwards."""
    if point in REAPING:
        trial.kill("before_send:20")
        trial.kill(f"{point}:1")
    else:
        assert trial.calm is not None
        trial.kill(f"{point}:{1 + int(share * (trial.calm.passes[point] - 1))}")
    trial.run()
    return trial.violations()


def sample(day: int) -> list[Case]:
    """The cases of a day: every one has its turn."""
    shuffled = cases()
    random.Random(0).shuffle(shuffled)
    start = day * SAMPLE % len(shuffled)
    return (shuffled + shuffled)[start : start + SAMPLE]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("turn", range(SAMPLE))
def test_todays_sample_of_the_sweep(turn: int, begin: Callable[[str], Trial]) -> None:
    """A kill at one of today's points would lose a record, buy an answer again, or spend over the cap (P1 to P5)."""
    day = int(os.environ.get("CRASH_SAMPLE", dt.datetime.now(dt.UTC).date().toordinal()))
    entry, point, share = sample(day)[turn]
    print(f"CRASH_SAMPLE={day}, turn {turn}: {entry} killed at {point} after {share:.0%} of its passes")
    trial = begin(entry)
    assert kill_and_resume(trial, point, share) == []


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("entry", "point", "share"), cases())
def test_a_kill_changes_nothing_but_what_was_in_flight(
    entry: str,
    point: str,
    share: float,
    begin: Callable[[str], Trial],
) -> None:
    """A kill at this point would lose a record, buy an answer again, or spend over the cap (P1 to P5)."""
    trial = begin(entry)
    assert kill_and_resume(trial, point, share) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_again_and_again_it_still_comes_to_its_end(
    begin: Callable[[str], Trial],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills that follow each other would add up to a lost record or a second purchase."""
    monkeypatch.setitem(QUICK, "ROADWORTHY_CRASH_LOOP_DEATHS", "100")
    trial = begin("handle")
    points = (
        "intake_committed:2",
        "after_send:20",
        "once_ran:5",
        "outcome_written:9",
        "before_commit:25",
        "intent_committed:30",
    )
    for point in points:
        trial.kill(point)
    trial.run()
    assert trial.deaths == len(points)
    assert trial.violations() == []


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_kills_its_process_every_time_is_given_up_and_can_be_asked_again(
    begin: Callable[[str], Trial],
) -> None:
    """A record that kills whoever works on it would kill every run for ever, or be lost when it is given up."""
    trial = begin("triage")
    for _ in range(3):
        trial.kill("after_send:1")
        if "://" in trial.ledger:
            time.sleep(LEASE_S + 0.5)  # until then its records are a live process's, and others are worked on
    trial.run(status=1)
    looped = {line.record_id for line in trial.evidence().lines if line.outcome == "failed"}
    assert 0 < len(looped) <= 8, "at most the records in flight at all three deaths"
    trial.run("", "--concurrency", "8", "--budget-usd", CAP_USD, "--retry", "failed")
    seen = [every for every in AT_END if every is not no_more_requests_than_calm_and_in_flight]
    assert trial.violations(tuple(seen)) == []
