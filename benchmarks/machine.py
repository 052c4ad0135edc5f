"""The machine: which core does what, and what a result must be stamped with."""

from __future__ import annotations

import datetime as dt
import os
import platform
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_CORES = sorted(os.sched_getaffinity(0))
CLIENT_CORE, PROVIDER_CORE = _CORES[0], _CORES[-1]
"""What is measured has a core for itself, the provider another one, where the machine has two."""
_LIBRARIES = ("roadworthy", "pydantic", "pyreqwest", "aiohttp", "orjson", "uvloop")


def stamp() -> dict[str, Any]:
    """Machine, load, versions, date and the state of the tree."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_version()} ({platform.python_compiler()})",
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "tree": _tree(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _tree() -> str:
    line = ["git", "describe", "--always", "--dirty", "--tags"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - git itself
    return done.stdout.strip() or "unknown"
