"""Measurements as child processes: one at a time, in interleaved rounds, so that the machine's moods hit all alike."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.machine import CLIENT_CORE, ROOT
from benchmarks.measure import Spec

TIMEOUT_S = 300


class Broke(Exception):
    """A measurement did not end well; says what its process said."""


def measure(
    spec: Spec, python: str = sys.executable, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """One measurement in a process of its own.

    Raises:
        Broke: it failed or took longer than `TIMEOUT_S`.
    """
    return call("benchmarks.measure", json.dumps(asdict(spec)), python=python, environ=environ)


def call(
    module: str, *words: str, python: str = sys.executable, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a module of this package; the JSON object on its last line.

    Raises:
        Broke: it failed or took longer than `TIMEOUT_S`.
    """
    line = [python, "-m", module, *words]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            line, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=ROOT, env=environ
        )
    except subprocess.TimeoutExpired as late:
        raise Broke(f"{module} took longer than {TIMEOUT_S} s") from late
    if done.returncode != 0:
        raise Broke(f"{module} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def rounds(specs: Sequence[Spec], count: int) -> list[dict[str, Any]]:
    """Each spec measured `count` times: A B C A B C."""
    found = []
    for number in range(count):
        for spec in specs:
            found.append({"round": number, **measure(spec)})
            sys.stderr.write(f"{shown(found[-1])}\n")
    return found


def here(subject: str, url: str, in_flight: int, calls: int, loop: str = "asyncio") -> Spec:
    """A spec on the client's core."""
    return Spec(subject=subject, url=url, in_flight=in_flight, calls=calls, loop=loop, core=CLIENT_CORE)


def shown(row: Mapping[str, Any]) -> str:
    """One line for a person."""
    return (
        f"{row['round']}  {row['subject']:24} {row['loop']:8} {row['in_flight']:5} in flight "
        f"{row['cpu_us']:8.1f} us CPU a call {row['calls_per_s']:9,.0f}/s  p50 {row['p50_ms']:8.2f} "
        f"p99 {row['p99_ms']:8.2f} ms  {row['peak_rss_mb']:6.1f} MB"
    )
