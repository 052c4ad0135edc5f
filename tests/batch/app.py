"""The app whose calls go through batches: a ladder of two models with a check, of whichever provider."""

import os
from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Model, Price, Prompt

PROVIDER = os.environ.get("BATCH_PROVIDER", "openai")
PRICES = {"small": "0.1,0.4", "large": "1,4"}
app = App("overnight")


def model(name: str) -> Model:
    """A model of the simulated provider."""
    given, made = PRICES[name].split(",")
    return Model(f"{PROVIDER}:{name}", price=Price(input=given, output=made))


class Ticket(BaseModel):
    id: str
    text: str


class Triage(BaseModel):
    queue: Literal["billing", "access", "shipping"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(max_length=80)


@app.step(models=[model("small"), model("large")])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step with a ladder."""
    return Prompt("Route this ticket. Quote the words that decided it.", ticket.text)


@triage.check
def quote_is_in_the_ticket(answer: Triage, ticket: Ticket) -> None:
    """A check."""
    if answer.quote not in ticket.text:
        raise Fault("`quote` must be copied from the ticket, word for word")
