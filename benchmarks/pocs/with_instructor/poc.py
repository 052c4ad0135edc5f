"""Triage with instructor, as its first page shows it: a provider by name, a response model, retries."""

from typing import Literal

import instructor
from pydantic import BaseModel, Field


class Triage(BaseModel):
    """Where a message goes."""

    queue: Literal["billing", "access", "shipping", "returns", "product", "other"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(description="the words of the message that decided it, letter for letter")


client = instructor.from_provider("openai/gpt-5-nano")


def triage(message: str) -> Triage:
    """Sort one message."""
    return client.chat.completions.create(
        response_model=Triage,
        messages=[
            {
                "role": "system",
                "content": "You sort the mail of a web shop: queue, urgency from 1 to 5, and the words that decided it.",
            },
            {"role": "user", "content": message},
        ],
        max_retries=3,
    )
