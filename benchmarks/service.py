"""The service under load: an open loop of callers, a provider that takes 200 ms, one core for the service.

python -m benchmarks.service [--out FILE] [--quick] [--no-peer]

What is measured, each in turn for the records door, the door for OpenAI clients and LiteLLM's proxy (newest version, in an
environment of its own, the same provider): the most it can sustain, what it adds at half of that, what it does at twice
that, and `/healthz` while a thousand callers send a byte now and then.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.arrivals import Door
from benchmarks.child import Broke, Child, Row, note, start
from benchmarks.command import APP, environ
from benchmarks.machine import CLIENT_CORE, PROVIDER_CORE, ROOT, stamp
from benchmarks.provider import start_provider
from benchmarks.proxy import start_proxy
from benchmarks.slow import slow_callers

RESULTS = ROOT / ".bench" / "service.jsonl"
DELAY_MS = 200
STEP, TRIES = 0.8, 6
"""A rate is sustained when every request is answered and 99 in 100 within a second; else the next one is a fifth lower."""
SUSTAINED_P99_MS = 1_000.0


@dataclass(frozen=True, slots=True)
class Extent:
    """How long each phase is, seconds, and how often all of them are gone through."""

    rounds: int
    find: float
    hold: float
    slow: float


FULL, QUICK = Extent(3, 6.0, 12.0, 10.0), Extent(1, 4.0, 5.0, 6.0)
MINUTES_MAX = 18.0
"""No further round begins that would, like the longest before it, end later than this."""


@dataclass(frozen=True, slots=True)
class Running:
    """A service that listens, and what its process has used."""

    name: str
    port: int
    pid: int
    door: Door

    def cpu_s(self) -> float:
        """CPU of the process, from /proc."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Memory that is resident now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


@contextmanager
def start_service(url: str, door: str, python: str = sys.executable) -> Iterator[Running]:
    """`roadworthy serve` on the client's core, with a ledger of its own; pinned before it starts a thread."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [
                "/usr/bin/taskset",
                "-c",
                str(CLIENT_CORE),
                python,
                "-m",
                "roadworthy",
                "serve",
                str(APP),
                "--port",
                "0",
                "--json",
            ],
            cwd=place,
            env=environ(url),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            port = int(json.loads(process.stdout.readline())["url"].rpartition(":")[2])
            path = "/v1/records/triage" if door == "records" else "/v1/chat/completions"
            where = Door(port, path, door, PROVIDER_CORE, model="triage")
            yield Running(f"roadworthy, {door}", port, process.pid, where)
        finally:
            process.terminate()
            try:
                process.communicate(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def phase(running: Running, caller: Child, **asked: float) -> Row:
    """One phase, with what the service's process used in it."""
    before, began = running.cpu_s(), time.perf_counter()
    caller.tell(json.dumps(asked))
    said = caller.hear()
    wall = time.perf_counter() - began
    answered = said["statuses"].get("200", 0)
    cpu = running.cpu_s() - before
    return {
        "subject": running.name,
        **said,
        "cpu_us_a_record": round(cpu / answered * 1e6, 1) if answered else None,
        "core_busy": round(cpu / wall, 3),
        "rss_mb": round(running.rss_mb(), 1),
    }


def sustains(row: Row) -> bool:
    """Whether this rate can go on for ever, as far as one phase shows."""
    return set(row["statuses"]) == {"200"} and not row["unanswered"] and row["ok_p99_ms"] <= SUSTAINED_P99_MS


