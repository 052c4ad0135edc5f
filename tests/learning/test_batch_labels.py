"""A finished run that is certified with labels from a file: no wrong answer counts as put right while it stands."""

import json
from collections.abc import Mapping

import pytest
from tests.certificate.shop import Shop, by_truth
from tests.learning.conftest import Build, give, label

SCORED = 'confidence="field:sure", review_below=0.01'
BATCH = ("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".05")
KEYS = [f"N{number:03}" for number in range(40)]
WRONG = [key for number, key in enumerate(KEYS) if number % 4 == 0]
TRUTH = dict.fromkeys(KEYS, "glad")
CHECK = """
@feel.check
def is_known(answer: Mood, note: Note) -> None:
    if answer.mood not in ("glad", "sad"):
        raise Fault("that is no mood")

"""
FREE = """
from pathlib import Path
from pydantic import BaseModel
from roadworthy import App, Function, Prompt

app = App("shop")

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: str

def model(note: Note) -> Mood:
    return Mood(mood=Path(__file__).with_name("mood").read_text())

@app.step(models=[Function(model, usd_per_call="0.001")])
def feel(note: Note) -> Prompt[Mood]:
    return Prompt("Glad or sad?", note.text)
"""


@pytest.fixture
def shop(build: Build) -> Shop:
    """A shop that was run: every fourth answer is wrong."""
    made = build({key: ("sad" if key in WRONG else "glad", 0.9) for key in KEYS}, SCORED)
    made.run()
    return made


def moods(shop: Shop) -> dict[str, str]:
    """What the output says after one more run, which asks nobody."""
    before = shop.sim.bill().total.requests
    shop.run()
    assert shop.sim.bill().total.requests == before
    return {key: row["value"]["mood"] for key, row in shop.rows().items()}


def take(shop: Shop, given: Mapping[str, object]) -> None:
    """Take a file of labels in."""
    lines = [json.dumps({"key": key, "label": said}) + "\n" for key, said in given.items()]
    (shop.folder / "labels.jsonl").write_text("".join(lines))
    shop.call("label", "shop.py:feel", "labels.jsonl")


def test_what_a_file_says_is_right_takes_the_wrong_answers_place(shop: Shop) -> None:
    """A batch would be certified, its wrong answers said to be put right, and all of them still be there."""
    label(shop, TRUTH)
    sources = shop.ask("SELECT key, source FROM label ORDER BY key")
    found = shop.json(*BATCH)
    assert (found["state"], found["wrong_found"], found["put_right"]) == ("certified", 10, 10)
    assert "10 were wrong, 10 of them are put right\n" in shop.call(*BATCH)
    assert shop.ask("SELECT count(*) FROM record WHERE model = 'person'") == [(10,)], "before any run"
    assert moods(shop) == TRUTH
    assert shop.ask("SELECT key, source FROM label ORDER BY key") == sources, (
        "without its wrong answers a random sample would prove too good a threshold"
    )
    assert "a label (labels.jsonl) ruled wrong" in shop.call("why", "shop.py:feel", WRONG[0])


def test_a_label_that_is_the_only_field_is_put_into_the_answers_form(shop: Shop) -> None:
    """A label that `learn` compares with an answer could not take its place, or would lack a field that it needs."""
    source = (shop.folder / "shop.py").read_text()
    (shop.folder / "shop.py").write_text(source.replace("sure: float = 0.9", "sure: float"))
    shop.run("feel", "--yes")
    take(shop, {**TRUTH, WRONG[0]: {"mood": "glad"}})
    assert shop.json(*BATCH)["put_right"] == 10
    assert moods(shop) == TRUTH
    assert {shop.rows()[key]["value"]["sure"] for key in WRONG} == {0.9}


def test_who_only_knows_that_an_answer_is_wrong_is_asked_for_the_right_one(shop: Shop) -> None:
    """A wrong answer that nobody corrected would be certified."""
    lines = [json.dumps({"key": key, "correct": key not in WRONG}) + "\n" for key in KEYS]
    (shop.folder / "labels.jsonl").write_text("".join(lines))
    shop.call("label", "shop.py:feel", "labels.jsonl")
    found = shop.json(*BATCH)
    assert (found["state"], found["waiting"], found["wrong_found"]) == ("open", 10, 0)
    assert [one["key"] for one in shop.json("review", "shop.py")["waiting"]] == WRONG
    shop.review(by_truth(TRUTH))
    found = shop.json(*BATCH)
    assert (found["state"], found["wrong_found"], found["put_right"]) == ("certified", 10, 10)
    assert moods(shop) == TRUTH
    assert shop.ask("SELECT DISTINCT source FROM label") == [("labels.jsonl",)]


def test_a_label_that_fails_the_checks_is_no_answer(shop: Shop) -> None:
    """An answer that no model may give would be put in place by a file."""
    source = (shop.folder / "shop.py").read_text().replace("Price, Prompt", "Price, Prompt, Fault")
    (shop.folder / "shop.py").write_text(source.replace("@app.workflow", CHECK + "@app.workflow"))
    label(shop, {**TRUTH, WRONG[0]: "grue"})
    found = shop.json(*BATCH)
    assert (found["state"], found["waiting"]) == ("open", 1)
    assert [one["key"] for one in shop.json("review", "shop.py")["waiting"]] == [WRONG[0]]


def test_what_people_rejected_is_not_said_to_be_put_right(shop: Shop) -> None:
    """The report would count answers as mended that are not there."""
    assert shop.json(*BATCH)["waiting"] == 40
    shop.review(lambda waiter: ("reject", None) if waiter.key == WRONG[0] else by_truth(TRUTH)(waiter))
    found = shop.json(*BATCH)
    assert (found["state"], found["wrong_found"], found["put_right"]) == ("certified", 10, 9)
    assert "9 of them are put right and 1 have no answer any more" in shop.call(*BATCH)


def test_a_ruling_on_an_earlier_answer_says_nothing_good_of_a_later_one(shop: Shop) -> None:
    """An answer that nobody has seen would be certified because the one before it was right."""
    (shop.folder / "shop.py").write_text(FREE)
    give(shop, KEYS[:5])
    (shop.folder / "mood").write_text("glad")
    shop.run("feel", "--job", "other", "--yes")
    aim = ("learn", "shop.py:feel", "--batch", "other", "--max-error", ".05")
    assert shop.json(*aim)["waiting"] == 5
    shop.review(lambda _: ("right", None))
    assert shop.json(*aim)["state"] == "certified"
    (shop.folder / "mood").write_text("WRONG")
    shop.run("feel", "--job", "other", "--refresh", "--yes")
    assert shop.rows()["N000"]["value"] == {"mood": "WRONG"}
    again = shop.json(*aim[:-1], ".1")
    assert (again["state"], again["wrong_found"], again["put_right"]) == ("certified", 5, 5)
    assert {value for (value,) in shop.ask("SELECT value FROM record WHERE job_id = 2")} == {
        '{"mood":"glad"}'
    }


def test_another_label_opens_a_certified_batch_again(shop: Shop) -> None:
    """A certificate would stand on a label that says something else by now, and the wrong answer stay in its place."""
    label(shop, TRUTH)
    ended = shop.json(*BATCH)
    assert (ended["state"], ended["wrong_found"]) == ("certified", 10)
    label(shop, TRUTH)
    assert "at most" in shop.call("report", "shop.py:feel"), "the same labels again say nothing new"
    take(shop, {KEYS[1]: "sad"})
    assert "not yet certified" in shop.call("report", "shop.py:feel")
    found = shop.json(*BATCH)
    assert (found["state"], found["number"], found["wrong_found"], found["put_right"]) == (
        "certified",
        1,
        11,
        11,
    )
    assert moods(shop)[KEYS[1]] == "sad"
    spent = shop.ask("SELECT count(*) FROM event WHERE kind = 'delta_spent'")
    assert spent == [(1,)], "it is the same batch"


def test_an_audit_that_finds_otherwise_opens_a_certified_batch_again(build: Build) -> None:
    """A certificate would count an answer as right that a reader has found wrong since."""
    shop = build(dict.fromkeys(KEYS, ("glad", 0.9)), f"{SCORED}, max_error=0.2, audit_share=1.0")
    shop.run()
    label(shop, TRUTH)
    assert (ended := shop.json(*BATCH))["state"] == "certified"
    shop.review(lambda one: ("right", None) if one.key != KEYS[1] else ("skip", None))
    (said,) = shop.json("report", "shop.py:feel")["lots"]
    assert "at most" in said, "who agrees with the labels opens nothing"
    shop.review(by_truth({**TRUTH, KEYS[1]: "sad"}))
    assert "not yet certified" in shop.call("report", "shop.py:feel")
    found = shop.json(*BATCH)
    assert (found["state"], found["number"], found["wrong_found"]) == ("certified", 1, 1)
    assert ended["wrong_found"] == 0
