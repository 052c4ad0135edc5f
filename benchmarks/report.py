"""docs/performance.md and its pictures, from result lines."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.goal import goals, kilobytes_in_flight
from benchmarks.machine import ROOT
from benchmarks.picture import bars, lines
from benchmarks.results import Cell, Results, Row, Who

NAMES = {
    "raw": "raw socket + pydantic (the floor)",
    "raw kept": "the same, with a synced line before and after each call (the floor of what is kept)",
    "aiohttp": "aiohttp + pydantic (the yardstick)",
    "aiohttp as written": "aiohttp + pydantic, `json=` and `.json()`",
    "pyreqwest": "the shipped transport + pydantic",
    "aiohttp transport": "aiohttp behind the same seam + pydantic",
    "stages": "Roadworthy without its ledger",
    "roadworthy": "Roadworthy",
    "roadworthy over aiohttp": "Roadworthy over aiohttp",
}
SHIPPED: Who = ("roadworthy", "uvloop")
"""What `roadworthy run` does today."""
_INTRODUCTION = """\
Every figure is CPU time (user + system, all threads, after warm-up) or wall time of a process of its own, pinned to one
core; the provider is another process on another core that answers at once or after 200 ms. Subjects take turns of about
a second, so what else the machine does hits all alike. Medians over the rounds; a ratio is the median of the ratios
within each round. **Quote ratios, not microseconds**: they depend on the machine. Goals are Roadworthy's on uvloop, which is
installed with it; the yardstick runs on asyncio's own loop, as most programs do, and on uvloop for comparison.