def measured(running: Running, extent: Extent) -> Iterator[Row]:
    """The phases of one service."""
    with start("benchmarks.arrivals", json.dumps(asdict(running.door))) as caller:
        phase(running, caller, callers=16, seconds=extent.find / 2)  # warm
        row = phase(running, caller, callers=400, seconds=extent.find)
        yield {"phase": "400 callers", **row}
        rate = max(1.0, row["answered_per_s"])
        for _ in range(TRIES):
            row = phase(running, caller, rate=rate, seconds=extent.hold)
            yield {"phase": "tried", "sustained": sustains(row), **row}
            if sustains(row):
                break
            rate *= STEP
        yield {"phase": "half", **phase(running, caller, rate=rate / 2, seconds=extent.hold)}
        yield {"phase": "twice", **phase(running, caller, rate=rate * 2, seconds=extent.hold)}
        yield {"phase": "after", **phase(running, caller, rate=rate / 2, seconds=extent.hold / 2)}


def straight(url: str, extent: Extent) -> Row:
    """The callers straight at the provider: what there is without anything between."""
    port = int(url.rpartition(":")[2])
    door = Door(port, "/json/v1/chat/completions", "chat", PROVIDER_CORE, schema=True)
    with start("benchmarks.arrivals", json.dumps(asdict(door))) as caller:
        caller.tell(json.dumps({"rate": 300, "seconds": extent.find}))
        return {"phase": "half", "subject": "no service", **caller.hear()}


def shown(row: Row) -> str:
    """One line for a person."""
    rate = row.get("rate") or row.get("callers")
    return (
        f"{row['subject']:22} {row['phase']:12} {rate:8.0f} asked {row['answered_per_s']:8.1f}/s  {row['statuses']}  "
        f"p50 {row['ok_p50_ms']} p99 {row['ok_p99_ms']} ms, late p99 {row['late_p99_ms']} ms, "
        f"{row.get('cpu_us_a_record')} us CPU, core {row.get('core_busy')}, {row.get('rss_mb')} MB"
    )


def sections(extent: Extent, subjects: list[str]) -> Iterator[Row]:
    """Everything, in turns, so that the machine's moods hit all alike."""
    ends, longest = time.monotonic() + 60 * MINUTES_MAX, 0.0
    with start_provider(DELAY_MS) as provider:
        yield from _slow(provider.url, extent, subjects)
        for number in range(extent.rounds):
            if (began := time.monotonic()) + longest > ends:
                note(
                    f"{number} of {extent.rounds} rounds: the next one would end after {MINUTES_MAX:g} minutes"
                )
                break
            row = {"round": number, **straight(provider.url, extent)}
            note(shown(row))
            yield row
            for subject in subjects:
                for row in _turn(subject, provider.url, extent):
                    yield {"round": number, **row}
            longest = max(longest, time.monotonic() - began)


def _turn(subject: str, url: str, extent: Extent) -> Iterator[Row]:
    """One service's turn; a peer that does not start, or breaks, is told of and the others go on."""
    peer = subject == "litellm"
    try:
        with start_proxy(url) if peer else start_service(url, subject) as running:
            for row in measured(running, extent):
                note(shown(row))
                yield row
    except Broke as broke:
        if not peer:
            raise
        note(str(broke))
        yield {"phase": "broke", "subject": "litellm proxy", "error": str(broke)}


def _slow(url: str, extent: Extent, subjects: list[str]) -> Iterator[Row]:
    """A thousand slow callers before one service."""
    for subject in [one for one in subjects if one != "litellm"][:1]:
        with start_service(url, subject) as running:
            row = slow_callers(running.port, 1_000, extent.slow)
            note(json.dumps(row))
            yield {"phase": "slow", "subject": running.name, **row}


def main() -> None:
    """Measure, and write the lines."""
    parser = argparse.ArgumentParser(description="the service under load")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--subjects", default="records,chat,litellm")
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 16)), hard)
    )  # a slow caller is a file
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("w", encoding="utf-8") as out:
        for row in [{"section": "service stamp", **stamp()}]:
            out.write(json.dumps(row) + "\n")
        for row in sections(QUICK if given.quick else FULL, given.subjects.split(",")):
            out.write(json.dumps({"section": "service", **row}) + "\n")
            out.flush()
    note(f"results: {given.out}")


if __name__ == "__main__":
    main()
