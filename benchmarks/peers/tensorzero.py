"""TensorZero's gateway embedded in the process, a JSON function, no database; pydantic validates what it returns."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import task
from benchmarks.pool import Call

REQUIREMENTS = ("tensorzero",)
IMPORT = "import tensorzero"
SHAPE = "json"
_CONFIGURATION = """
[gateway.observability]
enabled = false

[models.tiny]
routing = ["mock"]

[models.tiny.providers.mock]
type = "openai"
model_name = "tiny"
api_base = "{url}"

[functions.triage]
type = "json"
output_schema = "schema.json"

[functions.triage.variants.plain]
type = "chat_completion"
model = "tiny"
max_tokens = {cap}
json_mode = "strict"
"""


def _configured(folder: Path, url: str) -> str:
    (folder / "schema.json").write_text(json.dumps(task.SCHEMA))
    config = folder / "tensorzero.toml"
    config.write_text(_CONFIGURATION.format(url=f"{url}/", cap=task.OUTPUT_CAP))
    return str(config)


@asynccontextmanager
async def opened(url: str, in_flight: int) -> AsyncIterator[Call]:
    """A call of `inference`."""
    del in_flight
    os.environ["OPENAI_API_KEY"] = "none"
    from tensorzero import AsyncTensorZeroGateway  # noqa: PLC0415 - in its own environment alone

    with TemporaryDirectory(prefix="bench-") as folder:
        config = _configured(Path(folder), url)
        async with await AsyncTensorZeroGateway.build_embedded(config_file=config) as gateway:

            async def call(number: int) -> task.Triage:
                user = [{"role": "user", "content": task.ticket(number)}]
                said = await gateway.inference(
                    function_name="triage", input={"system": task.INSTRUCTIONS, "messages": user}
                )
                return task.Triage.model_validate_json(said.output.raw)

            yield call
