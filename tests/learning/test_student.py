"""A student learns from kept answers, joins when labels of other records prove it, and answers for nothing."""

import json
from typing import Any

import pytest
from tests.certificate.shop import Shop
from tests.learning.conftest import Build, Said, give, label

STEP = 'max_error=0.10, confidence="field:sure"'
WORDS = {"glad": "what a happy and sunny day", "sad": "so sorry for this bitter loss"}


def notes(count: int, name: str) -> dict[str, Said]:
    """Half are glad, half are sad, and their words say so."""
    moods = [("glad", "sad")[number % 2] for number in range(count)]
    return {f"{WORDS[mood]} {name} {number}": (mood, 0.9) for number, mood in enumerate(moods)}


def school(build: Build, *parts: dict[str, Said]) -> Shop:
    """A shop whose ladder begins with its student."""
    shop = build({key: said for part in parts for key, said in part.items()}, STEP)
    file = shop.folder / "shop.py"
    source = file.read_text().replace("models=[small]", 'models=["student:feel", small]')
    source = source.replace("mood: str", 'mood: Literal["glad", "sad"]')
    file.write_text(source.replace("from pydantic", "from typing import Literal\nfrom pydantic", 1))
    return shop


def learned(shop: Shop, *words: str) -> dict[str, Any]:
    """What `learn` says of the step."""
    found = shop.json("learn", "shop.py:feel", *words)
    return {**found["steps"]["feel"], "all": found}


def truth(said: dict[str, Said]) -> dict[str, str]:
    """The moods alone."""
    return {key: mood for key, (mood, _) in said.items()}


@pytest.mark.fault("E23")
def test_what_a_student_learned_from_proves_nothing(build: Build) -> None:
    """A student would be certified by its own lessons, and answer unproved."""
    first, second = notes(80, "a"), notes(10, "b")
    shop = school(build, first, second)
    give(shop, first)
    assert shop.run()["accepted"] == 80, "a student that is not there is passed over"
    label(shop, truth(first))
    trained = learned(shop, "--apply")
    assert trained["student"] == {"joined": 0, "due": False}
    assert any("labels of other records may certify it" in line for line in trained["all"]["lines"])
    assert learned(shop, "--apply")["student"]["joined"] == 0
    give(shop, second)
    shop.run("feel", "--job", "second")
    assert shop.sim.bill().total.requests == 90, "an unproved student answers nothing"


@pytest.mark.fault("E23")
def test_a_lesson_that_comes_again_in_another_job_proves_nothing(build: Build) -> None:
    """A student would be certified by its own lessons where the same input was run once more under another name."""
    first = notes(120, "a")
    shop = school(build, first)
    give(shop, first)
    shop.run()
    learned(shop, "--apply")
    file = shop.folder / "shop.py"
    file.write_text(file.read_text().replace('"field:sure"', '"field:sure", review_below=0.95'))
    assert shop.run("feel", "--job", "again")["waiting"]["review"] == 120
    label(shop, truth(first))
    assert learned(shop, "--apply")["student"]["joined"] == 0


def test_a_proved_student_answers_first_and_for_nothing(build: Build) -> None:
    """What it can answer would be paid for, or going back would leave it in charge."""
    first, second, third, fourth = (notes(*part) for part in ((60, "a"), (120, "b"), (20, "c"), (6, "d")))
    shop = school(build, first, second, third, fourth)
    give(shop, first)
    shop.run()
    learned(shop, "--apply")
    give(shop, second)
    shop.run("feel", "--job", "second")
    label(shop, truth(second))
    proved = learned(shop, "--apply")
    assert (proved["student"]["joined"], proved["threshold"]["wrong"]) == (1, 0)

    give(shop, third)
    after = shop.run("feel", "--job", "third")
    assert (after["accepted"], float(after["cost_usd"])) == (20, 0.0)
    assert shop.sim.bill().total.requests == 180, "nobody else was asked"
    rows = shop.rows()
    assert {row["model"] for row in rows.values()} == {"student:feel"}
    assert {key: row["value"]["mood"] for key, row in rows.items()} == truth(third)
    said = shop.ask(
        "SELECT reply.text FROM reply JOIN attempt ON attempt.id = attempt_id WHERE model = 'student:feel'"
    )
    assert all(json.loads(text)["sure"] > 0.5 for (text,) in said)

    shop.json("learn", "shop.py:feel", "--roll-back", "0")
    give(shop, fourth)
    shop.run("feel", "--job", "fourth")
    assert shop.sim.bill().total.requests == 186, "the state before has no student"


def test_a_student_needs_a_closed_set(build: Build) -> None:
    """Free text would be answered with one of the texts of the past."""
    shop = school(build, notes(60, "a"))
    file = shop.folder / "shop.py"
    file.write_text(file.read_text().replace('Literal["glad", "sad"]', "str"))
    shop.run()
    assert "'mood' may hold anything" in shop.call("learn", "shop.py:feel")
