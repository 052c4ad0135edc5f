"""CPU a validated call: Roadworthy with every promise on, against aiohttp + pydantic, in interleaved rounds.

    make bench                 five rounds of 4,000 calls, 64 in flight
    python -m benchmarks.call --rounds 3 --calls 2000

The provider is the simulator in a process of its own. Each measurement is a process of its own too; what is
compared is its user + system time over the calls, without start-up. Medians and the ratio are what to quote:
absolute figures depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from roadworthy import App, Fault, Model, Price, Prompt
from roadworthy.accept.identity import body_hash
from roadworthy.accept.record import Record
from roadworthy.vet.process import start_simulator

TEXT = (
    "My card payment from Tuesday was charged twice and the app shows both as pending; order {n}, please help. "
    * 5
)
ANSWER = '{"queue":"billing","urgency":3,"quote":"charged twice"}'
IN_FLIGHT = 64


class Ticket(BaseModel):
    """The record."""

    id: str
    body: str


class Triage(BaseModel):
    """The answer."""

    queue: Literal["billing", "access", "shipping", "other"]
    urgency: int
    quote: str


def measure_aiohttp(url: str, calls: int) -> float:
    """Microseconds of CPU a call: aiohttp, the same request, the answer validated by pydantic."""
    import aiohttp  # noqa: PLC0415 - a yardstick, not a dependency

    schema = Triage.model_json_schema()

    async def one(session: aiohttp.ClientSession, number: int) -> None:
        body = {
            "model": "tiny",
            "messages": [
                {"role": "system", "content": "Route this support ticket. Quote the words that decided it."},
                {"role": "user", "content": TEXT.format(n=number)},
            ],
            "max_completion_tokens": 512,
            "response_format": {"type": "json_schema", "json_schema": {"name": "Triage", "schema": schema}},
        }
        async with session.post(f"{url}/chat/completions", json=body) as response:
            said = await response.json()
        Triage.model_validate_json(said["choices"][0]["message"]["content"])

    async def all_of_them(count: int) -> float:
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
        async with aiohttp.ClientSession(connector=connector) as session:
            numbers = iter(range(count))

            async def serve() -> None:
                for number in numbers:
                    await one(session, number)

            await asyncio.gather(*(serve() for _ in range(IN_FLIGHT)))
            began = time.process_time()
            numbers = iter(range(count, count + calls))
            await asyncio.gather(*(serve() for _ in range(IN_FLIGHT)))
            return time.process_time() - began

    return asyncio.run(all_of_them(200)) / calls * 1e6


def measure_roadworthy(url: str, calls: int) -> float:
    """Microseconds of CPU a call: intake, intent, send, checks, settlement and outcome, all durable."""
    os.environ["OPENAI_BASE_URL"] = url
    from roadworthy.run.job import Job  # noqa: PLC0415 - after the environment is set
    from roadworthy.run.options import Options  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as folder:
        app = App("bench", ledger=Path(folder) / "bench.db", budget_usd=1000)

        @app.step(
            models=[Model("openai:tiny", price=Price(input="0.1", output="0.4"), max_output_tokens=512)]
        )
        def triage(ticket: Ticket) -> Prompt[Triage]:
            return Prompt("Route this support ticket. Quote the words that decided it.", ticket.body)

        @triage.check
        def quoted(answer: Triage, ticket: Ticket) -> None:
            if answer.quote not in ticket.body:
                raise Fault("`quote` must be copied from the ticket")

        def records(start: int, count: int) -> Iterator[Record]:
            for number in range(start, start + count):
                value = Ticket(id=str(number), body=TEXT.format(n=number))
                body = value.model_dump()
                yield Record(value.id, body, body_hash(body), number + 1, value)

        async def both() -> float:
            opened = app.start()
            try:
                await Job(opened, triage, records(0, 200), Options(job="warm")).run()
                began = time.process_time()
                summary, status = await Job(opened, triage, records(200, calls), Options(job="real")).run()
                took = time.process_time() - began
                assert (status, summary.accepted) == (0, calls), summary
                return took
            finally:
                await opened.close()

        return asyncio.run(both()) / calls * 1e6


MEASURES = {"aiohttp + pydantic": measure_aiohttp, "roadworthy": measure_roadworthy}


def child(name: str, url: str, calls: int) -> float:
    """One measurement in a process of its own."""
    line = [sys.executable, "-m", "benchmarks.call", "--measure", name, "--url", url, "--calls", str(calls)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=True)  # noqa: S603 - this file
    return float(done.stdout)


def main() -> None:
    """Measure in interleaved rounds and print medians and the ratio."""
    parser = argparse.ArgumentParser(description="CPU a validated call against aiohttp + pydantic")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--measure", choices=sorted(MEASURES))
    parser.add_argument("--url")
    given = parser.parse_args()
    if given.measure:
        print(MEASURES[given.measure](given.url, given.calls))
        return
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    with start_simulator(default_answer=ANSWER) as sim:
        for _ in range(given.rounds):
            for name in MEASURES:
                found[name].append(child(name, sim.url, given.calls))
                sim.reset()
    medians = {name: statistics.median(values) for name, values in found.items()}
    ratios = [b / a for a, b in zip(found["aiohttp + pydantic"], found["roadworthy"], strict=True)]
    for name, values in found.items():
        print(f"{name:20} {medians[name]:7.0f} us CPU a call  ({min(values):.0f} to {max(values):.0f})")
    print(f"ratio                {statistics.median(ratios):7.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "machine": platform.machine(),
                "rounds": given.rounds,
                "calls": given.calls,
            }
        )
    )


if __name__ == "__main__":
    main()
