"""The one task that everybody does: a ticket of 700 bytes in, a schema-checked triage out. Needs pydantic alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

MODEL = "tiny"
INSTRUCTIONS = "Route this support ticket. Quote the words that decided it."
ANSWER = '{"queue":"billing","urgency":3,"quote":"charged twice"}'
OUTPUT_CAP = 512
PROMPT_BYTES = 700
_SENTENCE = "My card payment from Tuesday was charged twice and the app shows both as pending; order {n:08d}, please help. "


class Triage(BaseModel):
    """The answer."""

    queue: Literal["billing", "access", "shipping", "other"]
    urgency: int
    quote: str


SCHEMA: dict[str, Any] = {
    **Triage.model_json_schema(),
    "additionalProperties": False,
}


def ticket(number: int) -> str:
    """The text of one ticket; with the instructions it makes a prompt of `PROMPT_BYTES`."""
    return (_SENTENCE.format(n=number) * 7)[: PROMPT_BYTES - len(INSTRUCTIONS)]


def messages(number: int) -> list[dict[str, str]]:
    """The prompt of one ticket, as chat messages."""
    return [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": ticket(number)}]


def request(number: int) -> dict[str, Any]:
    """The whole request of one ticket, as it goes to chat completions."""
    return {
        "model": MODEL,
        "messages": messages(number),
        "max_completion_tokens": OUTPUT_CAP,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "Triage", "strict": True, "schema": SCHEMA},
        },
    }


def write_tickets(place: Path, first: int, count: int) -> Path:
    """An input file of `count` tickets."""
    with place.open("w", encoding="utf-8") as out:
        for number in range(first, first + count):
            out.write(json.dumps({"id": f"T-{number:08d}", "body": ticket(number)}) + "\n")
    return place
