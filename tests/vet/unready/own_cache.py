"""Not ready: a cache of its own whose key leaves out part of the question."""

from shop import Ticket, Triage, ask, question, quote_is_in_the_body

from roadworthy import App, Function, Prompt

app = App("own-cache", budget_usd=1)

ANSWERS: dict[str, str] = {}


def remembered(ticket: Ticket) -> str:
    """It remembers answers by the subject, and the question holds more than that."""
    if ticket.subject not in ANSWERS:
        ANSWERS[ticket.subject] = ask(ticket)
    return ANSWERS[ticket.subject]


@app.step(models=[Function(remembered, usd_per_call="0.0001")])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return question(ticket)


triage.check(quote_is_in_the_body)
