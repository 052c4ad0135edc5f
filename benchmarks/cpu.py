"""CPU a validated call, 64 in flight: the figure to work with. The whole run is `python -m benchmarks`.

python -m benchmarks.cpu [--rounds 7] [--calls 1000] [--in-flight 64] [--subjects aiohttp,roadworthy] [--loop uvloop]

`--record` keeps the ratio of `roadworthy` in recorded.json, where the guard in tests/bench reads it.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.child import here, rounds
from benchmarks.machine import stamp
from benchmarks.measure import SUBJECTS
from benchmarks.provider import start_provider

YARDSTICK = "aiohttp"
RECORDED = Path(__file__).with_name("recorded.json")


def compare(
    subjects: Sequence[str], *, count: int, calls: int, in_flight: int, loop: str
) -> list[dict[str, Any]]:
    """Interleaved rounds against a provider that answers at once. The yardstick keeps to asyncio."""
    with start_provider() as provider:
        url = provider.url
        specs = [here(name, url, in_flight, "asyncio" if name == YARDSTICK else loop) for name in subjects]
        return rounds(specs, count, calls)


def ratio(rows: Sequence[dict[str, Any]], subject: str) -> float:
    """The median over the rounds of the subject's CPU over the yardstick's in the same round."""
    cost: dict[tuple[str, int], float] = {(row["subject"], row["round"]): row["cpu_us"] for row in rows}
    return statistics.median(
        cost[subject, number] / cost[YARDSTICK, number] for name, number in cost if name == subject
    )


def recorded_ratio() -> float:
    """What the guard compares with."""
    return float(json.loads(RECORDED.read_text())["cpu_over_aiohttp_pydantic"])


def record(found: float) -> None:
    """Keep a ratio, with where it was measured."""
    said = {"cpu_over_aiohttp_pydantic": round(found, 2), "measured": stamp()}
    RECORDED.write_text(json.dumps(said, indent=2) + "\n")


def main() -> None:
    """Measure and print medians and ratios."""
    parser = argparse.ArgumentParser(description="CPU a validated call against aiohttp + pydantic")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--subjects", default=",".join(SUBJECTS))
    parser.add_argument("--record", action="store_true", help="keep the ratio for the guard")
    given = parser.parse_args()
    subjects = list(dict.fromkeys([YARDSTICK, *given.subjects.split(",")]))
    rows = compare(
        subjects, count=given.rounds, calls=given.calls, in_flight=given.in_flight, loop=given.loop
    )
    for name in subjects:
        costs = [row["cpu_us"] for row in rows if row["subject"] == name]
        print(
            f"{name:24} {statistics.median(costs):8.1f} us CPU a call ({min(costs):.1f} to {max(costs):.1f})"
            f"  {ratio(rows, name):5.2f} x aiohttp + pydantic"
        )
    if given.record:
        record(ratio(rows, "roadworthy"))


if __name__ == "__main__":
    main()
