"""Small apps, good and bad, that stages are tried on, and the drive of one stage."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.finding import Finding
from roadworthy.vet.road.opening import open_bench
from roadworthy.vet.road.picture import Picture
from roadworthy.vet.road.stage import Stage

HEAD = '''
import json, os, threading, urllib.request
from typing import Literal
from pydantic import BaseModel
from roadworthy import App, Fault, Function, Model, Price, Prompt

app = App("tried", budget_usd=1)
SMALL = Model("openai:small", price=Price(input="0.1", output="0.4"))
LARGE = Model("openai:large", price=Price(input="2", output="8"))

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: Literal["glad", "sad"]
    quote: str

def provider(text: str) -> dict[str, str]:
    """What an SDK does, without its retries."""
    body = {"model": "small", "messages": [{"role": "user", "content": text}]}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=5) as response:
        return json.loads(json.load(response)["choices"][0]["message"]["content"])
'''

CHECK = """
@mood.check
def quoted(answer: Mood, note: Note) -> None:
    if not answer.quote or answer.quote not in note.text:
        raise Fault("quote from the note")
"""

UNCHECKED = """
@app.step(models=[SMALL, LARGE])
def mood(note: Note) -> Prompt[Mood]:
    return Prompt("Glad or sad? Quote the words that say so.", note.text)
"""

GOOD = HEAD + UNCHECKED + CHECK

FUNCTION = """
@app.step(models=[Function(ask, usd_per_call="0.001")])
def mood(note: Note) -> Prompt[Mood]:
    return Prompt("Glad or sad?", note.text)
"""

WEATHERS = (
    "sun in the morning",
    "rain at noon",
    "fog until the evening",
    "hail and thunder",
    "a mild breeze",
)


def notes(count: int) -> list[dict[str, str]]:
    """Records about the weather; no two say the same, none holds another."""
    return [
        {
            "id": f"n{n}",
            "text": f"It is the {n}. of the month and we had {WEATHERS[n % 5]} here, so day {n * 7919} was what it was.",
        }
        for n in range(1, count + 1)
    ]


def answers(records: Sequence[dict[str, str]]) -> list[dict[str, object]]:
    """A recorded answer for each record, for both models."""
    found: list[dict[str, object]] = []
    for number, record in enumerate(records):
        said = {"mood": ("glad", "sad")[number % 2], "quote": record["text"][-30:]}
        found.append({"id": record["id"], "text": record["text"], "answers": {"small": said, "large": said}})
    return found


@contextmanager
def stand(folder: Path, app: str, *, count: int = 12, minutes: float = 1.0) -> Iterator[Bench]:
    """An app's source on the bench, with records and recorded answers."""
    home = folder / "tried"
    home.mkdir(exist_ok=True)
    (home / "app.py").write_text(app)
    records = notes(count)
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers(records)))
    place, recorded = folder / "in.jsonl", folder / "answers.jsonl"
    with open_bench(str(home / "app.py"), str(place), seed=5, minutes=minutes, answers=[recorded]) as bench:
        yield bench


def drive(stage: Stage[Bench], bench: Bench) -> tuple[dict[str, Finding], list[Picture]]:
    """What a stage finds, by name, and its pictures."""
    findings: dict[str, Finding] = {}
    pictures: list[Picture] = []
    for item in stage.trial(bench):
        if isinstance(item, Finding):
            assert item.name not in findings
            findings[item.name] = item
        else:
            pictures.append(item)
    return findings, pictures
