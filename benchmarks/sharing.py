"""One of several processes that write to the same SQLite file. It says `{}` when it is warm and begins when told to.

python -m benchmarks.sharing URL FOLDER FIRST lock|busy     reads a number of records from standard input
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.child import Row, start

from roadworthy._settings import Settings

IN_FLIGHT = 64


def _busy_store() -> Any:
    from roadworthy.keep.store import SqliteStore  # noqa: PLC0415 - the product, where it is measured
    from roadworthy.keep.turn import Turn  # noqa: PLC0415 - as above

    class NoTurn(Turn):
        """Whoever asks has it."""

        @contextmanager
        def taken(self) -> Iterator[None]:
            yield

    class BusyStore(SqliteStore):
        """The ledger without its file lock, once it is open: SQLite's own busy handler decides whose turn it is."""

        def __init__(self, path: Path, settings: Settings) -> None:
            super().__init__(path, settings)
            self._turn.close()
            self._turn = NoTurn(path.with_name(path.name + ".lock"), settings.ledger_busy_s)

    return BusyStore


async def work(url: str, folder: Path, first: int, store: str) -> None:
    """Warm up, wait, work, tell."""
    from benchmarks.product import jobs  # noqa: PLC0415 - the product, where it is measured

    from roadworthy.keep.store import SqliteStore  # noqa: PLC0415 - as above

    store_class = _busy_store() if store == "busy" else SqliteStore
    async with jobs(f"{url}/json/v1", IN_FLIGHT, store_class=store_class, folder=folder) as slice_:
        await slice_(first, 2 * IN_FLIGHT)
        _say({})
        calls = int(await asyncio.to_thread(sys.stdin.readline))
        began = time.time()
        taken = await slice_(first + 2 * IN_FLIGHT, calls)
        _say(
            {"began": began, "ended_at": taken.ended_at, "latencies_s": taken.latencies_s, **taken.as_json()}
        )


def together(url: str, folder: Path, processes: int, store: str, records: int) -> Row:
    """So many processes at once; throughput and shares while all of them were at work, p99 over every record."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with ExitStack() as stack:
        children = []
        for number in range(processes):
            words = (url, str(folder), str(number * 10_000_000), store)
            children.append(stack.enter_context(start("benchmarks.sharing", *words)))
            children[-1].hear()
        for child in children:
            child.tell(str(records))
        said = [child.hear() for child in children]
    return {"processes": processes, "store": store, **_shares(said)}


def _shares(said: Sequence[Row]) -> Row:
    began = max(row["began"] for row in said)
    ended = min(max(row["ended_at"]) for row in said)
    done = [sum(began <= at <= ended for at in row["ended_at"]) for row in said]
    latencies = sorted(latency for row in said for latency in row["latencies_s"])
    return {
        "calls_per_s": round(sum(done) / (ended - began), 1),
        "least_share": round(min(done) / max(done), 3),
        "cpu_us": round(sum(row["cpu_us"] for row in said) / len(said), 1),
        "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1e3, 2),
        "worst_ms": round(latencies[-1] * 1e3, 2),
    }


def _say(row: Row) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Be one of them."""
    url, folder, first, store = sys.argv[1:]
    os.chdir(folder)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(work(url, Path(folder), int(first), store))


if __name__ == "__main__":
    main()
