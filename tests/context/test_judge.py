"""A second model as a check: paid once, kept, replayed; what it refuses is asked again or goes to a person."""

import json

from tests.context.conftest import Desk

APP = '''
import json
from pydantic import BaseModel
from roadworthy import App, Function, Prompt
from roadworthy.check.judge import Judge

app = App("judged", budget_usd=1)

class Note(BaseModel):
    id: str
    text: str

class Short(BaseModel):
    says: str

def writer(prompt: str) -> dict[str, str]:
    """Makes something up about whales; puts it right when it is told to, unless they are blue."""
    if "whale" in prompt and ("put right" not in prompt or "blue" in prompt):
        return {"says": "Whales are fish."}
    return {"says": "It is as the note says."}

def strict(prompt: str) -> dict[str, object]:
    """Knows one thing."""
    wrong = "Whales are fish" in prompt
    return {"reason": "Whales are no fish." if wrong else "", "holds": not wrong}

@app.step(
    models=[Function(writer, usd_per_call="0.001")],
    judge=Judge("Is it true?", [Function(strict, usd_per_call="0.01")]),
)
def short(note: Note) -> Prompt[Short]:
    return Prompt("Say it shortly.", note.text)
'''


def prepared(desk: Desk) -> Desk:
    """Three notes: one that is fine, one that is put right, one that never is."""
    desk.write("app.py", APP)
    notes = [{"id": "a", "text": "rain"}, {"id": "b", "text": "a whale"}, {"id": "c", "text": "a blue whale"}]
    desk.write("in.jsonl", "".join(json.dumps(note) + "\n" for note in notes))
    return desk


def test_what_the_judge_refuses_does_not_leave(desk: Desk) -> None:
    """An answer that a second model found wrong would be accepted, or its price would be missing from the account."""
    prepared(desk)
    plan = desk.json("plan", "app.py", "in.jsonl")
    assert float(plan["cost_usd"]["likely"]) >= 0.033, "three answers and three opinions"
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert (run["accepted"], run["waiting"]) == (2, {"review": 1})
    assert (run["attempts"], run["cost_usd"]) == (5 + 4, "0.045"), (
        "an opinion on each answer; the same one is not bought twice"
    )
    assert [row["outcome"] for row in desk.rows()] == ["accepted", "accepted", "waiting"]
    assert "Whales are no fish" in desk.rows()[2]["reason"]


def test_an_opinion_is_paid_once(desk: Desk) -> None:
    """Each run would ask the judge again about answers that stand."""
    prepared(desk)
    desk.json("run", "app.py", "in.jsonl")
    again = desk.json("run", "app.py", "in.jsonl")
    assert (again["accepted"], again["attempts"]) == (2, 0)
    assert "short_judge" in desk.call("why", "app.py", "b").stdout


def test_a_judge_that_is_added_judges_what_stands(desk: Desk) -> None:
    """Answers that were accepted before there was a judge would never be looked at, or be bought anew."""
    prepared(desk)
    start, end = APP.index("    judge=Judge"), APP.index("\n)\ndef short")
    desk.write("app.py", APP[:start] + APP[end:])
    assert desk.json("run", "app.py", "in.jsonl")["accepted"] == 3
    desk.write("app.py", APP)
    refused = desk.call("run", "app.py", "in.jsonl")
    assert refused.returncode == 2, "it costs money, so it wants a word"
    run = desk.json("run", "app.py", "in.jsonl", "--yes")
    assert (run["accepted"], run["waiting"]) == (2, {"review": 1})
    assert run["attempts"] == 3 + 2 + 1, (
        "an opinion on each answer, two answers again, and on the one that is new"
    )


GRADING = '''
import hashlib
from pydantic import BaseModel
from roadworthy import App, Function, Prompt
from roadworthy.check.judge import Judge

app = App("graded", budget_usd=10)

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: str

def writer(prompt: str) -> dict[str, str]:
    """Finds everybody glad."""
    return {"mood": "glad"}

def grader(prompt: str) -> dict[str, object]:
    """Boasts: of what it calls nine in ten sure only half is right, and of what it calls 0.99 sure all."""
    return {"reason": "", "right": 0.9 if "cloud" in prompt else 0.99}

@app.step(
    models=[Function(writer, usd_per_call="0.001")],
    judge=Judge("Is it true?", [Function(grader, usd_per_call="0.001")], grades=True),
    confidence="judge", max_error=0.10,
)
def feel(note: Note) -> Prompt[Mood]:
    return Prompt("How does it sound?", note.text)
'''


def test_labels_say_what_a_judges_grade_is_worth(desk: Desk) -> None:
    """A judge that is sure of itself would be believed, though labels show that it is wrong every other time."""
    desk.write("app.py", GRADING)
    notes = [{"id": f"N{n}", "text": f"{'cloud' if n % 4 == 0 else 'sun'} {n}"} for n in range(200)]
    desk.write("in.jsonl", "".join(json.dumps(note) + "\n" for note in notes))
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert (run["accepted"], run["attempts"]) == (200, 400)
    assert {row["confidence"] for row in desk.rows()} == {0.9, 0.99}, (
        "its own word, while there are no labels"
    )
    labels = [{"key": f"N{n}", "label": {"mood": "sad" if n % 8 == 0 else "glad"}} for n in range(200)]
    desk.write("labels.jsonl", "".join(json.dumps(one) + "\n" for one in labels))
    desk.json("label", "app.py", "labels.jsonl")
    learned = desk.json("learn", "app.py", "--apply")
    assert learned["steps"]["feel"]["threshold"]["cap"] is not None
    later = [{"id": f"L{n}", "text": f"{'cloud' if n < 5 else 'sun'} late {n}"} for n in range(20)]
    desk.write("later.jsonl", "".join(json.dumps(note) + "\n" for note in later))
    after = desk.json("run", "app.py", "later.jsonl", "-o", "late.jsonl")
    assert (after["accepted"], after["waiting"]) == (15, {"review": 5})
    rows = {row["key"]: row for row in desk.rows("late.jsonl")}
    assert (
        "the chance that it is wrong, 0.5" in rows["L0"]["reason"]
        or "the chance that it is wrong, 0.4" in rows["L0"]["reason"]
    )
    assert rows["L9"]["confidence"] > 0.95
    assert desk.json("run", "app.py", "later.jsonl")["attempts"] == 0


def test_a_grade_needs_a_judge_that_gives_one(desk: Desk) -> None:
    """Every answer would go to a person, because nothing ever says how sure it is."""
    desk.write("app.py", GRADING.replace(", grades=True", ""))
    desk.write("in.jsonl", '{"id": "a", "text": "x"}\n')
    done = desk.call("run", "app.py", "in.jsonl")
    assert done.returncode == 2
    assert "grades=True" in done.stderr
