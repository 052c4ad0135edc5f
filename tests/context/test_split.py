"""A record too large for one question: asked in parts, merged, with one ledger, one budget and one lineage."""

import json
import time

import pytest
from tests.context.conftest import Desk

APP = '''
import json, re
from pydantic import BaseModel
from roadworthy import App, Fault, Function, Prompt

app = App("long", budget_usd=1, settings={"merge_answers_max": 4})

class Paper(BaseModel):
    id: str
    text: str

class Found(BaseModel):
    numbers: list[int]

def model(prompt: str) -> dict[str, list[int]]:
    """Every number of the prompt, but it never sees a 13."""
    return {"numbers": sorted({int(n) for n in re.findall(r"\\\\b\\\\d+\\\\b", prompt)} - {13})}

@app.step(models=[Function(model, usd_per_call="0.001")], split="text", part_chars=60)
def numbers(paper: Paper) -> Prompt[Found]:
    return Prompt("List all numbers.", paper.text)

@numbers.merge
def merged(answers: list[Found], paper: Paper) -> Found:
    return Found(numbers=sorted({n for found in answers for n in found.numbers}))

@numbers.check
def all_of_them(found: Found, paper: Paper) -> None:
    if missing := {int(n) for n in re.findall(r"\\\\b\\\\d+\\\\b", paper.text)} - set(found.numbers):
        raise Fault(f"{min(missing)} is missing")
'''.replace("\\\\", "\\")
ASKED = """def merged(answers: list[Found], paper: Paper) -> Prompt[Found]:
    return Prompt("Merge these.", *answers)"""
MERGED = APP[APP.index("def merged") : APP.index("\n\n@numbers.check")]


def paper(*numbers: int) -> str:
    """A text of one sentence a number, each of a part's length."""
    return json.dumps(
        {
            "id": "p",
            "text": " ".join(f"On the next page stands the figure {n:>5}, and no other." for n in numbers),
        }
    )


def test_a_long_record_is_asked_in_parts_and_merged(desk: Desk) -> None:
    """The end of a long text would never be read, or the plan would show the price of one question."""
    desk.write("app.py", APP)
    desk.write(
        "in.jsonl", paper(*range(100, 109)) + "\n" + json.dumps({"id": "short", "text": "Just 5."}) + "\n"
    )
    plan = desk.json("plan", "app.py", "in.jsonl")
    assert plan["to_ask"] == 2
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert (run["accepted"], run["attempts"], run["cost_usd"]) == (2, 10, "0.01")
    long, short = desk.rows()
    assert long["value"] == {"numbers": list(range(100, 109))}
    assert (long["attempts"], long["model"], short["attempts"]) == (9, "merged", 1)
    again = desk.json("run", "app.py", "in.jsonl")
    assert (again["accepted"], again["attempts"]) == (2, 0)


def test_a_model_merges_in_rounds_until_one_question_holds_all(desk: Desk) -> None:
    """The answers of a very long record would be cut off where they no longer fit one question."""
    desk.write("app.py", APP.replace(MERGED, ASKED))
    desk.write("in.jsonl", paper(*range(100, 109)) + "\n")
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert (run["accepted"], run["attempts"]) == (1, 9 + 3 + 1), (
        "nine parts, three groups of four at most, one of all"
    )
    assert desk.rows()[0]["value"] == {"numbers": list(range(100, 109))}
    assert desk.json("run", "app.py", "in.jsonl")["attempts"] == 0


def test_a_part_that_is_wrong_waits_for_a_person_and_the_rest_is_kept(desk: Desk) -> None:
    """One bad part would spoil what was paid for the others, or a whole record would be merged without it."""
    desk.write("app.py", APP)
    desk.write("in.jsonl", paper(100, 101, 13, 102) + "\n")
    run = desk.json("run", "app.py", "in.jsonl")
    assert run["waiting"] == {"review": 1}
    (asked,) = desk.json("review", "app.py")["waiting"]
    assert asked["grounds"].startswith("part 3 (characters")
    words = (
        "review",
        "app.py",
        "--id",
        str(asked["id"]),
        "--ruling",
        "wrong",
        "--answer",
        '{"numbers": [13, 100, 101, 102]}',
    )
    assert desk.call(*words).returncode == 0
    again = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert (again["accepted"], again["attempts"]) == (1, 0)
    assert desk.rows()[0]["value"] == {"numbers": [13, 100, 101, 102]}


def test_a_budget_stops_between_parts_and_the_next_run_goes_on(desk: Desk) -> None:
    """A large record could pass the cap, or begin again from its first part each day."""
    desk.write("app.py", APP)
    desk.write("in.jsonl", paper(*range(100, 109)) + "\n")
    run = desk.json("run", "app.py", "in.jsonl", "--budget-usd", "0.004", status=3)
    assert (run["attempts"], run["waiting"]) == (4, {"budget": 1})
    again = desk.json("run", "app.py", "in.jsonl", "--budget-usd", "0.02")
    assert (again["accepted"], again["attempts"]) == (1, 5)


def test_nobody_said_how_to_merge(desk: Desk) -> None:
    """The parts would be paid for before anyone noticed that nothing joins them."""
    desk.write("app.py", APP.replace("@numbers.merge\n", ""))
    desk.write("in.jsonl", paper(1) + "\n")
    done = desk.call("run", "app.py", "in.jsonl")
    assert done.returncode == 2
    assert "@numbers.merge" in done.stderr


def test_parts_that_are_paid_for_stay_what_they_were_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill between two parts, a corpus that changed would have each of them asked, and paid for, once more."""
    context = 'part_chars=60, context=Passages("docs", query="text", most=1))'
    app = APP.replace("part_chars=60)", context).replace("import App, ", "import App, Passages, ")
    app = app.replace("paper: Paper) -> Prompt[Found]:", "paper: Paper, passages: object) -> Prompt[Found]:")
    desk.write("app.py", app.replace("paper.text)\n", "paper.text, *passages)\n", 1))
    desk.write("docs/figures.md", "On the page stands a figure, says the first edition.\n")
    desk.write("in.jsonl", paper(*range(100, 109)) + "\n")
    monkeypatch.setenv("ROADWORTHY_PARTS_AT_ONCE", "1")
    monkeypatch.setenv("ROADWORTHY_LEASE_S", "1")
    with monkeypatch.context() as killed:
        killed.setenv("ROADWORTHY_FAILPOINT", "outcome_committed:3")
        assert desk.call("run", "app.py", "in.jsonl").returncode < 0
    assert desk.ask("SELECT state, count(*) FROM attempt GROUP BY state") == [("settled", 3)]
    desk.write("docs/figures.md", "On the page stands a figure, says the second edition.\n")
    if "://" in desk.ledger:
        time.sleep(1.1)
    again = desk.json("run", "app.py", "in.jsonl")
    assert (again["accepted"], again["attempts"]) == (1, 6)
    assert desk.ask("SELECT attempts FROM record") == [(9,)]
