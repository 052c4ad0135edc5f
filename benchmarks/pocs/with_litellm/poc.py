"""Triage with LiteLLM, as its guide to structured output shows it, with its own retries on."""

from typing import Literal

import litellm
from pydantic import BaseModel, Field


class Triage(BaseModel):
    """Where a message goes."""

    queue: Literal["billing", "access", "shipping", "returns", "product", "other"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(description="the words of the message that decided it, letter for letter")


def triage(message: str) -> Triage:
    """Sort one message."""
    response = litellm.completion(
        model="openai/gpt-5-nano",
        messages=[
            {
                "role": "system",
                "content": "You sort the mail of a web shop: queue, urgency from 1 to 5, and the words that decided it.",
            },
            {"role": "user", "content": message},
        ],
        response_format=Triage,
        num_retries=2,
    )
    return Triage.model_validate_json(response.choices[0].message.content)
