"""A student learns from kept answers, joins when labels of other records prove it, and answers for nothing."""

import json
from typing import Any

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


def test_a_student_is_trained_proved_and_asked_first(build: Build) -> None:
    """Its own lessons would certify it, it would answer unproved, or what it answers would be paid for."""
    first, second, third, fourth = (
        notes(count, name) for count, name in ((80, "a"), (120, "b"), (20, "c"), (10, "d"))
    )
    shop = school(build, first, second, third, fourth)
    give(shop, first)
    assert shop.run()["accepted"] == 80, "a student that is not there is passed over"
    label(shop, {key: mood for key, (mood, _) in first.items()})
    assert learned(shop)["student"] == {"joined": 0, "due": True}
    trained = learned(shop, "--apply")
    assert trained["student"] == {"joined": 0, "due": False}
    assert any("labels of other records may certify it" in line for line in trained["all"]["lines"])
    again = learned(shop, "--apply")
    assert again["student"]["joined"] == 0, "what it learned from proves nothing"

    give(shop, second)
    shop.run("feel", "--job", "second")
    assert shop.sim.bill().total.requests == 200, "an unproved student answers nothing"
    label(shop, {key: mood for key, (mood, _) in second.items()})
    proved = learned(shop, "--apply")
    assert proved["student"]["joined"] == 1
    assert proved["threshold"]["wrong"] == 0

    give(shop, third)
    after = shop.run("feel", "--job", "third")
    assert (after["accepted"], after["cost_usd"] in {"0", 0, "0.0"}) == (20, True)
    assert shop.sim.bill().total.requests == 200, "nobody else was asked"
    rows = shop.rows()
    assert {row["model"] for row in rows.values()} == {"student:feel"}
    assert {key: row["value"]["mood"] for key, row in rows.items()} == {
        key: mood for key, (mood, _) in third.items()
    }
    story = shop.json("why", "shop.py", next(iter(third)))["stories"][0]
    assert [attempt["model"] for attempt in story["attempts"]] == ["student:feel"]
    assert json.loads(story["attempts"][0]["reply"])["sure"] > 0.5
    assert shop.run("feel", "--job", "third")["reused"] == 20

    shop.json("learn", "shop.py:feel", "--roll-back", "0")
    give(shop, fourth)
    assert shop.run("feel", "--job", "fourth")["accepted"] == 10
    assert shop.sim.bill().total.requests == 210, "the state before has no student"


def test_a_student_needs_a_closed_set(build: Build) -> None:
    """Free text would be answered with one of the texts of the past."""
    shop = school(build, notes(60, "a"))
    file = shop.folder / "shop.py"
    file.write_text(file.read_text().replace('Literal["glad", "sad"]', "str"))
    shop.run()
    assert "'mood' may hold anything" in shop.call("learn", "shop.py:feel")
