"""Not ready: its function tries again on its own, inside an attempt."""

import http.client
import json
import os
import time
import urllib.request
from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Function, Prompt

app = App("own-retries", budget_usd=1)


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


def stubborn(ticket: Ticket) -> str:
    """It tries again on its own, whatever it is asked by."""
    for _ in range(3):
        try:
            return ask(ticket)
        except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError):
            time.sleep(0.01)
    return ask(ticket)


@app.step(models=[Function(stubborn, usd_per_call="0.0001")])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return Prompt("Route this ticket; quote its subject.", ticket.subject, ticket.body)


@triage.check
def quote_is_in_the_subject(answer: Triage, ticket: Ticket) -> None:
    """A check."""
    if not answer.quote or answer.quote not in ticket.subject:
        raise Fault("`quote` must be copied from the subject, word for word.")
