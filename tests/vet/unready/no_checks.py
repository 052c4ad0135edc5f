"""Not ready: nothing holds an answer against its record."""

from shop import Ticket, Triage, question

from roadworthy import App, Prompt

app = App("no-checks", budget_usd=1)


@app.step(models=["openai:gpt-5-nano"])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return question(ticket)
