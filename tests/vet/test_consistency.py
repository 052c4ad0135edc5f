"""The stage consistency, on an app that passes and on apps that do not; and what it takes for the same."""

from pathlib import Path

import pytest
from tests.vet.stands import FUNCTION, GOOD, HEAD, drive, stand

from roadworthy.vet.road.consistency import CONSISTENCY
from roadworthy.vet.road.faithful import carried, renamed, same_answer, without
from roadworthy.vet.road.finding import Grade
from roadworthy.vet.road.mess.operator import named
from roadworthy.vet.road.mess.twins import TWINS
from roadworthy.vet.road.mess.words import KEEPING
from roadworthy.vet.road.picture import Bars, Figure

CACHED = (
    HEAD
    + '''
answers = {}

def ask(prompt: str) -> dict[str, str]:
    """An answer cache of its own, by the first 20 characters of the note."""
    note = prompt.split("Glad or sad?")[-1].strip()
    key = note[:20]
    if key not in answers:
        answers[key] = provider(prompt)
    return answers[key]
'''
    + FUNCTION
)

BRITTLE = GOOD + (
    """
@mood.check
def begins_well(answer: Mood, note: Note) -> None:
    if not note.text.startswith("It is the"):
        raise Fault("notes begin so")
"""
)

TEXT = "I gave the crate back to the driver in January, and I want my 40 euros."


def test_a_good_app_passes_and_what_was_not_measured_says_so(tmp_path: Path) -> None:
    """A sound app would be refused; or a simulated answer would pass for the real model's."""
    with stand(tmp_path, GOOD) as bench:
        findings, (figure, picture) = drive(CONSISTENCY, bench)
    assert {name: finding.grade for name, finding in findings.items()} == {
        "same-answer": Grade.PASS,
        "own-answer": Grade.PASS,
        "model": Grade.NOT_TESTED,
    }
    assert findings["same-answer"].times >= 40
    assert "recorded answers" in findings["same-answer"].tried
    assert isinstance(figure, Figure)
    assert isinstance(picture, Bars)
    assert picture.least == 0.9
    assert all(bar.low is not None and bar.high is not None for bar in picture.bars)


def test_a_cache_keyed_by_the_beginning_of_a_text_is_found(tmp_path: Path) -> None:
    """Customers would get the answers of others whose letters begin alike."""
    with stand(tmp_path, CACHED) as bench:
        findings, _ = drive(CONSISTENCY, bench)
    found = findings["own-answer"]
    assert found.grade is Grade.FAIL
    assert "never asked" in found.happened
    assert any("(same-beginning as" in line for line in found.evidence)
    assert "cache" in found.advice


def test_an_app_that_cannot_bear_a_greeting_fails(tmp_path: Path) -> None:
    """What the app itself makes of other words would be put down to the model, or to nothing."""
    with stand(tmp_path, BRITTLE) as bench:
        findings, _ = drive(CONSISTENCY, bench)
    assert findings["same-answer"].grade is Grade.FAIL
    assert any("greeting" in line or "upper-case" in line for line in findings["same-answer"].evidence)
    assert findings["own-answer"].grade is Grade.PASS


def test_the_same_seed_finds_the_same(tmp_path: Path) -> None:
    """Nobody could compare two reports."""
    found = []
    with stand(tmp_path, GOOD, minutes=0.4) as bench:
        found = [drive(CONSISTENCY, bench) for _ in range(2)]
    assert found[0] == found[1]


def test_records_without_words_are_not_tested(tmp_path: Path) -> None:
    """Nothing tried would pass for something found."""
    with stand(tmp_path, GOOD) as bench:
        bench.samples[0].body["text"] = "one"
        short = type(bench)(
            **{name: getattr(bench, name) for name in bench.__slots__} | {"samples": bench.samples[:1]}
        )
        findings, _ = drive(CONSISTENCY, short)
    assert {finding.grade for finding in findings.values()} == {Grade.NOT_TESTED}


@pytest.mark.parametrize("operator", KEEPING, ids=lambda one: one.name)
def test_copied_words_are_found_in_the_changed_text(operator: object) -> None:
    """A check that wants a quotation would refuse the model's own words, and the app be blamed for it."""
    (act,) = (one for one in KEEPING if one is operator)
    changed = act.on(TEXT, 3, "k")
    piece = "back to the driver"
    found = carried(piece, TEXT, changed)
    assert found in changed
    assert same_answer({"quote": piece}, {"quote": found}, TEXT, changed)


def test_what_is_the_same_answer() -> None:
    """Another queue would count as the same, or the same words in capitals as another."""
    upper = TEXT.upper()
    assert same_answer({"q": "a", "n": [1, None]}, {"n": [1, None], "q": "a"}, TEXT, upper)
    assert not same_answer({"q": "a"}, {"q": "b"}, TEXT, upper)
    assert not same_answer({"n": 1}, {"n": True}, TEXT, upper)
    assert not same_answer({"n": [1]}, {"n": [1, 1]}, TEXT, upper)
    assert same_answer("in January", "IN JANUARY", TEXT, upper)
    assert not same_answer("in January", "40 EUROS", TEXT, upper)
    assert without({"a": 1, "b": {"c": 2, "d": 3}}, ["a", "b.c"]) == {"b": {"d": 3}}
    assert without("text", ["a"]) == "text"


def test_a_changed_record_has_a_key_of_its_own() -> None:
    """It would be taken for a duplicate, or for a second body of the same record, and never be asked."""
    assert renamed({"id": "a", "t": "x"}, "id", "typos", 4) == ("a~typos", {"id": "a~typos", "t": "x"})
    assert renamed({"id": 7}, "id", "typos", 4) == ("7004", {"id": 7004})
    assert renamed({"t": "x"}, "id", "typos", 4) == ("", {"t": "x"})
    assert renamed("text", "", "typos", 4) == ("", "text")


@pytest.mark.parametrize("operator", TWINS, ids=lambda one: one.name)
def test_a_twin_says_something_else(operator: object) -> None:
    """Two texts that say the same would be held for two, and a sound app blamed."""
    (twin,) = named(TWINS, [one.name for one in TWINS if one is operator])
    found = twin.on(TEXT, 1, "k")
    assert found != TEXT
    assert found.split() != TEXT.split()
    if twin.name == "same-beginning":
        assert found[:24] == TEXT[:24]
