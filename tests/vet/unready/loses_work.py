"""Not ready: it notes that work is done before it is done, and what it gathers in memory dies with the process."""

import atexit
from pathlib import Path

from shop import Ticket, Triage, question, quote_is_in_the_body

from roadworthy import App, Prompt

app = App("loses-work", budget_usd=1)


@app.step(models=["openai:gpt-5-nano"])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return question(ticket)


triage.check(quote_is_in_the_body)


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
