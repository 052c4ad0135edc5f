"""The product and its yardstick against peers at their newest versions, in turns: same provider, task and schema.

python -m benchmarks.versus [--out FILE] [--only openai_aiohttp,tensorzero] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import command
from benchmarks.child import Broke, Row, call, here, note, rounds
from benchmarks.environment import PEERS, Environment, adapter, prepare
from benchmarks.machine import ROOT, stamp
from benchmarks.measure import PEER
from benchmarks.provider import start_provider
from benchmarks.suite import DELAY_MS

RESULTS = ROOT / ".bench" / "peers.jsonl"
OURS = (("aiohttp", "asyncio"), ("roadworthy", "asyncio"), ("roadworthy", "uvloop"))


@dataclass(frozen=True, slots=True)
class Cell:
    """One table: how many at a time, how slow a provider, how often."""

    name: str
    in_flight: int
    delay_ms: int
    rounds: int
    calls: int


FULL = (
    Cell("cpu 64", 64, 0, 3, 400),
    Cell("low load", 8, DELAY_MS, 2, 80),
    Cell("wave 1000", 1_000, DELAY_MS, 1, 2_000),
)
QUICK = (Cell("cpu 64", 64, 0, 1, 100),)


def prepared(peers: Sequence[str]) -> Iterator[tuple[Environment | None, Row]]:
    """Each peer's environment with what it takes, or why there is none."""
    for peer in peers:
        note(f"-- installing {peer}")
        try:
            environment = prepare(peer)
            size = call("benchmarks.install", python=str(environment.python))
            yield environment, {"section": "peers", "what": "install", "peer": peer, **size}
        except Broke as broke:
            note(f"{peer} cannot be installed: {broke}")
            yield None, {"section": "peers", "what": "install", "peer": peer, "error": str(broke)}


def imports(environments: Sequence[Environment]) -> Iterator[Row]:
    """CPU of each import, less that of a bare interpreter, the least of three in turns."""
    least: dict[tuple[str, str], float] = {}
    for _ in range(3):
        for environment in environments:
            for line in ("pass", adapter(environment.peer).IMPORT):
                ended = command.run([str(environment.python), "-c", line], ROOT / ".bench", os.environ)
                key = (environment.peer, line)
                least[key] = min(least.get(key, ended.cpu_s), ended.cpu_s)
    for environment in environments:
        took = least[environment.peer, adapter(environment.peer).IMPORT] - least[environment.peer, "pass"]
        yield {"section": "peers", "what": "import", "peer": environment.peer, "cpu_ms": round(took * 1e3)}


def calls(environments: Sequence[Environment], cells: Sequence[Cell]) -> Iterator[Row]:
    """CPU, rate and latency of a call in every cell."""
    pythons = {PEER + environment.peer: str(environment.python) for environment in environments}
    with ExitStack() as stack:
        urls = {delay_ms: stack.enter_context(start_provider(delay_ms)).url for delay_ms in (0, DELAY_MS)}
        for cell in cells:
            note(f"-- {cell.name}: {cell.rounds} rounds of {cell.calls:,} calls")
            url = urls[cell.delay_ms]
            specs = [here(name, url, cell.in_flight, loop) for name, loop in OURS]
            specs += [here(name, url, cell.in_flight) for name in pythons]
            if cell.delay_ms:
                specs = [replace(spec, warm_up=2 * spec.in_flight) for spec in specs]
            for row in rounds(specs, cell.rounds, cell.calls, pythons):
                yield {
                    "section": "peers",
                    "what": "calls",
                    "cell": cell.name,
                    "delay_ms": cell.delay_ms,
                    **row,
                }


def main() -> None:
    """Install, measure, write; the status is 1 when a peer could not be installed or measured."""
    parser = argparse.ArgumentParser(description="Roadworthy against its peers")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", default=",".join(PEERS), help="peers, with commas")
    parser.add_argument("--quick", action="store_true", help="one short round")
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("w", encoding="utf-8") as out:
        broken = 0

        def write(row: Row) -> None:
            nonlocal broken
            broken += "error" in row
            out.write(json.dumps(row) + "\n")
            out.flush()

        write({"section": "peers stamp", **stamp()})
        environments = []
        for environment, row in prepared(given.only.split(",")):
            write(row)
            environments += [] if environment is None else [environment]
        for row in imports(environments):
            write(row)
        for row in calls(environments, QUICK if given.quick else FULL):
            write(row)
    note(f"results: {given.out}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
