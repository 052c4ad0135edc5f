"""The same triage as a Roadworthy app, called as a function, so that it is tested with the same yardstick."""

from typing import Literal

from pydantic import BaseModel, Field

from roadworthy import App, Fault, Prompt

app = App("triage", budget_usd=5)


class Message(BaseModel):
    """What comes in."""

    id: str
    text: str = Field(min_length=1, max_length=20_000)


class Triage(BaseModel):
    """Where a message goes."""

    queue: Literal["billing", "access", "shipping", "returns", "product", "other"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(max_length=300)


@app.step(models=["openai:gpt-5-nano"])
def sort(message: Message) -> Prompt[Triage]:
    """Sort one message."""
    return Prompt(
        "You sort the mail of a web shop: queue, urgency from 1 to 5, and the words that decided it.",
        message.text,
    )


@sort.check
def quote_is_in_the_message(answer: Triage, message: Message) -> None:
    """The words that decided it must be words of the message."""
    if not answer.quote.strip() or answer.quote not in message.text:
        raise Fault("`quote` must be copied from the message, letter for letter.")


async def triage(message: Message) -> Triage:
    """Sort one message."""
    return await sort(message)
