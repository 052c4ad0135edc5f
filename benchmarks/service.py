"""The service under load: an open loop of callers, a provider that takes 200 ms, one core for the service.

python -m benchmarks.service [--out FILE] [--quick] [--subjects records,chat,litellm]

What is measured, in turns for the records door, the door for OpenAI clients and LiteLLM's proxy (newest version, in an
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
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.arrivals import Door
from benchmarks.child import Broke, Child, Row, note, start
from benchmarks.command import APP, environ
from benchmarks.machine import CLIENT_CORE, PROVIDER_CORE, ROOT, stamp
from benchmarks.provider import start_provider
from benchmarks.proxy import PROXY, start_proxy
from benchmarks.slow import slow_callers

RESULTS = ROOT / ".bench" / "service.jsonl"
DELAY_MS = 200
PEER = "litellm"
STEP, TRIES = 0.85, 5
"""A rate is sustained when every request is answered and 99 in 100 within a second. The next one to try is this much of it
where it is not, and as much above it where it is, until one was and one was not."""
SUSTAINED_P99_MS = 1_000.0


@dataclass(frozen=True, slots=True)
class Extent:
    """How long each phase is, seconds, and how often all of them are gone through."""

    rounds: int
    find: float
    hold: float
    slow: float


FULL, QUICK = Extent(3, 5.0, 8.0, 10.0), Extent(1, 2.0, 2.0, 2.0)
MINUTES_MAX = 12.0
"""No round begins that would, like the longest before it, end later than this after the services stand, and no phase later."""


class Clock:
    """How much of the time for all of it is left."""

    def __init__(self, minutes: float) -> None:
        self._ends = time.monotonic() + 60 * minutes

    @property
    def left_s(self) -> float:
        """Seconds; negative where it is over."""
        return self._ends - time.monotonic()


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
            if not (line := process.stdout.readline()):
                raise Broke(f"the service for {door} did not start")
            port = int(json.loads(line)["url"].rpartition(":")[2])
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


def measured(running: Running, caller: Child, extent: Extent, clock: Clock, known: float) -> Iterator[Row]:
    """The phases of one service, as far as there is time.

    Args:
        caller: who sends; the same one for all rounds, so that no record comes twice.
        known: a rate that it held before; 0 where it was not asked yet.
    """

    def left(**asked: float) -> Row | None:
        return phase(running, caller, **asked) if clock.left_s > asked["seconds"] else None

    phase(running, caller, callers=16, seconds=extent.find / 2)  # warm
    if (row := left(callers=400, seconds=extent.find)) is None:
        return
    yield {"phase": "400 callers", **row}
    rate, held, failed = known or max(1.0, row["pace_per_s"]), 0.0, False
    for _ in range(TRIES):
        if (row := left(rate=rate, seconds=extent.hold)) is None:
            return
        yield {"phase": "tried", "sustained": sustains(row), **row}
        if sustains(row):
            held = rate
        else:
            failed = True
        if held and failed:
            break
        rate = rate / STEP if held else rate * STEP
    rate = held or rate
    for name, part, seconds in (("half", 0.5, 1.0), ("twice", 2.0, 1.0), ("after", 0.5, 0.5)):
        if (row := left(rate=rate * part, seconds=extent.hold * seconds)) is not None:
            yield {"phase": name, **row}


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
    """Everything, in turns, so that the machine's moods hit all alike. Who breaks is told of, and the others go on."""
    with ExitStack() as stack:
        provider = stack.enter_context(start_provider(DELAY_MS))
        running: list[tuple[Running, Child]] = []
        for subject in subjects:
            try:
                starting = (
                    start_proxy(provider.url) if subject == PEER else start_service(provider.url, subject)
                )
                one = stack.enter_context(starting)
                caller = stack.enter_context(start("benchmarks.arrivals", json.dumps(asdict(one.door))))
                running.append((one, caller))
            except Broke as broke:
                yield _broke(PROXY if subject == PEER else f"roadworthy, {subject}", 0, broke)
                continue
            if len(running) == 1 and subject != PEER:
                yield _slow(one, extent)
        yield from _rounds(running, provider.url, extent, Clock(MINUTES_MAX))


def _rounds(running: list[tuple[Running, Child]], url: str, extent: Extent, clock: Clock) -> Iterator[Row]:
    longest, known = 0.0, dict.fromkeys((one.name for one, _ in running), 0.0)
    for number in range(extent.rounds):
        if clock.left_s < longest:
            note(f"{number} of {extent.rounds} rounds: the next one would end after {MINUTES_MAX:g} minutes")
            return
        began = clock.left_s
        yield _noted({"round": number, **straight(url, extent)})
        for one, caller in list(running):
            try:
                for row in measured(one, caller, extent, clock, known[one.name]):
                    if row.get("sustained"):
                        known[one.name] = row["rate"]
                    yield _noted({"round": number, **row})
            except (Broke, OSError) as broke:
                running.remove((one, caller))
                yield _broke(one.name, number, broke)
        longest = max(longest, began - clock.left_s)


def _noted(row: Row) -> Row:
    note(shown(row))
    return row


def _broke(subject: str, number: int, broke: Exception) -> Row:
    note(f"{subject}: {broke}")
    return {"phase": "broke", "subject": subject, "round": number, "error": str(broke)}


def _slow(running: Running, extent: Extent) -> Row:
    """A thousand slow callers before one service; they have the other core, as all callers do."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {PROVIDER_CORE})
    try:
        row = {"phase": "slow", "subject": running.name, **slow_callers(running.port, 1_000, extent.slow)}
    finally:
        os.sched_setaffinity(0, cores)
    note(json.dumps(row))
    return row


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
    broke = False
    with given.out.open("w", encoding="utf-8") as out:
        for row in [{"section": "service stamp", **stamp()}]:
            out.write(json.dumps(row) + "\n")
        for row in sections(QUICK if given.quick else FULL, given.subjects.split(",")):
            out.write(json.dumps({"section": "service", **row}) + "\n")
            out.flush()
            broke = broke or (row["phase"] == "broke" and row["subject"] != PROXY)
    note(f"results: {given.out}")
    sys.exit(broke)


if __name__ == "__main__":
    main()
