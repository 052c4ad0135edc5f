"""What `make bench` measures: one section a function, each yielding result lines."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import command, sharing
from benchmarks.child import Row, call, here, note, rounds
from benchmarks.provider import start_provider

DELAY_MS = 200
"""The provider's thinking time, in the cells that have one."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured.

    Attributes:
        rounds: turns that each subject takes in a cell.
        calls: of a turn at 64 in flight.
        many: of a turn at 1,000 in flight.
        waves: the same with a slow provider, which nobody is answered by at a turn's start and few are at its end.
        few: of a turn at 8 in flight with a slow provider.
        files: records of the files that are run.
        processes: on one ledger file.
        shared: records of each of those processes.
    """

    rounds: int
    calls: int
    many: int
    waves: int
    few: int
    reused: int
    files: Sequence[int]
    processes: Sequence[int]
    shared: int


FULL = Extent(7, 1_500, 6_000, 20_000, 200, 2_000, (1_000, 10_000, 100_000), (1, 2, 4), 4_000)
QUICK = Extent(3, 500, 2_000, 2_000, 64, 300, (1_000, 3_000), (1, 2), 1_000)
BESIDES = ("roadworthy", "stages", "pyreqwest", "aiohttp")


@dataclass(frozen=True, slots=True)
class Cell:
    """One table: who, how many at a time, how slow a provider.

    Attributes:
        subjects: each with its event loop.
    """

    name: str
    in_flight: int
    delay_ms: int
    subjects: Sequence[tuple[str, str]]


def _on(loop: str, *subjects: str) -> list[tuple[str, str]]:
    return [(subject, loop) for subject in subjects]


CELLS = (
    Cell(
        "cpu 64",
        64,
        0,
        [
            *_on("asyncio", "aiohttp", "aiohttp as written", "raw", "pyreqwest", "aiohttp transport"),
            *_on("asyncio", "stages", "roadworthy", "roadworthy over aiohttp"),
            *_on("uvloop", "aiohttp", "pyreqwest", "stages", "roadworthy"),
        ],
    ),
    Cell(
        "cpu 1000",
        1_000,
        0,
        [
            *_on("asyncio", "aiohttp", "raw", "pyreqwest", "aiohttp transport", "stages", "roadworthy"),
            *_on("uvloop", "roadworthy"),
        ],
    ),
    Cell(
        "wave 1000",
        1_000,
        DELAY_MS,
        [
            *_on("asyncio", "raw", "raw kept", "aiohttp", "pyreqwest", "stages"),
            *_on("asyncio", "roadworthy", "roadworthy over aiohttp"),
            *_on("uvloop", "roadworthy"),
        ],
    ),
    Cell(
        "low load",
        8,
        DELAY_MS,
        [
            *_on("asyncio", "raw", "raw kept", "aiohttp", "pyreqwest", "stages", "roadworthy"),
            *_on("uvloop", "roadworthy"),
        ],
    ),
)


def calls(extent: Extent) -> Iterator[Row]:
    """CPU, rate and latency of a call in every cell."""
    with ExitStack() as stack:
        urls = {delay_ms: stack.enter_context(start_provider(delay_ms)).url for delay_ms in (0, DELAY_MS)}
        for cell in CELLS:
            count = {64: extent.calls, 1_000: extent.waves if cell.delay_ms else extent.many}.get(
                cell.in_flight, extent.few
            )
            turns = extent.rounds if not cell.delay_ms else max(2, extent.rounds // 2)
            note(f"-- {cell.name}: {turns} rounds of {count:,} calls")
            specs = [here(name, urls[cell.delay_ms], cell.in_flight, loop) for name, loop in cell.subjects]
            if cell.delay_ms:
                specs = [replace(spec, warm_up=2 * spec.in_flight) for spec in specs]
            for row in rounds(specs, turns, count):
                yield {"cell": cell.name, "delay_ms": cell.delay_ms, **row}


def starts(extent: Extent) -> Iterator[Row]:
    """Import and `--help`."""
    yield from command.starts(extent.rounds)


def install(_extent: Extent) -> Iterator[Row]:
    """What an installation takes."""
    yield {"what": "roadworthy", **call("benchmarks.install", "roadworthy")}


def reuse(extent: Extent) -> Iterator[Row]:
    """An answer that the ledger holds."""
    with start_provider() as provider:
        for number in range(2):
            for what, row in call("benchmarks.reuse", provider.url, str(extent.reused)).items():
                yield {"round": number, "what": what, **row}


def files(extent: Extent) -> Iterator[Row]:
    """Whole files through the command line; the smallest one also with one record in flight, for the base."""
    with start_provider() as provider:
        yield from command.file_of(provider.url, 100, in_flight=1)
        for count in extent.files:
            for row in command.file_of(provider.url, count):
                note(
                    f"{row['records']:9,} records  {row['what']:14} {row['wall_s']:8.1f} s  {row['peak_rss_mb']} MB"
                )
                yield row


def processes(extent: Extent) -> Iterator[Row]:
    """Several processes on one ledger: the file lock as shipped against SQLite's busy handler, in turns."""
    with start_provider() as provider, tempfile.TemporaryDirectory(prefix="bench-") as place:
        for number in range(2):
            for count in extent.processes:
                for store in ("lock", "busy") if count > 1 else ("lock",):
                    folder = Path(place) / "shared"
                    row = sharing.together(provider.url, folder, count, store, extent.shared)
                    note(f"{count} processes, {store}: {row['calls_per_s']:,.0f}/s, p99 {row['p99_ms']} ms")
                    yield {"round": number, **row}


SECTIONS: dict[str, Callable[[Extent], Iterator[Row]]] = {
    "calls": calls,
    "starts": starts,
    "install": install,
    "reuse": reuse,
    "files": files,
    "processes": processes,
}
