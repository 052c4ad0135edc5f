"""LiteLLM's `acompletion` with a JSON schema; pydantic validates what it returns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks import task
from benchmarks.pool import Call

REQUIREMENTS = ("litellm",)
IMPORT = "import litellm"
SHAPE = "json"


@asynccontextmanager
async def opened(url: str, in_flight: int) -> AsyncIterator[Call]:
    """A call of `acompletion`."""
    del in_flight
    import litellm  # noqa: PLC0415 - in its own environment alone

    litellm.suppress_debug_info = True
    schema = task.request(0)["response_format"]

    async def call(number: int) -> task.Triage:
        said = await litellm.acompletion(
            model=f"openai/{task.MODEL}",
            api_base=url,
            api_key="none",
            messages=task.messages(number),
            max_tokens=task.OUTPUT_CAP,
            response_format=schema,
            num_retries=0,
            timeout=60,
        )
        return task.Triage.model_validate_json(said.choices[0].message.content)

    yield call
