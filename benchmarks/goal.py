"""What must be shown, and what the results show."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.results import Results, Row, Who

LEDGER_RECORDS = 100_000
LEAST: Who = ("raw kept", "asyncio")
"""Who does nothing but send, read, validate, and have a line on disk before and after."""
TRANSPORT: Who = ("pyreqwest", "asyncio")
"""The shipped transport, with nothing around it."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure against its limit.

    Attributes:
        least: whether the limit is the least that is wanted; else the most.
        found: the figure; None where it was not measured.
        floor: what nobody can go below (or above) on this machine, where that was measured.
    """

    what: str
    unit: str
    limit: float
    found: float | None
    least: bool = False
    floor: float | None = None

    @property
    def met(self) -> str:
        """`yes`, `no` or `not measured`."""
        if self.found is None:
            return "not measured"
        return "yes" if (self.found >= self.limit if self.least else self.found <= self.limit) else "no"


def goals(results: Results, who: Who) -> Iterator[Goal]:
    """Every goal; `who` is the product on the event loop that it is shipped with."""
    wave, low = results.cell("wave 1000"), results.cell("low load")
    cpu = results.cell("cpu 64")
    yield Goal("CPU a call, 64 in flight", "x aiohttp + pydantic", 2.0, cpu.ratio(who))
    yield Goal("the same on asyncio's own loop", "x aiohttp + pydantic", 2.0, cpu.ratio((who[0], "asyncio")))
    rate = wave.median(who, "calls_per_s")
    yield Goal(
        "1,000 in flight, 200 ms, one core",
        "calls/s",
        4_000,
        rate,
        least=True,
        floor=wave.median(LEAST, "calls_per_s"),
    )
    added = _less(wave.median(who, "p50_ms"), 200)
    yield Goal(
        "the same, added to the median", "ms", 50, added, floor=_less(wave.median(LEAST, "p50_ms"), 200)
    )
    for name, limit in (("p50", 4), ("p99", 12)):
        what = f"8 in flight, 200 ms, {name} over the raw client"
        over = low.over(who, f"{name}_ms")
        yield Goal(what, "ms", limit, over, floor=low.over(LEAST, f"{name}_ms"))
    unkept = low.over(who, "p50_ms", (TRANSPORT[0], who[1])) or low.over(who, "p50_ms", TRANSPORT)
    yield Goal(
        "the same, p50 over the same transport without a ledger",
        "ms",
        3,
        unkept,
        floor=low.over(LEAST, "p50_ms"),
    )
    yield Goal("a kept answer to its validated value", "us CPU", 80, _reuse(results, "same record"))
    known = _file(results, "run again", LEDGER_RECORDS)
    yield Goal("100,000 known records again", "records/s", 10_000, known.get("records_per_s"), least=True)
    yield from _memory(results, who)
    yield Goal("import", "ms CPU", 150, started(results, "import"))
    yield Goal("`--help`", "ms CPU", 300, started(results, "help"))
    run = _file(results, "run", LEDGER_RECORDS)
    yield Goal("ledger, a prompt of 700 bytes", "bytes a record", 3_000, run.get("ledger_bytes"))
    most = max((row["records"] for row in results.where(section="files")), default=0)
    for what in ("plan, before", "plan, after", "report"):
        row = _file(results, what, most)
        yield Goal(f"`{what}` on {most:,} records", "s", 10, row.get("wall_s"))


def _memory(results: Results, who: Who) -> Iterator[Goal]:
    base = _file(results, "run", 100)
    yield Goal("memory, base", "MB", 70, base.get("peak_rss_mb"))
    alone = kilobytes_in_flight(results, TRANSPORT)
    yield Goal("memory, a call in flight", "KB", 30, kilobytes_in_flight(results, who), floor=alone)
    runs = [row for row in results.where(section="files", what="run") if row["records"] >= 10_000]
    growth = runs[-1]["peak_rss_mb"] - runs[0]["peak_rss_mb"] if len(runs) > 1 else None
    span = f"{runs[0]['records']:,} to {runs[-1]['records']:,} records" if runs else "10,000 records and more"
    yield Goal(f"memory, growth from {span}", "MB", 20, growth)


def kilobytes_in_flight(results: Results, who: Who, section: str = "calls") -> float | None:
    """What a call in flight adds to the peak: 1,000 against 8 in flight, both with a slow provider."""
    many = results.cell("wave 1000", section).median(who, "peak_rss_mb")
    few = results.cell("low load", section).median(who, "peak_rss_mb")
    return None if many is None or few is None else (many - few) * 1024 / 992


def started(results: Results, what: str) -> float | None:
    """CPU milliseconds of a start, less those of a bare interpreter for the import alone."""

    def median(name: str) -> float | None:
        found = [row["cpu_ms"] for row in results.where(section="starts", what=name)]
        return statistics.median(found) if found else None

    bare = median("bare") if what == "import" else 0.0
    found = median(what)
    return None if found is None or bare is None else found - bare


def _reuse(results: Results, what: str) -> float | None:
    found = [row["cpu_us"] for row in results.where(section="reuse", what=what)]
    return statistics.median(found) if found else None


def _file(results: Results, what: str, records: int) -> Row:
    """The line of a command on a file of that size; empty where there is none."""
    return next(iter(results.where(section="files", what=what, records=records)), {})


def _less(value: float | None, by: float) -> float | None:
    return None if value is None else value - by
