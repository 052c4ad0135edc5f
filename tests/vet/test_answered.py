"""Apps and functions that answer nothing on a calm day are no go, whatever else could be said of them."""

import json
from pathlib import Path

import pytest
from tests.vet.stands import CHECK, HEAD, UNCHECKED, notes, stand
from tests.vet.test_road import drive

from roadworthy.vet.road.answered import find_answered
from roadworthy.vet.road.finding import Finding, Grade
from roadworthy.vet.road.intake import INTAKE
from roadworthy.vet.road.report import Report
from roadworthy.vet.road.steady import calm_day

RAISES = HEAD + UNCHECKED.replace("note.text)", "{}['nope'])")
TEXT = HEAD + UNCHECKED.replace('Prompt("Glad or sad? Quote the words that say so.", note.text)', "note.text")
ENDS = HEAD + UNCHECKED.replace("    return", "    os._exit(7)\n    return")
DOUBTS = HEAD + UNCHECKED + CHECK.replace("if not answer.quote", "if True or not answer.quote")
PICKY = HEAD + UNCHECKED.replace(
    "    return", "    if note.id != '{}':\n        raise ValueError('not mine')\n    return"
)
POC = "def triage(text: str) -> str:\n    raise KeyError('nope')\n"


def vetted(folder: Path, app: str, *words: str, name: str = "") -> tuple[int, Report]:
    """Give the command for this source, with little effort."""
    (folder / "tried").mkdir()
    (folder / "tried" / "app.py").write_text(app)
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in notes(12)))
    return drive(folder, f"{folder}/tried/app.py{name}", f"{folder}/in.jsonl", "--minutes", "0.1", *words)


def said(report: Report) -> list[tuple[str, str]]:
    """Stage and name of each reason against it."""
    return [(stage.name, found.name) for stage, found in report.reasons]


@pytest.mark.parametrize(
    ("app", "quoted"),
    [(RAISES, "KeyError at app.py"), (TEXT, "returned a value of the type str"), (ENDS, "status 7")],
    ids=["raises", "text", "ends"],
)
def test_an_app_on_which_every_record_fails_is_no_go(app: str, quoted: str, tmp_path: Path) -> None:
    """A deployment would be let through by a test in which no answer ever existed, and nobody would read why."""
    stages = ("intake", "endings", "crash", "budget", "load", "injection", "quality", "explanation")
    status, report = vetted(tmp_path, app, *(word for stage in stages for word in ("--only", stage)))
    assert (status, said(report)) == (1, [("endings", "answered")])
    assert quoted in report.reasons[0][1].happened
    assert report.with_grade(Grade.PASS) == ()
    assert len(report.with_grade(Grade.NOT_TESTED)) == len(stages) - 1
    assert all(quoted in found.happened for _, found in report.with_grade(Grade.NOT_TESTED))


def test_one_stage_alone_says_it_too(tmp_path: Path) -> None:
    """`--only budget` would be a go for an app that declares a cap and can do nothing."""
    status, report = vetted(tmp_path, RAISES, "--only", "budget")
    assert (status, said(report)) == (1, [("budget", "answered")])
    assert report.with_grade(Grade.PASS) == ()


def test_a_no_go_for_another_stage_lets_nothing_through(tmp_path: Path) -> None:
    """`--fail-on load` would be a go where load had nothing to look at."""
    status, report = vetted(tmp_path, RAISES, "--only", "endings", "--only", "load", "--fail-on", "load")
    assert (status, report.with_grade(Grade.PASS)) == (1, ())


def test_a_function_that_raises_on_every_record_is_no_go(tmp_path: Path) -> None:
    """That it raises where a text is empty would be praised, though it raises everywhere."""
    status, report = vetted(tmp_path, POC, name=":triage")
    assert (status, said(report)) == (1, [("endings", "answered")])
    assert "raised KeyError: 'nope'" in report.reasons[0][1].happened
    assert report.with_grade(Grade.PASS) == ()


def test_an_app_may_reject_most_of_its_records(tmp_path: Path) -> None:
    """An app that is right to reject the first records would be no go."""
    with stand(tmp_path, RAISES, count=30, minutes=0.1) as bench:
        last = bench.samples[-1].key
    with stand(tmp_path, PICKY.replace("{}", last), count=30, minutes=0.1) as bench:
        found = find_answered(bench)
        assert calm_day(bench).count("accepted") == 0
    assert (found.grade, found.happened) == (Grade.PASS, "1 accepted, 29 failed of 30 records.")


def test_an_app_whose_records_wait_for_people_is_driven(tmp_path: Path) -> None:
    """An app in which people decide everything would be no go, or its intake would not be tried."""
    with stand(tmp_path, DOUBTS, minutes=0.1) as bench:
        found = find_answered(bench)
        intake = {item.name: item for item in INTAKE.trial(bench) if isinstance(item, Finding)}
    assert (found.grade, found.times) == (Grade.NOT_TESTED, 0)
    assert "waits for a person" in found.happened
    assert intake["accounted"].grade is Grade.PASS
    assert intake["neighbours"].grade is intake["encodings"].grade is Grade.NOT_TESTED
