"""DSPy's Predict over a typed signature, text fields, its default; no cache."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks import task
from benchmarks.pool import Call

REQUIREMENTS = ("dspy",)
IMPORT = "import dspy"
SHAPE = "fields"


@asynccontextmanager
async def opened(url: str, in_flight: int) -> AsyncIterator[Call]:
    """A call of `acall`."""
    del in_flight
    import dspy  # noqa: PLC0415 - in its own environment alone

    fields: dict[str, Any] = {"body": (str, dspy.InputField())}
    fields |= {
        name: (field.annotation, dspy.OutputField()) for name, field in task.Triage.model_fields.items()
    }
    model = dspy.LM(
        f"openai/{task.MODEL}",
        api_base=url,
        api_key="none",
        cache=False,
        max_tokens=task.OUTPUT_CAP,
        num_retries=0,
    )
    predict = dspy.Predict(dspy.Signature(fields, task.INSTRUCTIONS))

    async def call(number: int) -> task.Triage:
        said = await predict.acall(body=task.ticket(number))
        return task.Triage(queue=said.queue, urgency=said.urgency, quote=said.quote)

    with dspy.context(lm=model):
        yield call
