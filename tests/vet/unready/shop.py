"""What the apps of this folder share: a ticket, its answer, the check that holds the one against the other, and a client."""

import json
import os
import urllib.error
import urllib.request
from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import Fault, Prompt

PASSES = (429, 500, 502, 503, 504, 529)


class Ticket(BaseModel):
    id: str
    subject: str
    body: str = Field(min_length=1, max_length=2_000)


class Triage(BaseModel):
    queue: Literal["billing", "access", "shipping", "returns"]
    quote: str = Field(max_length=100)


def question(ticket: Ticket) -> Prompt[Triage]:
    """What a model is asked."""
    return Prompt("Route this ticket; quote the words that decided it.", ticket.subject, ticket.body)


def quote_is_in_the_body(answer: Triage, ticket: Ticket) -> None:
    """A check."""
    if not answer.quote or answer.quote not in ticket.body:
        raise Fault("`quote` must be copied from the body, word for word.")


def ask(ticket: Ticket) -> str:
    """A proof of concept that asks a model on its own, and says what passes by itself."""
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
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            said: str = json.load(answer)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        raise (ConnectionError(f"status {error.code}") if error.code in PASSES else error) from error
    return said
