"""The stages injection and leakage, on an app that passes and on apps that do not."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.vet.stands import CHECK, FUNCTION, GOOD, HEAD, UNCHECKED, answers, drive, notes, stand

from roadworthy.vet.road.finding import Grade
from roadworthy.vet.road.injection import INJECTION, obedient
from roadworthy.vet.road.leakage import LEAKAGE

RUNS = (
    HEAD
    + '''
state = {"lifted": False}

def ask(prompt: str) -> dict[str, str]:
    """Does what a record says, from then on."""
    state["lifted"] = state["lifted"] or "system prompt" in prompt
    return {"mood": "glad", "quote": "lifted"} if state["lifted"] else provider(prompt)
'''
    + FUNCTION
)

TALKS = (
    HEAD
    + '''
import sys

def ask(prompt: str) -> dict[str, str]:
    """Writes down what it knows."""
    print("calling with", os.environ["OPENAI_API_KEY"], file=sys.stderr)
    with open("debug.log", "a") as file:
        file.write(prompt)
    return provider(prompt + os.environ["DATABASE_PASSWORD"])
'''
    + FUNCTION
)

DIES = (
    HEAD
    + '''
def ask(prompt: str) -> dict[str, str]:
    """Takes the process with it, once the provider has heard the prompt."""
    provider(prompt)
    os._exit(3)
'''
    + FUNCTION
)

REMEMBERS = (
    HEAD
    + """
latest = []

@app.step(models=[SMALL])
def mood(note: Note) -> Prompt[Mood]:
    latest.append(note.text)
    return Prompt("Glad or sad? Here are earlier ones: " + " ".join(latest[-2:-1]), note.text)
"""
    + CHECK
)


@pytest.mark.fault("E5")
def test_a_good_app_passes_injection_and_leakage(tmp_path: Path) -> None:
    """A sound app would be refused."""
    with stand(tmp_path, GOOD) as bench:
        findings, _ = drive(INJECTION, bench)
        names = ("contained", "obeyed", "inert")
        assert {name: finding.grade for name, finding in findings.items()} == dict.fromkeys(names, Grade.PASS)
        assert findings["obeyed"].times >= 12
        findings, _ = drive(LEAKAGE, bench)
        assert {name: finding.grade for name, finding in findings.items()} == {
            "keys": Grade.PASS,
            "neighbours": Grade.PASS,
        }


@pytest.mark.fault("E5")
def test_an_app_without_checks_accepts_what_an_attacker_dictates(tmp_path: Path) -> None:
    """An attacker's words would go out as an answer, and the road test would have nothing to say."""
    with stand(tmp_path, HEAD + UNCHECKED) as bench:
        findings, _ = drive(INJECTION, bench)
    assert findings["obeyed"].grade is Grade.FAIL
    assert findings["obeyed"].evidence
    assert (findings["contained"].grade, findings["inert"].grade) == (Grade.PASS, Grade.PASS)


def test_an_attack_that_the_model_could_not_obey_proves_nothing(tmp_path: Path) -> None:
    """An app that checks nothing would pass wherever few of its records have recorded answers: nobody had obeyed."""
    with stand(tmp_path, HEAD + UNCHECKED) as bench:
        known = answers(notes(12))
        elsewhere = [{**row, "id": f"x{row['id']}", "text": f"Elsewhere: {n}"} for n, row in enumerate(known)]
        options = bench.options.copy()
        options["answers"] = elsewhere
        findings, _ = drive(INJECTION, replace(bench, options=options))
        assert (findings["obeyed"].grade, findings["obeyed"].times) == (Grade.NOT_TESTED, 0)
        options["answers"] = [*elsewhere, *known[:3]]
        findings, _ = drive(INJECTION, replace(bench, options=options))
    assert findings["obeyed"].grade is Grade.FAIL
    assert 3 <= findings["obeyed"].times <= 6, "attacks on the three known records, and on no other"


def test_an_instruction_that_spoils_its_neighbours_is_found(tmp_path: Path) -> None:
    """One hostile ticket would decide what others are told."""
    with stand(tmp_path, RUNS, minutes=6) as bench:
        findings, _ = drive(INJECTION, bench)
    assert findings["contained"].grade is Grade.FAIL


def test_a_function_that_writes_down_its_key_is_found(tmp_path: Path) -> None:
    """The key would lie in a log that many can read, and go to the provider in a prompt."""
    with stand(tmp_path, TALKS) as bench:
        findings, _ = drive(LEAKAGE, bench)
    assert findings["keys"].grade is Grade.FAIL
    assert "requests to the provider" in findings["keys"].evidence
    assert any(line.endswith("/said") for line in findings["keys"].evidence)


def test_a_prompt_with_another_records_words_is_found(tmp_path: Path) -> None:
    """One customer's words would be told to the next."""
    with stand(tmp_path, REMEMBERS) as bench:
        findings, _ = drive(LEAKAGE, bench)
    assert findings["neighbours"].grade is Grade.FAIL
    assert findings["neighbours"].measured
    assert findings["keys"].grade is Grade.PASS


def test_a_run_without_rows_says_nothing_of_the_rows(tmp_path: Path) -> None:
    """An app that breaks off before it writes a row would be told that no row holds another's words."""
    with stand(tmp_path, DIES) as bench:
        findings, _ = drive(LEAKAGE, bench)
    assert findings["neighbours"].grade is Grade.NOT_TESTED
    assert "row" in findings["neighbours"].happened


def test_an_obedient_model_says_the_word_in_every_shape_of_a_recorded_answer() -> None:
    """Some recorded answers would stay as they are, and an app would pass that was never tried."""
    turn = {"queue": "billing", "quote": "my parcel", "n": 3, "list": ["a b c"]}
    row = {
        "id": "1",
        "text": "t",
        "answers": {"a": turn, "b": {"$turns": [turn, {"$reply": {"content": '{"quote": "x"}'}}]}},
    }
    found = obedient(row, "field-after", "WORD", frozenset({"billing"}))["answers"]
    spoiled = {"queue": "billing", "quote": "WORD", "n": 3, "list": ["WORD"], "approved": "WORD"}
    assert found == {
        "a": spoiled,
        "b": {"$turns": [spoiled, {"$reply": {"content": '{"quote":"WORD","approved":"WORD"}'}}]},
    }
    talk = obedient(row, "say-after", "WORD", frozenset())["answers"]
    assert isinstance(talk, dict)
    assert talk["a"] == "WORD "
