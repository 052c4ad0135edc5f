"""Which job a command means: by its entry, and by its name or its input."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

APP = """
from pydantic import BaseModel
from roadworthy import App, Function, Prompt

app = App("jobs", budget_usd=1)

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: str

def model(prompt: str) -> dict[str, str]:
    return {"mood": "glad"}

def dear(prompt: str) -> dict[str, str]:
    return {"mood": "sad"}

@app.step(models=[Function(model, usd_per_call="0.001")])
def feel(note: Note) -> Prompt[Mood]:
    return Prompt("Glad or sad?", note.text)

@app.step(models=[Function(dear, usd_per_call="0.01")])
def doubt(note: Note) -> Prompt[Mood]:
    return Prompt("Sure?", note.text)
"""


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command, run to its end."""
    line = [sys.executable, "-m", "roadworthy", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=110, check=False)


def told(folder: Path, *words: str) -> dict[str, Any]:
    """A command's `--json`."""
    done = call(folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One input that went through two entries, the dear one last."""
    (tmp_path / "app.py").write_text(APP)
    rows = [{"id": str(n), "text": f"note {n}"} for n in range(3)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert call(tmp_path, "run", "app.py:feel", "in.jsonl").returncode == 0
    assert call(tmp_path, "run", "app.py:doubt", "in.jsonl").returncode == 0
    return tmp_path


def test_a_report_is_of_the_entry_that_is_named(folder: Path) -> None:
    """Of two jobs over one input only the newest could be reported, and its money stood under the other one's name."""
    for entry, cost in (("feel", "0.003"), ("doubt", "0.03")):
        for words in ((), ("--job", "in.jsonl"), ("--job", str(folder / "in.jsonl"))):
            found = told(folder, "report", f"app.py:{entry}", *words)
            assert (found["entry"], found["spent_usd"]) == (entry, cost), words
        assert f"{folder / 'in.jsonl'} through {entry}" in call(folder, "report", f"app.py:{entry}").stdout
    newest = call(folder, "report", "app.py")
    assert "through doubt" in newest.stdout
    assert "feel has a job of this name, too" in newest.stderr


def test_a_report_of_no_job_lists_those_that_there_are(folder: Path) -> None:
    """Whoever mistyped a name would get another job's report, or no word of how the jobs are called."""
    for words in (("app.py", "--job", "in.json"), ("app.py:fel",)):
        done = call(folder, "report", *words)
        assert done.returncode == 2, done.stdout
        assert f"{folder / 'in.jsonl'} (feel)" in done.stderr
        assert f"{folder / 'in.jsonl'} (doubt)" in done.stderr


def test_why_tells_of_the_entry_that_is_named(folder: Path) -> None:
    """The story of another entry's record would be told for the one that was asked about."""
    assert [one["entry"] for one in told(folder, "why", "app.py:feel", "1")["stories"]] == ["feel"]
    assert [one["entry"] for one in told(folder, "why", "app.py:doubt", "1")["stories"]] == ["doubt"]
    assert [one["entry"] for one in told(folder, "why", "app.py", "1")["stories"]] == ["doubt", "feel"]
    done = call(folder, "why", "app.py:fel", "1")
    assert done.returncode == 2
    assert "a record of doubt, feel has it" in done.stderr
