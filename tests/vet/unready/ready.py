"""What the others are like but for one thing: it gets a go."""

from shop import Ticket, Triage, question, quote_is_in_the_body

from roadworthy import App, Prompt

app = App("ready", budget_usd=1)


@app.step(models=["openai:gpt-5-nano"])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return question(ticket)


triage.check(quote_is_in_the_body)
