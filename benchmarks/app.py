"""The task as an app of Roadworthy, as a team would write it; `roadworthy run benchmarks/app.py tickets.jsonl`."""

from __future__ import annotations

from benchmarks import task
from benchmarks.task import Triage
from pydantic import BaseModel

from roadworthy import App, Fault, Model, Price, Prompt

app = App("bench", budget_usd=100_000)
MODELS = [
    Model(f"openai:{task.MODEL}", price=Price(input="0.1", output="0.4"), max_output_tokens=task.OUTPUT_CAP)
]


class Ticket(BaseModel):
    """The record."""

    id: str
    body: str


@app.step(models=MODELS)
def triage(ticket: Ticket) -> Prompt[Triage]:
    """The question."""
    return Prompt(task.INSTRUCTIONS, ticket.body)


@triage.check
def quoted(answer: Triage, ticket: Ticket) -> None:
    """The one check."""
    if answer.quote not in ticket.body:
        raise Fault("`quote` must be copied from the ticket")
