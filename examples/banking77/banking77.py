"""Banking77: 3,080 real customer messages, one step, a ladder of two models.

The data is read where it lies: `ROADWORTHY_SHARED_DATA`, else `../shared/data` beside the project.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from roadworthy import App, Model, Price, Prompt

DATA = Path(os.environ.get("ROADWORTHY_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
INTENTS = tuple(json.loads((DATA / "banking77" / "banking77_categories.json").read_text()))

app = App("banking77")


class Message(BaseModel):
    id: str
    text: str


class Intent(BaseModel):
    intent: Literal[INTENTS]  # type: ignore[valid-type] # the 77 labels are read from the data


LADDER = [
    Model("openai:gpt-3.5", price=Price(input="0.50", output="1.50")),
    Model("openai:gpt-4", price=Price(input="30", output="60")),
]


@app.step(models=LADDER)
def classify(message: Message) -> Prompt[Intent]:
    return Prompt("Which intent does this message to a bank have?", message.text)


def write_inputs(folder: Path) -> tuple[Path, Path]:
    """The messages as JSONL without their gold labels, and the recorded answers for the simulator."""
    recorded = DATA / "banking77" / "recorded_test_3080.jsonl.gz"
    inbox = folder / "messages.jsonl"
    with gzip.open(recorded, "rt", encoding="utf-8") as rows, inbox.open("w", encoding="utf-8") as out:
        for row in map(json.loads, rows):
            out.write(json.dumps({"id": row["id"], "text": row["text"]}) + "\n")
    return inbox, recorded
