"""An app that promises, the people who check it, and a truth that only they know."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ledgers import Rows, ask

from roadworthy._settings import DEFAULTS
from roadworthy.keep.audits import COIN
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.reviews import Waiter, open_reviews
from roadworthy.keep.rulings import rule
from roadworthy.vet.process import RunningSimulator

APP = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt

app = App("shop", settings={settings})
small = Model("openai:small", price=Price(input="0.1", output="0.4"), max_output_tokens=64)

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: str
    sure: float = 0.9

@app.step(models=[small], {step})
def feel(note: Note) -> Prompt[Mood]:
    return Prompt("Glad or sad?", note.text)

@app.workflow
async def twice(note: Note) -> Mood:
    return await feel(note)
"""


@dataclass
class Shop:
    """A folder with an app and an input, a ledger, and a simulated provider."""

    folder: Path
    ledger: str
    sim: RunningSimulator
    environ: dict[str, str] = field(default_factory=dict)

    def open(self, step: str, settings: Mapping[str, float] | None = None) -> None:
        """Write the app with what its step promises."""
        (self.folder / "shop.py").write_text(APP.format(step=step, settings=dict(settings or {})))

    def fix_chance(self) -> None:
        """Give the ledger its secret. What is proved with a confidence may fail by chance, in a test the same way each time."""
        store = open_ledger(self.ledger, DEFAULTS)
        try:
            store.write_now(lambda tx: tx.change("add_secret", name=COIN, value="5e" * 32))
        finally:
            store.close()

    def command(self, *words: str) -> list[str]:
        """A command line."""
        return [sys.executable, "-m", "roadworthy", *words]

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment of a command."""
        own = {"OPENAI_BASE_URL": self.sim.url, "ROADWORTHY_LEDGER": self.ledger}
        return {**os.environ, **own, **self.environ}

    def call(self, *words: str, said: str = "", status: int = 0) -> str:
        """What a command prints, once it ended as expected."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.surroundings,
            input=said,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, (done.stdout[-800:], done.stderr[-3000:])
        return done.stdout if status != 2 else done.stderr

    def json(self, *words: str, status: int = 0) -> dict[str, Any]:
        """A command's `--json`."""
        found: dict[str, Any] = json.loads(self.call(*words, "--json", status=status))
        return found

    def run(self, entry: str = "feel", *words: str, status: int = 0) -> dict[str, Any]:
        """One run over the input, with its output written."""
        return self.json("run", f"shop.py:{entry}", "in.jsonl", "-o", "out.jsonl", *words, status=status)

    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows of the output by key."""
        lines = (self.folder / "out.jsonl").read_text().splitlines()
        return {row["key"]: row for row in map(json.loads, lines)}

    def ask(self, query: str) -> Rows:
        """Look into the ledger."""
        return ask(self.ledger, query)

    def audits(self) -> Rows:
        """Every coin that was drawn, with what came of it."""
        return self.ask("SELECT record_id, item, epoch_id, share, state FROM audit ORDER BY record_id, item")

    def review(self, decide: Callable[[Waiter], tuple[str, str | None]], by: str = "ann") -> int:
        """A person goes through the queue: how many rulings."""
        store = open_ledger(self.ledger, DEFAULTS)
        try:
            return go_through(store, decide, by)
        finally:
            store.close()


def go_through(store: Ledger, decide: Callable[[Waiter], tuple[str, str | None]], by: str = "ann") -> int:
    """Rule on everything that waits for this person, as `decide` says."""
    after = ruled = 0
    while page := store.read(lambda tx: open_reviews(tx, "shop", after, 500, by)):  # noqa: B023 - read at once
        after = page[-1].id
        for waiter in page:
            ruling, correction = decide(waiter)
            if ruling != "skip":
                ruled += store.write_now(
                    lambda tx, w=waiter, r=ruling, c=correction: rule(tx, w.id, r, c, by)  # type: ignore[misc] # bound now
                )
    return ruled


def by_truth(truth: Mapping[str, str]) -> Callable[[Waiter], tuple[str, str | None]]:
    """A reviewer who knows what is right."""

    def decide(waiter: Waiter) -> tuple[str, str | None]:
        right = truth[waiter.key]
        said = json.loads(waiter.suggestion or "null")["mood"]
        return ("right", None) if said == right else ("wrong", json.dumps({"mood": right, "sure": 1.0}))

    return decide


def notes(count: int) -> list[dict[str, str]]:
    """An input."""
    return [{"id": f"N{number:04}", "text": f"this is note number {number:04}"} for number in range(count)]


def answers(given: Iterable[Mapping[str, str]], moods: Mapping[str, str]) -> list[dict[str, object]]:
    """What the provider says: `glad`, or what is given for an id."""
    return [
        {
            "id": one["id"],
            "text": one["text"],
            "answers": {"small": {"mood": moods.get(one["id"], "glad"), "sure": 0.9}},
        }
        for one in given
    ]
