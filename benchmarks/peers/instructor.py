"""instructor over the openai SDK, tool calls, its default."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks import task
from benchmarks.pool import Call

REQUIREMENTS = ("instructor",)
IMPORT = "from instructor import from_openai"
SHAPE = "tool"


@asynccontextmanager
async def opened(url: str, in_flight: int) -> AsyncIterator[Call]:
    """A call of `create` with a response model."""
    del in_flight
    from instructor import from_openai  # noqa: PLC0415 - in its own environment alone
    from openai import AsyncOpenAI  # noqa: PLC0415 - as above

    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=60) as inner:
        client = from_openai(inner)

        async def call(number: int) -> task.Triage:
            said = await client.chat.completions.create(
                model=task.MODEL,
                messages=task.messages(number),
                max_completion_tokens=task.OUTPUT_CAP,
                response_model=task.Triage,
                max_retries=1,
            )
            assert isinstance(said, task.Triage)
            return said

        yield call
