"""Where the CPU of a call goes: by thread, then by function within each thread.

python -m benchmarks.profile [--calls 8000] [--in-flight 64] [--top 25] [--subject roadworthy]

Threads are measured without a profiler. Functions are sampled by py-spy where it is installed (`pip install py-spy`),
and each thread's measured CPU is shared out by its samples. Elsewhere cProfile counts, which adds some tenths of a
microsecond to every call of a function, so that small functions look dearer than they are, and which counts waiting for
the disk and the interpreter's lock too.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks import product
from benchmarks.child import call, here
from benchmarks.machine import ROOT
from benchmarks.measure import Spec, measured, run
from benchmarks.provider import start_provider

LOOP, WRITER, NATIVE = "MainThread", "roadworthy-ledger", "native threads (the transport's)"
_SAMPLES_PER_S = 997
_APART = re.compile(r";(_find_and_load|write_tickets) ")


def thread_cpu_s() -> dict[str, float]:
    """CPU seconds so far by thread name, from /proc; threads that Python did not start are summed up."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found: dict[str, float] = {}
    for place in Path("/proc/self/task").iterdir():
        name = re.sub(r"_\d+$", "", names.get(int(place.name), NATIVE))
        found[name] = found.get(name, 0.0) + int((place / "schedstat").read_text().split()[0]) / 1e9
    return found


def around_the_last_job(before: Callable[[], object], after: Callable[[], object]) -> None:
    """Call `before` and `after` around each job of the product; the measured one is the last."""
    run_job = product.run_job

    async def watched(*given: Any) -> Any:
        before()
        try:
            return await run_job(*given)
        finally:
            after()

    setattr(product, "run_job", watched)  # noqa: B010 - in this process alone


def by_thread(spec: Spec, calls: int) -> dict[str, Any]:
    """CPU microseconds a call of each thread, and of all."""
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    around_the_last_job(lambda: before.update(thread_cpu_s()), lambda: after.update(thread_cpu_s()))
    taken = run(spec.loop, measured(spec, calls))
    threads = {name: (used - before.get(name, 0.0)) / taken.calls * 1e6 for name, used in after.items()}
    return {"threads": threads, **taken.as_json()}


def sampled(spec: Spec, calls: int, spy: Path) -> dict[str, list[tuple[float, float, str]]]:
    """Rows of (own share, share with callees, function) by thread, from py-spy."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "stacks"
        line = [
            str(spy),
            "record",
            "-r",
            str(_SAMPLES_PER_S),
            "-F",
            "-f",
            "raw",
            "-t",
            "-o",
            str(place),
            "--",
        ]
        work = [sys.executable, "-m", "benchmarks.measure", json.dumps(asdict(spec))]
        subprocess.run([*line, *work], cwd=ROOT, check=True, capture_output=True, input=f"{calls}\n".encode())  # noqa: S603 - the profiler
        stacks = list(_stacks(place.read_text()))
    found = {}
    for thread in {thread for thread, _frames, _count in stacks}:
        own: Counter[str] = Counter()
        within: Counter[str] = Counter()
        for name, frames, count in stacks:
            if name == thread:
                own[frames[-1]] += count
                within.update(dict.fromkeys(frames, count))
        total = own.total()
        found[thread] = [(own[f] / total, within[f] / total, f) for f, _ in own.most_common()]
    return found


def _stacks(text: str) -> Iterator[tuple[str, list[str], int]]:
    """Each stack of work: the thread's name, its functions from outside in, the samples."""
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        head, *frames = stack.split(";")
        name = re.sub(r"^thread \([0-9A-Fx]+\):? ?|_\d+$", "", head) or LOOP
        if frames and not _APART.search(stack):
            yield name, [_short(frame) for frame in frames], int(count)


def _short(frame: str) -> str:
    found = re.fullmatch(r"(.*) \((.*?)(?::(\d+))?\)", frame)
    if found is None:
        return frame
    return f"{_place(found[2])}{':' + found[3] if found[3] else ''} {found[1]}"


def _place(file: str) -> str:
    parts = Path(file).parts
    start = next((at + 1 for at, part in enumerate(parts) if part in {"src", "site-packages", ROOT.name}), -2)
    return "/".join(parts[start:])


class Counting:
    """cProfile in each Python thread that starts while it is active, by the thread's name."""

    def __init__(self) -> None:
        self.by_thread: dict[str, cProfile.Profile] = {}

    def begin(self) -> None:
        """Count in this thread and in every later one."""
        threading.setprofile(self._begin)
        self._enable()

    def _begin(self, _frame: FrameType, _event: str, _given: Any) -> None:
        sys.setprofile(None)
        self._enable()

    def _enable(self) -> None:
        profile = self.by_thread[threading.current_thread().name] = cProfile.Profile()
        profile.enable()


def counted(spec: Spec, calls: int) -> dict[str, list[tuple[float, float, str]]]:
    """Rows as `sampled` gives them, from cProfile."""
    counting = Counting()
    counting.begin()
    asyncio.run(measured(spec, calls))
    found = {}
    for name, profile in counting.by_thread.items():
        profile.disable()
        stats: Any = pstats.Stats(profile)
        total = sum(row[2] for row in stats.stats.values()) or 1.0
        rows = [
            (own / total, within / total, f"{_place(where[0])}:{where[1]} {where[2]}")
            for where, (_primitive, _count, own, within, _callers) in stats.stats.items()
        ]
        found[re.sub(r"_\d+$", "", name)] = sorted(rows, reverse=True)
    return found


def main() -> None:
    """Measure by thread, then by function, each in a process of its own."""
    parser = argparse.ArgumentParser(description="Where the CPU of a call goes")
    parser.add_argument("--calls", type=int, default=8_000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--top", type=int, default=25)
    parser.add_argument("--subject", default="roadworthy")
    parser.add_argument("--part", choices=("threads", "functions"), help=argparse.SUPPRESS)
    parser.add_argument("--spec", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        spec = Spec(**json.loads(given.spec))
        os.sched_setaffinity(0, {spec.core})
        part = by_thread if given.part == "threads" else counted
        print(json.dumps(part(spec, given.calls)))
        return
    with start_provider() as provider:
        spec = here(given.subject, provider.url, given.in_flight)
        words = ("--spec", json.dumps(asdict(spec)), "--calls", str(given.calls))
        threads = call("benchmarks.profile", "--part", "threads", *words)
        spy = Path(sys.executable).with_name("py-spy")
        if spy.exists():
            functions = sampled(spec, given.calls, spy)
        else:
            functions = call("benchmarks.profile", "--part", "functions", *words)
    show(threads, functions, given.top)


def show(
    measured_threads: dict[str, Any], functions: dict[str, list[tuple[float, float, str]]], top: int
) -> None:
    """Print threads, then functions."""
    threads: dict[str, float] = measured_threads["threads"]
    print(f"{measured_threads['cpu_us']:.1f} us CPU a call, {measured_threads['calls_per_s']:,.0f} calls/s")
    for name, used in sorted(threads.items(), key=lambda item: -item[1]):
        print(f"  {used:8.1f} us  {name}")
    for name, rows in sorted(functions.items(), key=lambda item: -threads.get(item[0], 0.0)):
        used = threads.get(name, 0.0)
        if used < 1:
            continue
        print(f"\n{name}: {used:.1f} us a call\n    own us   with callees us")
        for own, within, where in rows[:top]:
            print(f"  {own * used:8.2f}  {within * used:16.2f}   {where}")


if __name__ == "__main__":
    main()
