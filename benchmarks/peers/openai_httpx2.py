"""The openai SDK over its own transport, httpx2: `.parse` into a pydantic model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks import task
from benchmarks.pool import Call

REQUIREMENTS = ("openai",)
IMPORT = "from openai import AsyncOpenAI"
SHAPE = "json"


@asynccontextmanager
async def opened(url: str, in_flight: int) -> AsyncIterator[Call]:
    """A call of `chat.completions.parse`."""
    import httpx2  # noqa: PLC0415 - as above
    from openai import AsyncOpenAI, DefaultAsyncHttpx2Client  # noqa: PLC0415 - in its own environment alone

    limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    wire = DefaultAsyncHttpx2Client(limits=limits, timeout=60)
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=wire) as client:

        async def call(number: int) -> task.Triage:
            said = await client.chat.completions.parse(
                model=task.MODEL,
                messages=task.messages(number),
                max_completion_tokens=task.OUTPUT_CAP,
                response_format=task.Triage,
            )
            parsed = said.choices[0].message.parsed
            assert isinstance(parsed, task.Triage)
            return parsed

        yield call
