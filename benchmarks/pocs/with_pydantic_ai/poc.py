"""Triage with Pydantic AI, as its guide to output shows it: an agent with an output type and its usual retries."""

from typing import Literal

from pydantic import BaseModel, Field
from pydantic_ai import Agent


class Triage(BaseModel):
    """Where a message goes."""

    queue: Literal["billing", "access", "shipping", "returns", "product", "other"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(description="the words of the message that decided it, letter for letter")


agent = Agent(
    "openai-chat:gpt-5-nano",
    output_type=Triage,
    instructions="You sort the mail of a web shop: queue, urgency from 1 to 5, and the words that decided it.",
)


def triage(message: str) -> Triage:
    """Sort one message."""
    return agent.run_sync(message).output
