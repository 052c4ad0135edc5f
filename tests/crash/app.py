"""The app that is killed: a ladder of two models with a check, and a workflow with a side effect."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Model, Price, Prompt

app = App("crash")


def model(name: str, price: str) -> Model:
    """A model of the simulated provider with its price in USD per million tokens, `INPUT,OUTPUT`."""
    given, made = price.split(",")
    return Model(f"openai:{name}", price=Price(input=given, output=made))


PRICES = {"small": "0.1,0.4", "large": "1,4", "writer": "0.2,0.8"}
SMALL, LARGE, WRITER = (model(name, price) for name, price in PRICES.items())


class Ticket(BaseModel):
    id: str
    text: str


class Triage(BaseModel):
    queue: Literal["billing", "access", "shipping"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(max_length=80)


class Note(BaseModel):
    words: str = Field(max_length=80)


@app.step(models=[SMALL, LARGE])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step with a ladder."""
    return Prompt("Route this ticket. Quote the words that decided it.", ticket.text)


@triage.check
def quote_is_in_the_ticket(answer: Triage, ticket: Ticket) -> None:
    """A check."""
    if answer.quote not in ticket.text:
        raise Fault("`quote` must be copied from the ticket, word for word")


@app.step(models=[WRITER])
def note(ticket: Ticket) -> Prompt[Note]:
    """A step with one model."""
    return Prompt("Write a note for whoever takes this ticket.", ticket.text)


@app.once
async def book(ticket_id: str, queue: str, idempotency_key: str = "") -> str:
    """A side effect that can be counted: one line for each time it ran."""
    line = f"{ticket_id} {queue} {idempotency_key}\n".encode()
    effects = os.open(Path(os.environ["CRASH_EFFECTS"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(effects, line)
    finally:
        os.close(effects)
    return f"{queue}-{ticket_id}"


@app.workflow
async def handle(ticket: Ticket) -> dict[str, str]:
    """Two steps with a side effect between them."""
    found = await triage(ticket)
    booked = await book(ticket.id, found.queue)
    written = await note(ticket)
    return {"booked": booked, "quote": found.quote, "words": written.words}
