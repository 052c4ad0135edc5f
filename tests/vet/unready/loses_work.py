"""Not ready: it notes that work is done before it is done, and what it gathers in memory dies with the process."""

import atexit
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Prompt

app = App("loses-work", budget_usd=1)


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


BOOKED: list[str] = []
SEEN = Path("seen.txt")


@atexit.register
def write() -> None:
    """At the end, if there is one."""
    with Path("booked.csv").open("a") as file:
        file.writelines(f"{line}\n" for line in BOOKED)


def book(ticket: Ticket, queue: str) -> None:
    """It notes at once that a ticket is booked, so that nothing is booked twice, and books at the end."""
    if not SEEN.exists() or ticket.id not in SEEN.read_text():
        with SEEN.open("a") as file:
            file.write(f"{ticket.id}\n")
        BOOKED.append(f"{ticket.id},{queue}")


@app.workflow
async def handle(ticket: Ticket) -> Triage:
    """A step and a side effect."""
    found = await triage(ticket)
    book(ticket, found.queue)
    return found
