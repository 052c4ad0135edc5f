"""Not ready: its function tries again on its own, inside an attempt."""

import http.client
import time

from shop import Ticket, Triage, ask, question, quote_is_in_the_body

from roadworthy import App, Function, Prompt

app = App("own-retries", budget_usd=1)


def stubborn(ticket: Ticket) -> str:
    """It tries again on its own, whatever it is asked by."""
    for _ in range(3):
        try:
            return ask(ticket)
        except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError):
            time.sleep(0.01)
    return ask(ticket)


@app.step(models=[Function(stubborn, usd_per_call="0.0001")])
def triage(ticket: Ticket) -> Prompt[Triage]:
    """A step."""
    return question(ticket)


triage.check(quote_is_in_the_body)
