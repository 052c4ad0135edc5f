"""Not ready: nothing bounds what it spends."""

from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Prompt

app = App("no-budget")


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


@triage.check
def quote_is_in_the_subject(answer: Triage, ticket: Ticket) -> None:
    """A check."""
    if not answer.quote or answer.quote not in ticket.subject:
        raise Fault("`quote` must be copied from the subject, word for word.")
