"""Labels move what is accepted: proposed, applied, gone back from; and each look at them is counted."""

import json

import pytest
from tests.learning.conftest import Build, Said, give, label

STEP = 'max_error=0.10, confidence="field:sure"'


def notes(count: int, name: str = "N") -> dict[str, Said]:
    """Every fifth answer is unsure, and half of those are wrong: `sad` where `glad` is right."""
    found = {}
    for number in range(count):
        unsure = number % 5 == 0
        found[f"{name}{number:04}"] = ("sad" if number % 10 == 0 else "glad", 0.3 if unsure else 0.9)
    return found


def test_labels_move_what_is_accepted(build: Build) -> None:
    """Nobody's labels would change anything, or they would change answers that nobody asked to change."""
    said = notes(400)
    later = notes(40, "L")
    shop = build({**said, **later}, STEP)
    give(shop, said)
    first = shop.run()
    assert first["accepted"] == 400, "without labels every valid answer is accepted"
    label(shop, dict.fromkeys(said, "glad"))

    proposed = shop.json("learn", "shop.py:feel")
    found = proposed["steps"]["feel"]["threshold"]
    assert (proposed["state"], proposed["applied"], proposed["changed"]) == (0, False, ["feel"])
    assert found["kind"] == "file"
    assert found["tuned_on"] + found["tested_on"] == 400
    assert found["wrong"] == 0
    assert shop.ask("SELECT count(*) FROM state") == [(0,)]

    applied = shop.json("learn", "shop.py:feel", "--apply")
    assert (applied["state"], applied["applied"]) == (1, True)
    assert applied["steps"]["feel"]["threshold"]["uses_of_delta"] == 1, "the same test again uses nothing"
    again = shop.run()
    assert (again["accepted"], again["attempts"]) == (400, 0), "what is answered stays"

    give(shop, later)
    after = shop.run("feel", "--job", "later")
    assert (after["accepted"], after["waiting"]) == (32, {"review": 8})
    refused = [row for row in shop.rows().values() if row["outcome"] == "waiting"]
    assert all("the chance that it is wrong" in row["reason"] for row in refused)
    sure = [row["confidence"] for row in shop.rows().values() if row["outcome"] == "accepted"]
    assert min(sure) > 0.9, "the confidence is the calibrated one"
    epochs = shop.ask("SELECT DISTINCT state FROM epoch ORDER BY state")
    assert epochs == [(0,), (1,)], "a certificate of one threshold would be read as one of another"

    back = shop.json("learn", "shop.py:feel", "--roll-back")
    assert (back["state"], back["origin"]) == (2, 0)
    freed = shop.run("feel", "--job", "later")
    assert (freed["accepted"], freed["attempts"]) == (40, 0), (
        "what waited is judged by the state before, for free"
    )
    history = shop.json("learn", "shop.py:feel", "--history")["states"]
    assert [(state["number"], state["origin"]) for state in history] == [(2, 0), (1, None)]


def test_too_few_labels_say_how_many_are_wanted(build: Build) -> None:
    """A threshold would come of a handful of labels, or nobody would know what to do next."""
    said = notes(60)
    shop = build(said, STEP)
    shop.run()
    empty = shop.json("learn", "shop.py:feel", "--apply")
    assert (empty["steps"]["feel"]["threshold"]["cap"], empty["applied"]) == (None, False)
    label(shop, dict.fromkeys(said, "glad"))
    found = shop.json("learn", "shop.py:feel")["steps"]["feel"]["threshold"]
    assert found["cap"] is None
    assert 15 < found["wanted"] < 400
    assert "labels more are wanted" in shop.call("learn", "shop.py:feel")
    assert shop.ask("SELECT count(*) FROM state") == [(0,)]


def test_every_look_at_new_labels_uses_delta(build: Build) -> None:
    """Looking often enough would prove anything (24 % false proofs instead of 5 %, measured)."""
    said = notes(120)
    shop = build(said, STEP)
    shop.run()
    deltas = []
    for count in (60, 60, 90, 120):
        label(shop, dict.fromkeys(list(said)[:count], "glad"))
        found = shop.json("learn", "shop.py:feel")["steps"]["feel"]["threshold"]
        deltas.append((found["uses_of_delta"], round(found["delta"], 4)))
    assert deltas == [(1, 0.0304), (1, 0.0304), (2, 0.0076), (3, 0.0034)]


def test_audits_are_labels_too(build: Build) -> None:
    """Rulings on audits would certify, and teach nothing."""
    said = notes(300)
    shop = build(said, f"{STEP}, audit_share=0.8")
    shop.run()
    shop.review(lambda waiter: ("right", None) if '"glad"' in str(waiter.suggestion) else ("wrong", json.dumps({"mood": "glad", "sure": 1.0})))  # fmt: skip
    found = shop.json("learn", "shop.py:feel")["steps"]["feel"]["threshold"]
    assert found["kind"] == "audit"
    assert found["cap"] is not None
    assert found["wrong"] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--roll-back",), "has learned nothing yet"),
        (("--roll-back", "7"), "has learned nothing yet"),
        (("--history", "--apply"), "three different things"),
    ],
)
def test_a_wrong_use_is_said(build: Build, words: tuple[str, ...], told: str) -> None:
    """A slip would advance the state, or go back to one that never was."""
    shop = build(notes(1), STEP)
    shop.run()
    assert told in shop.call("learn", "shop.py", *words, status=2)


def test_an_option_of_a_candidate_is_refused_without_one(build: Build) -> None:
    """A margin of nothing would be taken for no margin, and what it was meant for not be said."""
    shop = build(notes(1), STEP)
    for option, value in (("--margin", "0"), ("--sample", "9"), ("--field", "mood"), ("--budget-usd", "0")):
        assert f"{option} belongs to --candidate" in shop.call(
            "learn", "shop.py:feel", option, value, status=2
        )
    for option, value in (("--margin", "0"), ("--field", "mood"), ("--budget-usd", "0")):
        assert "--batch goes with" in shop.call(
            "learn", "shop.py:feel", "--batch", "in", option, value, status=2
        )
