"""Apps that are not ready, each for one reason: the road test names that reason, and no other."""

from pathlib import Path

import pytest
from tests.vet.test_road import drive

from roadworthy.vet.road.stages import STAGES

HERE = Path(__file__).parent / "unready"
INPUT = (str(HERE / "inbox.jsonl"), "--answers", str(HERE / "answers.jsonl"))
REASONS = {
    "no_checks": ("endings", "invented"),
    "no_budget": ("budget", "declared"),
    "own_retries": ("endings", "retries"),
    "own_cache": ("intake", "alone"),
    "loses_work": ("crash", "written"),
}
EXPLAINED = {
    "no_checks": {("injection", "obeyed"), ("quality", "wrong")},
    "own_retries": {("outage", "silence-paid-once")},
    "own_cache": {("load", "wanted"), ("load", "twice"), ("consistency", "own-answer")},
}
"""What the same mistake breaks elsewhere for certain; more may show, by which of several requests came first."""


@pytest.mark.parametrize("name", ["own_cache", "loses_work", "no_budget"])
def test_the_stage_that_is_made_for_it_finds_it(name: str, tmp_path: Path) -> None:
    """An app that is not ready would be waved through."""
    stage, finding = REASONS[name]
    words = (str(HERE / f"{name}.py"), *INPUT, "--minutes", "0.7", "--only", stage)
    status, report = drive(tmp_path, *words)
    assert status == 1
    assert [(where.name, found.name) for where, found in report.reasons] == [(stage, finding)]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(REASONS))
def test_it_is_a_no_go_for_the_right_reason_and_only_for_it(name: str, tmp_path: Path) -> None:
    """The report would send the team to mend what is whole."""
    status, report = drive(tmp_path, str(HERE / f"{name}.py"), *INPUT, "--minutes", "1")
    assert status == 1
    assert len(report.stages) == len(STAGES)
    assert [(where.name, found.name) for where, found in report.reasons] == [REASONS[name]]
    explained = {(where.name, found.name) for where, found, _ in report.explained}
    assert {clue.cause for _, _, clue in report.explained} <= {"/".join(REASONS[name])}
    assert explained >= EXPLAINED.get(name, set())
    assert not [found for _, found in report.findings if found.name == "stage"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_app_that_they_are_made_from_is_a_go(tmp_path: Path) -> None:
    """Whatever the five fail for would be the fault of what they share."""
    status, report = drive(tmp_path, str(HERE / "ready.py"), *INPUT, "--minutes", "1")
    assert (status, report.reasons, report.explained) == (0, (), ())
