"""An app, a candidate for its step, people who know what is right, and a provider that both ask."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.certificate.shop import Shop, notes

from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.reviews import Waiter, open_reviews
from roadworthy.keep.rulings import choose

APP = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt

app = App("shop", settings={settings}{more})
price = Price(input="0.1", output="0.4")

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: str
    sure: float = 0.9

@app.step(models=[Model("openai:{model}", price=price, max_output_tokens=64)]{step})
def feel(note: Note) -> Prompt[Mood]:
    return Prompt("{words}", note.text)
"""


@dataclass
class Trial(Shop):
    """A shop whose step is asked of `small`, and a candidate that asks `big`."""

    def write(self, name: str, model: str, **given: Any) -> None:
        """Write an app's file."""
        words = given.pop("words", "Glad or sad?")
        text = APP.format(
            model=model,
            words=words,
            settings=given.pop("settings", {}),
            more=given.pop("more", ""),
            step=given.pop("step", ""),
        )
        (self.folder / name).write_text(text)

    def gate(self, *words: str, file: str = "better.py", status: int = 0) -> dict[str, Any]:
        """What the gate says."""
        return self.json("learn", "shop.py", "--candidate", file, *words, status=status)

    def people(self, truth: Mapping[str, str], most: int = 10_000) -> int:
        """A person who knows the truth rules on up to `most` differences; they are not told which answer is new."""
        store = open_ledger(self.ledger, DEFAULTS)
        ruled = 0
        try:
            for waiter in store.read(lambda tx: open_reviews(tx, "shop", 0, most, "ann")):
                ruling = by_truth(waiter, truth)
                ruled += store.write_now(lambda tx, w=waiter, r=ruling: choose(tx, w.id, r, "ann"))  # type: ignore[misc] # bound now
        finally:
            store.close()
        return ruled


def by_truth(waiter: Waiter, truth: Mapping[str, str]) -> str:
    """What a person who knows the truth says of two answers."""
    assert waiter.kind == "gate"
    shown = json.loads(waiter.suggestion or "")
    right = [name for name in ("a", "b") if shown[name] and shown[name]["mood"] == truth[waiter.key]]
    return "both" if len(right) == 2 else right[0] if right else "neither"


def moods(count: int, sad: range | list[int]) -> dict[str, str]:
    """`glad` for each note but these."""
    return {one["id"]: "sad" if number in sad else "glad" for number, one in enumerate(notes(count))}
