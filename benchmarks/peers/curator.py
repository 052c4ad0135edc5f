"""Curator, which takes a whole data set and no single call; its own cache is new for each slice."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import task
from benchmarks.pool import Slice, Taken, cpu_s

REQUIREMENTS = ("bespokelabs-curator",)
IMPORT = "from bespokelabs import curator"
SHAPE = "json"
_KNOWN = "gpt-4o-mini"  # it looks up by name whether a model takes a schema


def whole(url: str, in_flight: int) -> Slice:
    """Data sets run through an LLM class."""
    os.environ.update(
        OPENAI_API_KEY="none", OPENAI_BASE_URL=url, CURATOR_DISABLE_RICH_DISPLAY="1", TELEMETRY_ENABLED="0"
    )
    import litellm  # noqa: PLC0415 - in its own environment alone

    tokenizers = Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(tokenizers)  # else it downloads them
    from bespokelabs import curator  # noqa: PLC0415 - as above

    class Router(curator.LLM):  # type: ignore[misc] # untyped
        response_format = task.Triage

        def prompt(self, row: Any) -> list[dict[str, str]]:
            return task.messages(row["number"])

        def parse(self, row: Any, answer: task.Triage) -> dict[str, Any]:
            return {"number": row["number"], **answer.model_dump()}

    parameters = {"max_requests_per_minute": 10**7, "max_tokens_per_minute": 10**10}
    parameters |= {"max_concurrent_requests": in_flight, "max_retries": 0}

    async def slice_(first: int, calls: int) -> Taken:
        rows = [{"number": number} for number in range(first, first + calls)]
        with TemporaryDirectory(prefix="bench-") as folder:
            cpu, wall = cpu_s(), time.perf_counter()
            router = Router(model_name=_KNOWN, backend="openai", backend_params=parameters)
            found = await asyncio.to_thread(router, rows, working_dir=folder)
            taken = Taken(calls, cpu_s() - cpu, time.perf_counter() - wall)
        assert len(found.dataset) == calls
        return taken

    return slice_
