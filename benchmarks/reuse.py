"""What an answer costs that the ledger holds already: one record at a time, through `await step(record)`.

python -m benchmarks.reuse URL CALLS
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import task
from benchmarks.machine import CLIENT_CORE
from benchmarks.pool import run_calls


async def measure(calls: int) -> dict[str, dict[str, Any]]:
    """The first time, the same record again, and the same question under another record's key."""
    from benchmarks.app import Ticket, app, triage  # noqa: PLC0415 - once the ledger's place is set

    def ask_as(prefix: str) -> Any:
        async def call(number: int) -> object:
            return await triage(Ticket(id=f"{prefix}-{number}", body=task.ticket(number)))

        return call

    found = {}
    async with app:
        await run_calls(ask_as("warm"), calls, 100, 1)
        for name, prefix in (("first call", "T"), ("same record", "T"), ("same question", "U")):
            found[name] = (await run_calls(ask_as(prefix), 0, calls, 1)).as_json()
    return found


def main() -> None:
    """Measure in a ledger of its own."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    os.environ["OPENAI_BASE_URL"] = f"{sys.argv[1]}/json/v1"
    with TemporaryDirectory(prefix="bench-") as folder:
        os.environ["ROADWORTHY_LEDGER"] = str(Path(folder) / "bench.db")
        sys.stdout.write(json.dumps(asyncio.run(measure(int(sys.argv[2])))) + "\n")


if __name__ == "__main__":
    main()
