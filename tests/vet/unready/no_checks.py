"""Not ready: nothing holds an answer against its record."""

from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Prompt

app = App("no-checks", budget_usd=1)


class Ticket(BaseModel):
    id: str
    subject: str
    body: str = Field(min_length=1, max_length=2_000)


class Triage(BaseModel):
    queue: Literal["billing", "access", "shipping", "returns"]
    quote: str = Field(max_length=100)


@app.step(models=["openai:gpt-5-nano"])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return Prompt("Route this ticket; quote its subject.", ticket.subject, ticket.body)
