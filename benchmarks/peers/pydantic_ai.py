"""pydantic-ai, an agent with an output type, tool calls, its default."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks import task
from benchmarks.pool import Call

REQUIREMENTS = ("pydantic-ai-slim[openai]",)
IMPORT = "from pydantic_ai import Agent"
SHAPE = "final"


@asynccontextmanager
async def opened(url: str, in_flight: int) -> AsyncIterator[Call]:
    """A run of an agent."""
    del in_flight
    from pydantic_ai import Agent  # noqa: PLC0415 - in its own environment alone
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415 - as above
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415 - as above

    model = OpenAIChatModel(task.MODEL, provider=OpenAIProvider(base_url=url, api_key="none"))
    agent = Agent(
        model,
        output_type=task.Triage,
        instructions=task.INSTRUCTIONS,
        model_settings={"max_tokens": task.OUTPUT_CAP, "timeout": 60},
    )

    async def call(number: int) -> task.Triage:
        said = await agent.run(task.ticket(number))
        assert isinstance(said.output, task.Triage)
        return said.output

    yield call
