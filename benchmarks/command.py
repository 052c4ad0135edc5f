"""The command line as its users meet it: start, memory, a large file, the same file again, `plan` and `report`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from compileall import compile_dir
from dataclasses import dataclass
from pathlib import Path

from benchmarks import task
from benchmarks.child import Broke, Row
from benchmarks.machine import CLIENT_CORE, ROOT

TIMEOUT_S = 7_200
APP = ROOT / "benchmarks" / "app.py"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process took from start to end. Its peak memory is at least that of this process when it started."""

    cpu_s: float
    wall_s: float
    peak_rss_mb: float
    said: str


def run(line: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Ended:
    """Run a command to its end on the client's core.

    Raises:
        Broke: its status is not 0.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as words:
        began = time.perf_counter()
        process = subprocess.Popen(line, cwd=folder, env=environ, stdout=said, stderr=words)  # noqa: S603 - ours
        os.sched_setaffinity(process.pid, {CLIENT_CORE})
        late = threading.Timer(TIMEOUT_S, process.kill)
        late.start()
        _pid, status, used = os.wait4(process.pid, 0)
        late.cancel()
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words.seek(0)
        if process.returncode != 0:
            told = words.read().decode("utf-8", "replace").strip()[-2000:]
            raise Broke(f"{' '.join(line)} ended with {process.returncode}: {told}")
        return Ended(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / 1024, said.read().decode())


def environ(url: str) -> dict[str, str]:
    """The environment of a command: the provider, and nothing else of this machine's."""
    kept = {name: value for name, value in os.environ.items() if not re.match("OPENAI_|ROADWORTHY_", name)}
    return {**kept, "OPENAI_BASE_URL": f"{url}/json/v1", "PYTHONPATH": str(ROOT)}


def starts(count: int) -> Iterator[Row]:
    """CPU of a bare interpreter, of the import, of `--help`, in turns."""
    compile_dir(ROOT / "src", quiet=1)  # as an installation does; what is compiled at each start is no start
    lines = {
        "bare": [sys.executable, "-c", "pass"],
        "import": [sys.executable, "-c", "import roadworthy"],
        "help": [sys.executable, "-m", "roadworthy", "--help"],
    }
    for number in range(count):
        for name, line in lines.items():
            ended = run(line, ROOT, os.environ)
            yield {"round": number, "what": name, "cpu_ms": round(ended.cpu_s * 1e3, 1)}


def file_of(url: str, count: int, in_flight: int = 64) -> Iterator[Row]:
    """A file of `count` records from the first command to the last, in a folder of its own."""
    compile_dir(ROOT / "src", quiet=1)
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        task.write_tickets(folder / "tickets.jsonl", 0, count)
        roadworthy = [sys.executable, "-m", "roadworthy"]
        target = [str(APP), "tickets.jsonl"]
        worked = [*roadworthy, "run", *target, "-o", "out.jsonl", "--concurrency", str(in_flight), "--json"]
        commands = {
            "plan, before": [*roadworthy, "plan", *target, "--json"],
            "run": worked,
            "run again": worked,
            "plan, after": [*roadworthy, "plan", *target, "--json"],
            "report": [*roadworthy, "report", str(APP), "--json"],
        }
        for name, line in commands.items():
            ended = run(line, folder, environ(url))
            if name.startswith("run"):
                assert json.loads(ended.said)["accepted"] == count, ended.said
            yield {
                "records": count,
                "in_flight": in_flight,
                "what": name,
                "wall_s": round(ended.wall_s, 2),
                "cpu_us": round(ended.cpu_s / count * 1e6, 1),
                "records_per_s": round(count / ended.wall_s, 1),
                "peak_rss_mb": round(ended.peak_rss_mb, 1),
                "ledger_bytes": round(_ledger_bytes(folder) / count),
            }


def _ledger_bytes(folder: Path) -> int:
    return sum(place.stat().st_size for place in folder.glob("bench.db*"))
