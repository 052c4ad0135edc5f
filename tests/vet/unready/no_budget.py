"""Not ready: nothing bounds what it spends."""

from shop import Ticket, Triage, question, quote_is_in_the_body

from roadworthy import App, Prompt

app = App("no-budget")


@app.step(models=["openai:gpt-5-nano"])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return question(ticket)


triage.check(quote_is_in_the_body)
