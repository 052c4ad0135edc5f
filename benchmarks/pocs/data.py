"""Messages and recorded answers for the proofs of concept: from the shipped demo, where the small model was right."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

MODEL = "gpt-5-nano"
FIELDS = ("queue", "urgency", "quote")


def write_data(folder: Path) -> tuple[Path, Path]:
    """An inbox of `id` and `text`, and what the model says of each message; the places of both."""
    folder.mkdir(parents=True, exist_ok=True)
    inbox, answers = folder / "inbox.jsonl", folder / "answers.jsonl"
    rows = files("roadworthy.vet.demo").joinpath("answers.jsonl").read_text(encoding="utf-8").splitlines()
    with inbox.open("w", encoding="utf-8") as asked, answers.open("w", encoding="utf-8") as said:
        for row in map(json.loads, rows):
            answer = row["answers"].get(MODEL)
            if not isinstance(answer, dict) or not set(FIELDS) <= set(answer):
                continue
            if not answer["quote"].strip() or answer["quote"] not in row["text"]:
                continue
            plain = {name: answer[name] for name in FIELDS}
            asked.write(json.dumps({"id": row["id"], "text": row["text"]}) + "\n")
            said.write(json.dumps({"id": row["id"], "text": row["text"], "answers": {MODEL: plain}}) + "\n")
    return inbox, answers