The task is one ticket with a prompt of 700 bytes, an answer under a JSON schema, one check. Roadworthy runs it as
`roadworthy run` does, from a file, with every promise on: intake, reservation and intent durable before the request is
sent, settlement, reply and outcome durable after it (SQLite, WAL, `synchronous = FULL`). Nothing else here keeps
anything.
"""
_FLOOR = """\
The floor is what a client takes on this machine that does nothing else: it sends, reads and validates over a raw socket
and has a line on disk before and after each call. For memory it is the shipped transport alone.
"""


def write(rows: list[Row], page: Path) -> list[Path]:
    """Write the page; the files that were written."""
    results = Results(rows)
    pictures = {
        "performance-cpu.svg": _cpu_picture(results),
        "performance-growth.svg": _growth_picture(results),
    }
    written = [page]
    for name, text in pictures.items():
        if text:
            page.with_name(name).write_text(text, encoding="utf-8")
            written.append(page.with_name(name))
    page.write_text("\n".join(_page(results, [path.name for path in written[1:]])), encoding="utf-8")
    return written


def _page(results: Results, pictures: Sequence[str]) -> Iterator[str]:
    yield "# Performance\n"
    yield from _stamp(results)
    yield _INTRODUCTION
    yield "## Goals\n"
    found = [
        [
            goal.what,
            _goal(goal.limit, goal.unit, least=goal.least),
            _number(goal.found),
            goal.met,
            "" if goal.floor is None else _number(goal.floor),
        ]
        for goal in goals(results, SHIPPED)
    ]
    yield from _table(["what", "goal", "measured", "met", "the floor here"], found)
    yield _FLOOR
    for picture in pictures:
        if picture == "performance-cpu.svg":
            yield f"![CPU a validated call]({picture})\n"
    yield from _calls(results)
    yield from _files(results)
    for picture in pictures:
        if picture == "performance-growth.svg":
            yield f"![Growth with the number of records]({picture})\n"
    yield from _rest(results)
    yield from _peers(results)
    yield from _broken(results)
    yield "## Again\n"
    yield "```sh\nmake bench         # about ten minutes on two quiet cores\nmake bench-peers   # installs the peers first\nmake bench-page    # writes this page\n```\n"


def _stamp(results: Results) -> Iterator[str]:
    for row in results.where(section="stamp"):
        libraries = ", ".join(f"{name} {version}" for name, version in row["libraries"].items())
        ended = [end["load"] for end in results.where(section="end")]
        yield (
            f"Measured {row['date']} on {row['cores']} cores of {row['cpu']}, {row['system']}, load average "
            f"{row['load'][0]:.1f} before and {ended[0][0] if ended else float('nan'):.1f} after; Python {row['python']}, "
            f"SQLite {row['sqlite']}, {libraries}; tree {row['tree']}; {row['extent']} run.\n"
        )


def _calls(results: Results) -> Iterator[str]:
    for name, title in (("cpu 64", "64 in flight"), ("cpu 1000", "1,000 in flight")):
        cell = results.cell(name)
        if cell.rows:
            yield f"## CPU a validated call, {title}\n\nThe provider answers at once; the client has one core.\n"
            yield from _table(
                ["", "loop", "us CPU (least to most)", "x yardstick", "calls/s"], _cpu_rows(cell)
            )
    wave = results.cell("wave 1000")
    if wave.rows:
        yield "## 1,000 in flight, a provider that takes 200 ms\n\n5,000 calls/s is all there can be; added is over 200 ms.\n"
        found = [
            [
                *_who(who),
                _number(wave.median(who, "calls_per_s")),
                _number(wave.median(who, "cpu_us")),
                *_added(wave, who),
                _number(kilobytes_in_flight(results, who)),
            ]
            for who in wave.whos()
        ]
        yield from _table(
            ["", "loop", "calls/s", "us CPU", "added p50 ms", "added p99 ms", "KB a call in flight"], found
        )
    low = results.cell("low load")
    if low.rows:
        yield "## 8 in flight, a provider that takes 200 ms\n\nOver raw is within the same round.\n"
        found = [
            [
                *_who(who),
                *_added(low, who),
                _number(low.over(who, "p50_ms")),
                _number(low.over(who, "p99_ms")),
            ]
            for who in low.whos()
        ]
        yield from _table(["", "loop", "added p50 ms", "added p99 ms", "p50 over raw", "p99 over raw"], found)


def _cpu_rows(cell: Cell) -> Iterator[list[str]]:
    for who in cell.whos():
        costs = cell.values(who, "cpu_us")
        spread = f"{statistics.median(costs):,.0f} ({min(costs):,.0f} to {max(costs):,.0f})"
        yield [*_who(who), spread, _number(cell.ratio(who)), _number(cell.median(who, "calls_per_s"))]


def _added(cell: Cell, who: Who) -> list[str]:
    return [
        "-" if (found := cell.median(who, name)) is None else _number(found - 200)
        for name in ("p50_ms", "p99_ms")
    ]


def _files(results: Results) -> Iterator[str]:
    rows = results.where(section="files")
    if not rows:
        return
    yield "## A file through the command line\n\nEach command from its start to its end, 64 in flight where nothing else is said.\n"
    yield from _table(
        ["records", "command", "s", "records/s", "us CPU a record", "peak MB", "ledger bytes a record"],
        [
            [
                f"{row['records']:,}" + ("" if row["in_flight"] == 64 else f", {row['in_flight']} in flight"),
                row["what"],
                *(
                    _number(row[name])
                    for name in ("wall_s", "records_per_s", "cpu_us", "peak_rss_mb", "ledger_bytes")
                ),
            ]
            for row in rows
        ],
    )


def _rest(results: Results) -> Iterator[str]:
    if reused := results.where(section="reuse"):
        yield "## An answer that the ledger holds\n\n`await step(record)`, one at a time.\n"
        yield from _table(
            ["", "us CPU", "p50 us", "p99 us"],
            [
                [
                    what,
                    *(
                        _number(scale * _median(reused, what, name))
                        for name, scale in (("cpu_us", 1), ("p50_ms", 1_000), ("p99_ms", 1_000))
                    ),
                ]
                for what in dict.fromkeys(row["what"] for row in reused)
            ],
        )
    if shared := results.where(section="processes"):
        yield (
            "## Several processes on one SQLite file\n\n64 in flight each, on all cores. The lock is what is shipped; busy is "
            "SQLite's own busy handler in its place. The least share is what the slowest did of what the fastest did while all "
            "were at work.\n"
        )
        names = ("calls_per_s", "least_share", "cpu_us", "p50_ms", "p99_ms", "worst_ms")
        found = [
            [
                str(count),
                store,
                *(
                    _number(
                        statistics.median(
                            row[name] for row in shared if (row["processes"], row["store"]) == (count, store)
                        )
                    )
                    for name in names
                ),
            ]
            for count, store in dict.fromkeys((row["processes"], row["store"]) for row in shared)
        ]
        yield from _table(
            ["processes", "turns by", "calls/s", "least share", "us CPU", "p50 ms", "p99 ms", "worst ms"],
            found,
        )
    for row in results.where(section="install", what="roadworthy"):
        yield f"## Installation\n\n{row['mb']} MB in {row['distributions']} distributions, without bytecode.\n"


def _median(rows: Iterable[Row], what: str, name: str) -> float:
    found: list[float] = [row[name] for row in rows if row["what"] == what]
    return statistics.median(found)


def _peers(results: Results) -> Iterator[str]:
    cell = results.cell("cpu 64", "peers")
    if not cell.rows:
        return
    wave, low = results.cell("wave 1000", "peers"), results.cell("low load", "peers")
    yield (
        "## Peers\n\nAt their newest versions, each as its own pages say; none of them keeps anything. Added is over the 200 ms "
        "of the provider. Curator takes whole data sets, so single calls cannot be timed.\n"
    )
    for row in results.where(section="peers stamp"):
        yield f"Measured {row['date']} in turns with the yardstick and Roadworthy, tree {row['tree']}.\n"
    found = []
    for who in sorted(cell.whos(), key=lambda who: cell.median(who, "cpu_us") or 0.0):
        peer = who[0].removeprefix("peer ")
        found.append(
            [
                _peer_name(results, who),
                _number(cell.median(who, "cpu_us")),
                _number(cell.ratio(who)),
                _number(cell.ratio(who, to=SHIPPED)),
                " / ".join(_added(low, who)),
                _number(wave.median(who, "calls_per_s")),
                _number(kilobytes_in_flight(results, who, "peers")),
                _one(results, peer, "import", "cpu_ms"),
                _size(results, peer),
            ]
        )
    head = [
        "",
        "us CPU",
        "x yardstick",
        "x Roadworthy",
        "8 x 200 ms: added p50 / p99 ms",
        "1,000 x 200 ms: calls/s",
    ]
    yield from _table([*head, "KB a call in flight", "import ms CPU", "MB in distributions"], found)


def _peer_name(results: Results, who: Who) -> str:
    subject, loop = who
    if not subject.startswith("peer "):
        return f"{NAMES[subject]}, {loop}" if subject == SHIPPED[0] else NAMES[subject]
    peer = subject.removeprefix("peer ")
    known = {
        "pydantic_ai": "pydantic-ai-slim",
        "langchain": "langchain-openai",
        "curator": "bespokelabs-curator",
    }
    distribution = known.get(peer, peer.partition("_")[0])
    for row in results.where(section="peers", what="install", peer=peer):
        return f"{peer.replace('_', ' ')} {row['versions'].get(distribution, '')}".strip()
    return peer


def _size(results: Results, peer: str) -> str:
    for row in results.where(section="peers", what="install", peer=peer):
        return f"{row['mb']:,.0f} in {row['distributions']}"
    return "-"


def _one(results: Results, peer: str, what: str, name: str) -> str:
    return next((_number(row[name]) for row in results.where(section="peers", what=what, peer=peer)), "-")


def _broken(results: Results) -> Iterator[str]:
    if errors := results.errors():
        yield "## What could not be measured\n"
        for row in errors:
            what = " ".join(
                str(row[name]) for name in ("section", "cell", "what", "peer", "subject") if name in row
            )
            last = re.sub(
                r"(/[\w.@+-]+){2,}/", "", row["error"].replace(str(ROOT), "").strip().splitlines()[-1]
            )
            yield f"- {what}: `{last[:300]}`"
        yield ""


def _cpu_picture(results: Results) -> str:
    values: dict[str, float] = {}
    for cell in (results.cell("cpu 64"), results.cell("cpu 64", "peers")):
        for who in cell.whos():
            if (who == SHIPPED or who[1] == "asyncio") and (found := cell.median(who, "cpu_us")) is not None:
                values.setdefault(_peer_name(results, who).replace("`", ""), found)
    ours = [name for name in values if name.startswith("Roadworthy")]
    title = "CPU a validated call, 64 in flight"
    return (
        bars(title, "microseconds", dict(sorted(values.items(), key=lambda v: v[1])), ours) if values else ""
    )


def _growth_picture(results: Results) -> str:
    runs = [row for row in results.where(section="files", what="run") if row["in_flight"] == 64]
    if len(runs) < 2:
        return ""
    series = {"peak memory": [(row["records"], row["peak_rss_mb"]) for row in runs]}
    return lines("Peak memory of a run as the file grows", "MB by records in the file", series)


def _who(who: Who) -> list[str]:
    return [NAMES.get(who[0], who[0]), who[1]]


def _goal(limit: float, unit: str, *, least: bool) -> str:
    return f"{'>=' if least else '<='} {_number(limit)} {unit}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
