"""The stages load and outage, on an app that passes and on apps that do not."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.vet.stands import FUNCTION, GOOD, HEAD, drive, stand

from roadworthy.vet.road.endings import ENDINGS
from roadworthy.vet.road.finding import Grade
from roadworthy.vet.road.load import LOAD, Leg, bounded
from roadworthy.vet.road.outage import OUTAGE
from roadworthy.vet.road.picture import Chart
from roadworthy.vet.road.trial import Ran

RACE = (
    HEAD
    + '''
import time
latest = {}

def ask(prompt: str) -> dict[str, str]:
    """Keeps what it works on in a place that all calls share."""
    latest["prompt"] = prompt
    time.sleep(0.05)
    return provider(latest["prompt"])
'''
    + FUNCTION
)

COUNTS = (
    HEAD
    + '''
count = 0

def ask(prompt: str) -> dict[str, str]:
    """Says which call of this process it is."""
    global count
    provider(prompt)
    count += 1
    return {"mood": "glad", "quote": f"number {count}"}
'''
    + FUNCTION
)

BESIDE = (
    HEAD
    + """
@app.step(models=[SMALL])
def mood(note: Note) -> Prompt[Mood]:
    try:
        provider(note.text)
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return Prompt("Glad or sad?", note.text)
"""
)

INVENTS = (
    HEAD
    + '''
def ask(prompt: str) -> dict[str, str]:
    """Says something rather than nothing."""
    try:
        return provider(prompt)
    except OSError:
        return {"mood": "glad", "quote": ""}
'''
    + FUNCTION
)


def test_a_good_app_passes_load_and_outage(tmp_path: Path) -> None:
    """A sound app would be refused, and nobody would believe the next no-go."""
    with stand(tmp_path, GOOD) as bench:
        findings, (figure, chart, table) = drive(LOAD, bench)
        assert {name: finding.grade for name, finding in findings.items()} == dict.fromkeys(
            ("wanted", "twice", "memory"), Grade.PASS
        )
        assert all(picture.measured for picture in (figure, chart, table))
        assert isinstance(chart, Chart)
        assert all(line.points[-1][1] == 100 for line in chart.lines)
        findings, _ = drive(OUTAGE, bench)
        names = ("errors-drains", "errors-paid-once", "silence-drains", "silence-paid-once")
        assert {name: finding.grade for name, finding in findings.items()} == dict.fromkeys(names, Grade.PASS)


def test_a_function_whose_calls_share_a_place_fails_under_load(tmp_path: Path) -> None:
    """Records that get each other's answers when several run at once would pass: alone each is right."""
    with stand(tmp_path, RACE) as bench:
        findings, _ = drive(LOAD, bench)
        assert findings["twice"].grade is Grade.FAIL
        assert "fared otherwise than alone" in findings["twice"].happened
        assert findings["twice"].evidence


def test_an_app_none_of_whose_answers_holds_still_is_tried_all_the_same(tmp_path: Path) -> None:
    """A stage would break with a traceback of Roadworthy's own, and what else it finds would go untold."""
    with stand(tmp_path, COUNTS, count=8) as bench:
        findings, _ = drive(LOAD, bench)
        assert [findings[name].grade for name in ("wanted", "twice")] == [Grade.NOT_TESTED] * 2
        assert "see `alone`" in findings["wanted"].happened
        findings, _ = drive(OUTAGE, bench)
        assert findings["errors-drains"].grade is Grade.NOT_TESTED
        assert findings["errors-paid-once"].times > 0
        findings, _ = drive(ENDINGS, bench)
        assert findings["passing"].grade is Grade.NOT_TESTED


def test_what_is_asked_beside_the_steps_is_not_covered_by_reservations(tmp_path: Path) -> None:
    """Attempts that cost nothing would count with what was reserved for them, and hide bills that no ledger holds."""
    with stand(tmp_path, BESIDE) as bench:
        findings, _ = drive(ENDINGS, bench)
    assert findings["throttled"].grade is Grade.FAIL
    assert "the provider billed more than the books hold" in findings["throttled"].evidence


def test_a_function_that_invents_an_answer_fails_in_an_outage(tmp_path: Path) -> None:
    """An answer that nobody gave would be taken for one, exactly when nobody looks."""
    with stand(tmp_path, INVENTS) as bench:
        findings, _ = drive(OUTAGE, bench)
        assert findings["errors-drains"].grade is Grade.FAIL
        assert "another answer" in findings["errors-drains"].happened


@pytest.mark.parametrize(
    ("peaks", "grade"),
    [
        ((80, 120), Grade.PASS),
        ((80, 140), Grade.FAIL),
        ((800, 990), Grade.PASS),
        ((800, 0), Grade.NOT_TESTED),
    ],
)
def test_memory_that_grows_with_the_rate_is_a_failure(peaks: tuple[int, int], grade: Grade) -> None:
    """An app that falls over at the first rush would pass; or one that was killed would, for want of a figure."""
    ran = Ran(status=0, summary={}, rows=(), requests=(), said="", blocked=(), seconds=1.0)
    legs = [Leg(1.0, replace(ran, peak_bytes=peak * 1_000_000), 0.0) for peak in peaks]
    assert bounded(legs, "again").grade is grade


def test_too_few_records_are_no_load(tmp_path: Path) -> None:
    """Three records would pass for a load test."""
    with stand(tmp_path, GOOD, count=3) as bench:
        findings, _ = drive(LOAD, bench)
        assert [finding.grade for finding in findings.values()] == [Grade.NOT_TESTED]
