"""Apps that are not ready, each for one reason: the road test names that reason, and no other."""

from pathlib import Path

import pytest
from tests.vet.test_road import drive

HERE = Path(__file__).parent / "unready"
INPUT = (str(HERE / "inbox.jsonl"), "--answers", str(HERE / "answers.jsonl"))
REASONS = {
    "no_checks": ("endings", "invented"),
    "no_budget": ("budget", "declared"),
    "own_retries": ("endings", "retries"),
    "own_cache": ("intake", "alone"),
    "loses_work": ("crash", "written"),
}
# The stages that look for one cause each. `load`, `outage` and `consistency` see the causes of `own_retries` and
# `own_cache` from other sides: who retries unseen pays twice in an outage, and a wrong cache answers wrongly under load.
ONLY = ("--only", "intake", "--only", "endings", "--only", "crash", "--only", "budget")


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
    status, report = drive(tmp_path, str(HERE / f"{name}.py"), *INPUT, "--minutes", "1", *ONLY)
    assert status == 1
    reasons = {(where.name, found.name) for where, found in report.reasons}
    assert reasons == {REASONS[name]}
    assert not [found for _, found in report.findings if found.name == "stage"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_app_that_they_are_made_from_is_a_go(tmp_path: Path) -> None:
    """Whatever the five fail for would be the fault of what they share."""
    status, report = drive(tmp_path, str(HERE / "ready.py"), *INPUT, "--minutes", "1")
    assert (status, report.reasons) == (0, ())
