"""Triage with LangChain, as its guide to structured output shows it."""

from typing import Literal

from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field


class Triage(BaseModel):
    """Where a message goes."""

    queue: Literal["billing", "access", "shipping", "returns", "product", "other"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(description="the words of the message that decided it, letter for letter")


prompt = ChatPromptTemplate.from_messages(
    [
        (
            "system",
            "You sort the mail of a web shop: queue, urgency from 1 to 5, and the words that decided it.",
        ),
        ("human", "{message}"),
    ]
)
model = ChatOpenAI(model="gpt-5-nano")
chain = prompt | model.with_structured_output(Triage)


def triage(message: str) -> Triage:
    """Sort one message."""
    answer = chain.invoke({"message": message})
    assert isinstance(answer, Triage)
    return answer
