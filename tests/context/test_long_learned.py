"""Records whose text is kept in pieces, where people rule on them and the app learns from them."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.context.conftest import Desk

APP = '''
from typing import Literal
from pydantic import BaseModel
from roadworthy import App, Fault, Function, Prompt

app = App("long", budget_usd=10)

class Paper(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: Literal["glad", "sad"]
    sure: float = 0.9

def model(prompt: str) -> dict[str, object]:
    """Says what the text's first words make it say."""
    return {{"mood": "glad", "sure": 0.2 if "hm" in prompt else {sure}}}

@app.step(models=[Function(model, usd_per_call="0.001")], confidence="field:sure", {step})
def feel(paper: Paper) -> Prompt[Mood]:
    return Prompt("{words}", paper.text[:60])

@feel.check
def the_whole_text_is_there(found: Mood, paper: Paper) -> None:
    if paper.text[-8:] != " the end":
        raise Fault("a part of the text is missing")
    if found.mood == "sad" and "rain" not in paper.text[-30:]:
        raise Fault("no rain, no sadness")
'''
DOUBTFUL = "review_below=0.5"
CHARS = 400_000
RIGHT = json.dumps({"mood": "sad", "sure": 1})


def text_of(name: str, words: str = "") -> str:
    """A text of 400,000 characters that tells at its very end what it is about."""
    start, end = f"{name} {words} ", " rain and the end"
    return start + ("abcdefghi " * (CHARS // 10))[: CHARS - len(start) - len(end)] + end


def open_app(desk: Desk, step: str, names: dict[str, str]) -> None:
    """An app and its documents, with what stands at each one's beginning."""
    desk.write("app.py", APP.format(step=step, words="Glad or sad?", sure=0.9))
    for name, said in names.items():
        desk.write(f"in/{name}.txt", text_of(name, said))


def pieces(desk: Desk) -> set[bool]:
    """Whether the records of a ledger are kept in pieces."""
    return {bool(number) for (number,) in desk.ask("SELECT pieces FROM record WHERE body IS NOT NULL")}


def test_a_ruling_at_the_terminal_counts(desk: Desk) -> None:
    """A reviewer would not see a long record, or a right correction of it be refused, or not be found again."""
    open_app(desk, DOUBTFUL, {"a": "hm", "b": "hm", "c": ""})
    assert desk.json("run", "app.py", "in")["waiting"] == {"review": 2}
    assert pieces(desk) == {True}
    waiting = {row["key"]: row for row in desk.json("review", "app.py")["waiting"]}
    assert waiting["a.txt"]["record"]["text"] == text_of("a", "hm")
    number = str(waiting["a.txt"]["id"])
    wrong = desk.call("review", "app.py", "--id", number, "--ruling", "wrong", "--answer", '{"mood":"odd"}')
    assert (wrong.returncode, "not valid" in wrong.stderr) == (2, True)
    desk.json("review", "app.py", "--id", number, "--ruling", "wrong", "--answer", RIGHT)
    desk.json("review", "app.py", "--id", str(waiting["b.txt"]["id"]), "--ruling", "right")
    again = desk.json("run", "app.py", "in", "-o", "out.jsonl")
    assert (again["attempts"], again["accepted"]) == (0, 3)
    assert [row["value"]["mood"] for row in desk.rows()] == ["sad", "glad", "glad"]
    assert "valid" in desk.call("why", "app.py", "a.txt").stdout


@contextmanager
def served(desk: Desk) -> Iterator[int]:
    """The app as a service: its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "roadworthy", "serve", "app.py", "--port", "0", "--json"],
        cwd=desk.folder,
        env={**os.environ, "ROADWORTHY_LEDGER": desk.ledger},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=20)[1][-2000:]
        yield int(json.loads(line)["url"].rpartition(":")[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)


def call(port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """One request."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()


def test_a_ruling_over_http_counts(desk: Desk) -> None:
    """A desk in the browser would not show a long record, or what is said over HTTP be refused or not counted."""
    open_app(desk, DOUBTFUL, {"a": "hm", "b": ""})
    desk.json("run", "app.py", "in")
    with served(desk) as port:
        status, shown = call(port, "GET", "/desk")
        assert status == 200
        assert b"rain and the end" in shown
        assert b"$long_text_chars" not in shown
        feedback = "/v1/records/a.txt/feedback"
        assert call(port, "POST", feedback, {"ruling": "wrong", "answer": {"mood": "odd"}})[0] == 422
        assert call(port, "POST", feedback, {"ruling": "wrong", "answer": json.loads(RIGHT)})[0] == 200
        told = call(
            port, "POST", "/v1/records/b.txt/feedback", {"ruling": "wrong", "answer": json.loads(RIGHT)}
        )
        assert told[0] == 200, told
        status, page = call(port, "GET", "/records/a.txt")
        assert status == 200
        assert b"rain and the end" in page
    run = desk.json("run", "app.py", "in", "-o", "out.jsonl")
    assert (run["attempts"], [row["value"]["mood"] for row in desk.rows()]) == (0, ["sad", "glad"])
    assert desk.ask("SELECT key, source FROM label ORDER BY key")[-1] == ("b.txt", "feedback")


def label(desk: Desk, names: list[str]) -> None:
    """Say that these are sad, from a file."""
    rows = [json.dumps({"key": f"{name}.txt", "label": json.loads(RIGHT)}) + "\n" for name in names]
    desk.write("labels.jsonl", "".join(rows))
    desk.json("label", "app.py", "labels.jsonl")


def test_labels_of_long_records_teach(desk: Desk) -> None:
    """Labels of long records would teach nothing, and what people corrected be shown to no later record."""
    names = [f"n{number}" for number in range(6)]
    open_app(desk, "max_error=0.2, examples=2", dict.fromkeys(names, ""))
    assert desk.json("run", "app.py", "in")["accepted"] == 6
    label(desk, names[:4])
    found = desk.json("learn", "app.py", "--apply")["steps"]["feel"]
    assert (found["labels"], found["examples"]) == (4, 3)
    assert found["threshold"]["missing"] == 0, "each was judged on what the models said of it"
    desk.write("later/z.txt", text_of("z"))
    desk.json("run", "app.py", "later")
    (story,) = desk.json("why", "app.py", "z.txt")["stories"]
    (shown,) = [text for role, text in story["questions"][0]["messages"] if role == "examples"]
    assert sum(f"Input:\n{name} " in shown for name in names[:4]) == 2


def test_labels_inside_a_workflow_teach(desk: Desk) -> None:
    """Rulings on long records would teach nothing where the step is asked inside a workflow."""
    names = [f"n{number}" for number in range(3)]
    open_app(desk, "review_below=0.5, max_error=0.2", dict.fromkeys(names, "hm"))
    source = (desk.folder / "app.py").read_text()
    desk.write("app.py", source + WORKFLOW)
    assert desk.json("run", "app.py:twice", "in")["waiting"] == {"review": 3}
    for row in desk.json("review", "app.py")["waiting"]:
        desk.json("review", "app.py", "--id", str(row["id"]), "--ruling", "wrong", "--answer", RIGHT)
    assert desk.json("run", "app.py:twice", "in")["accepted"] == 3
    found = desk.json("learn", "app.py:feel")["steps"]["feel"]
    assert (found["labels"], found["threshold"]["missing"]) == (3, 0)


WORKFLOW = """
@app.workflow
async def twice(paper: Paper) -> Mood:
    assert paper.text.endswith("the end")
    return await feel(paper)
"""


@pytest.mark.timeout(300)  # many commands, one after the other
def test_a_batch_of_long_records_is_certified(desk: Desk) -> None:
    """Long records would be taken for forgotten ones, and so for wrong, when a finished run is certified."""
    names = [f"n{number}" for number in range(6)]
    open_app(desk, "review_below=0.1", dict.fromkeys(names, ""))
    desk.json("run", "app.py", "in")
    aim = ("learn", "app.py:feel", "--batch", "in", "--max-error", ".4", "--sample", "4")
    first = desk.json(*aim)
    assert (first["state"], first["answers"], first["waiting"]) == ("open", 6, 4)
    waiting = desk.json("review", "app.py")["waiting"]
    assert len(waiting) == 4
    number = str(waiting[0]["id"])
    desk.json("review", "app.py", "--id", number, "--ruling", "wrong", "--answer", RIGHT)
    for row in waiting[1:]:
        desk.json("review", "app.py", "--id", str(row["id"]), "--ruling", "right")
    found = desk.json(*aim)
    assert (found["labels"], found["wrong_found"]) == (4 + found["peeled"], 1)
    assert (found["wrong_in_sample"], found["state"] == "overtaken") == (1, False)


def test_long_records_are_pairs_of_a_candidate(desk: Desk) -> None:
    """A candidate would be compared on short records alone, or its long ones be held whole in the ledger again."""
    names = [f"n{number}" for number in range(4)]
    open_app(desk, "review_below=0.1", dict.fromkeys(names, ""))
    better = (
        (desk.folder / "app.py")
        .read_text()
        .replace('"mood": "glad"', '"mood": "sad" if "n1" in prompt else "glad"')
    )
    desk.write(
        "better.py", better.replace("def model(", "def other(").replace("Function(model", "Function(other")
    )
    desk.json("run", "app.py", "in")
    gate = ("learn", "app.py", "--candidate", "better.py", "--sample", "4")
    first = desk.json(*gate)
    assert (first["in_shadow"], first["waiting"], first["attempts"]) == (4, 1, 4)
    assert pieces(desk) == {True}
    (asked,) = desk.json("review", "app.py")["waiting"]
    assert asked["record"]["text"] == text_of("n1")
    new = next(name for name in ("a", "b") if asked["suggestion"][name]["mood"] == "sad")
    desk.json("review", "app.py", "--id", str(asked["id"]), "--ruling", new)
    again = desk.json(*gate)
    assert (again["records"], again["alike"], again["new_right"], again["attempts"]) == (4, 3, 1, 0)
