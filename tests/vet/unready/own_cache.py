"""Not ready: a cache of its own whose key leaves out part of the question."""

import json
import os
import urllib.request
from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Function, Prompt

app = App("own-cache", budget_usd=1)


class Ticket(BaseModel):
    id: str
    subject: str
    body: str = Field(min_length=1, max_length=2_000)


class Triage(BaseModel):
    queue: Literal["billing", "access", "shipping", "returns"]
    quote: str = Field(max_length=100)


def ask(ticket: Ticket) -> str:
    """A proof of concept that asks a model on its own."""
    body = {
        "model": "gpt-5-nano",
        "messages": [{"role": "user", "content": f"Route this ticket.\n\n{ticket.subject}\n\n{ticket.body}"}],
        "response_format": {"type": "json_object"},
    }
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps(body).encode(),
        {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        said: str = json.load(answer)["choices"][0]["message"]["content"]
    return said


ANSWERS: dict[str, str] = {}


def remembered(ticket: Ticket) -> str:
    """It remembers answers by the subject, and the question holds more than that."""
    if ticket.subject not in ANSWERS:
        ANSWERS[ticket.subject] = ask(ticket)
    return ANSWERS[ticket.subject]


@app.step(models=[Function(remembered, usd_per_call="0.0001")])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return Prompt("Route this ticket; quote its subject.", ticket.subject, ticket.body)


@triage.check
def quote_is_in_the_subject(answer: Triage, ticket: Ticket) -> None:
    """A check."""
    if not answer.quote or answer.quote not in ticket.subject:
        raise Fault("`quote` must be copied from the subject, word for word.")
