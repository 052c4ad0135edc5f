"""LangChain's ChatOpenAI with structured output over the JSON schema mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks import task
from benchmarks.pool import Call

REQUIREMENTS = ("langchain-openai",)
IMPORT = "from langchain_openai import ChatOpenAI"
SHAPE = "json"


@asynccontextmanager
async def opened(url: str, in_flight: int) -> AsyncIterator[Call]:
    """A call of `ainvoke`."""
    del in_flight
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - in its own environment alone

    model = ChatOpenAI(
        model=task.MODEL,
        base_url=url,
        api_key="none",
        max_retries=0,
        timeout=60,
        max_tokens=task.OUTPUT_CAP,
    )
    chain = model.with_structured_output(task.Triage, method="json_schema")

    async def call(number: int) -> task.Triage:
        said = await chain.ainvoke([("system", task.INSTRUCTIONS), ("user", task.ticket(number))])
        assert isinstance(said, task.Triage)
        return said

    yield call
