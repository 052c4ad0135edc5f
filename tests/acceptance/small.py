"""A small app without a provider: notes in, moods out of a function that notes down that it was paid."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

APP = """
from pathlib import Path
from pydantic import BaseModel
from roadworthy import App, Function, Prompt

app = App("small", budget_usd=1)

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: str

def model(prompt: str) -> dict[str, str]:
    Path("paid").touch()
    return {"mood": "glad"}

@app.step(models=[Function(model, usd_per_call="0.001")])
def feel(note: Note) -> Prompt[Mood]:
    return Prompt("Glad or sad?", note.text)
"""
DOUBT = """
def dear(prompt: str) -> dict[str, str]:
    return {"mood": "sad"}

@app.step(models=[Function(dear, usd_per_call="0.01")])
def doubt(note: Note) -> Prompt[Mood]:
    return Prompt("Sure?", note.text)
"""
"""A second entry, which is dearer."""


def notes(*texts: str) -> str:
    """An input of so many records, in JSONL."""
    return "".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts))


def call(folder: Path, *words: str, said: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command, run to its end; it reads `said`, or nothing."""
    line = [sys.executable, "-m", "roadworthy", *words]
    with (said or Path(os.devnull)).open("rb") as stream:
        return subprocess.run(
            line, cwd=folder, stdin=stream, capture_output=True, text=True, timeout=110, check=False
        )


def told(folder: Path, *words: str) -> dict[str, Any]:
    """A command's `--json`."""
    done = call(folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
