"""Triage with the OpenAI SDK alone, as its guide to structured outputs shows it."""

from typing import Literal

from openai import OpenAI
from pydantic import BaseModel, Field


class Triage(BaseModel):
    """Where a message goes."""

    queue: Literal["billing", "access", "shipping", "returns", "product", "other"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(description="the words of the message that decided it, letter for letter")


client = OpenAI()


def triage(message: str) -> Triage | None:
    """Sort one message."""
    completion = client.chat.completions.parse(
        model="gpt-5-nano",
        messages=[
            {
                "role": "system",
                "content": "You sort the mail of a web shop: queue, urgency from 1 to 5, and the words that decided it.",
            },
            {"role": "user", "content": message},
        ],
        response_format=Triage,
    )
    return completion.choices[0].message.parsed
