"""The app that `deploy/compose.yaml` starts with; put your own in its place."""

from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Prompt

app = App("inbox", budget_usd=5, budget_period="day")


class Ticket(BaseModel):
    id: str
    body: str = Field(max_length=20_000)


class Triage(BaseModel):
    queue: Literal["billing", "access", "shipping", "other"]


@app.step(models=["openai:gpt-5-nano"])
def triage(ticket: Ticket) -> Prompt[Triage]:
    return Prompt("Route this support ticket.", ticket.body)
