"""A correction becomes an example in later prompts: never in its own, never in what is pinned, and it can be forgotten."""

import json
from typing import Any

import pytest
from tests.learning.conftest import Build, Said, give, label, text_of
from tests.ledgers import change

from roadworthy import App
from roadworthy._errors import WrongUse

STEP = 'max_error=0.2, confidence="field:sure", examples='
WRONG = ("N0001", "N0003", "N0005")


def notes() -> dict[str, Said]:
    """Three of ten answers are wrong."""
    return {f"N{number:04}": ("sad" if f"N{number:04}" in WRONG else "glad", 0.9) for number in range(10)}


def taught(build: Build, later: dict[str, Said], examples: int) -> Any:
    """A shop whose records are labelled and whose step shows so many of them to `later` ones."""
    shop = build({**notes(), **later}, f"{STEP}{examples}")
    give(shop, notes())
    shop.run()
    label(shop, dict.fromkeys(notes(), "glad"))
    shop.json("learn", "shop.py:feel", "--apply")
    return shop


def asked(shop: Any, key: str) -> list[str]:
    """What the examples of a record's questions say, as `why` tells it, oldest question first."""
    story = shop.json("why", "shop.py", key)["stories"][0]
    return [
        "".join(text for role, text in question["messages"] if role == "examples")
        for question in story["questions"]
    ]


def test_corrections_are_shown_to_later_records(build: Build) -> None:
    """A correction would teach nothing, show a record its own answer, or ask old questions anew (P2, P7)."""
    later = {f"later record number {number}": ("glad", 0.9) for number in range(3)}
    shop = build({**notes(), **later}, f"{STEP}2")
    give(shop, notes())
    shop.run()
    label(shop, dict.fromkeys(notes(), "glad"))
    found = shop.json("learn", "shop.py:feel", "--apply")
    assert (found["applied"], found["steps"]["feel"]["examples"]) == (True, 3)
    again = shop.run()
    assert (again["attempts"], again["reused"]) == (0, 10), "what was asked is pinned"

    give(shop, later)
    shop.run("feel", "--job", "later")
    (said,) = asked(shop, "later record number 1")
    assert said.count("Example") == 2
    assert sum(f"Input:\n{text_of(key)}\n" in said for key in WRONG) == 2
    assert said.count('Output:\n{"mood":"glad"}') == 2
    shop.run("feel", "--job", "later")
    assert shop.ask("SELECT count(*) FROM attempt") == [(13,)]
    tokens = [row[0] for row in shop.ask("SELECT input_tokens FROM attempt ORDER BY id")]
    assert min(tokens[10:]) > max(tokens[:10]) + 30, "they are sent, and the provider counts them"

    give(shop, notes())
    fresh = shop.run("feel", "--refresh", "--yes")
    assert fresh["attempts"] == 10, "fresh answers are asked for with the examples of today"
    before, after = asked(shop, "N0001")
    assert before == ""
    assert after.count("Example") == 2
    assert text_of("N0001") not in after, "its own correction would give its answer away"


@pytest.mark.fault("E24")
def test_a_correction_is_shown_within_its_namespace_alone(build: Build) -> None:
    """One customer's words would stand in the prompts of all the others, and come back to them in an answer."""
    later = {f"later record number {number}": ("glad", 0.9) for number in range(2)}
    shop = taught(build, later, 2)
    change(shop.ledger, "UPDATE job SET namespace = 'acme'")
    change(shop.ledger, "UPDATE label SET namespace = 'acme'")
    give(shop, list(later)[:1])
    shop.run("feel", "--job", "of the app")
    assert asked(shop, "later record number 0") == [""]
    change(shop.ledger, "UPDATE job SET namespace = 'acme'")
    give(shop, later)
    shop.run("feel", "--job", "of the app", "--yes")
    (said,) = asked(shop, "later record number 1")
    assert said.count("Example") == 2


def test_what_is_forgotten_is_shown_to_nobody(build: Build) -> None:
    """Words of someone who asked to be forgotten would live on in other records' prompts."""
    later = {f"later record number {number}": ("glad", 0.9) for number in range(2)}
    shop = taught(build, later, 3)
    give(shop, list(later)[:1])
    shop.run("feel", "--job", "later")
    assert text_of("N0003") in asked(shop, "later record number 0")[0]
    shop.call("forget", "shop.py", "N0003")
    left = asked(shop, "later record number 0")[0]
    assert text_of("N0003") not in left
    assert left.count("Example") == 2
    give(shop, list(later)[1:])
    shop.run("feel", "--job", "latest")
    assert text_of("N0003") not in json.dumps(asked(shop, "later record number 1"))


def test_a_step_that_shows_none_any_more_asks_no_old_question_anew(build: Build) -> None:
    """Taking `examples=` away would buy every answer that was given with examples once more (P2, P7)."""
    later = {f"later record number {number}": ("glad", 0.9) for number in range(3)}
    shop = taught(build, later, 2)
    give(shop, later)
    shop.run("feel", "--job", "later")
    before = asked(shop, "later record number 1")
    assert before[0].count("Example") == 2
    shop.open(f"{STEP}0", {})
    again = shop.run("feel", "--job", "later")
    assert (again["attempts"], again["reused"]) == (0, 3)
    assert asked(shop, "later record number 1") == before


def test_rolling_back_shows_none(build: Build) -> None:
    """Examples that did harm would stay."""
    later = {f"later record number {number}": ("glad", 0.9) for number in range(2)}
    shop = taught(build, later, 2)
    shop.json("learn", "shop.py:feel", "--roll-back")
    give(shop, later)
    shop.run("feel", "--job", "later")
    assert asked(shop, "later record number 1") == [""]


@pytest.mark.parametrize(
    ("given", "told"), [({"examples": -1}, "0 to 20"), ({"examples": 2, "mask": True}, "mask=")]
)
def test_examples_that_cannot_be_are_refused(given: dict[str, Any], told: str) -> None:
    """A slip would show hundreds of records, or what was to be hidden."""
    with pytest.raises(WrongUse, match=told):
        App("wrong").step(models=["openai:gpt-5-nano"], **given)
