"""Many runs over two processes, each kept in a file as it ends, so that a benchmark that was cut off goes on."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.doubt.page import ROOT

KEPT = ROOT / "build" / "doubt"
SOURCES = ("src/roadworthy/learn", "benchmarks/doubt")
Result = dict[str, Any]


def source_hash() -> str:
    """Another code is another measurement: its runs are kept apart."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def run_all(piece: str, work: Callable[[Any], Result], tasks: Sequence[tuple[Any, ...]]) -> list[Result]:
    """The result of each task, in order. A result is a dictionary that JSON can hold."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{piece}-{source_hash()}.jsonl"
    done: dict[str, Result] = {}
    if path.exists():
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # a last line without its end was cut off
        done = {row["task"]: row["result"] for row in map(json.loads, lines)}
    left = [task for task in tasks if json.dumps(task) not in done]
    with path.open("a", encoding="utf-8") as kept, multiprocessing.get_context("fork").Pool(2) as pool:
        pairs = zip(left, pool.imap(work, left), strict=True)
        for task, result in pairs:
            done[json.dumps(task)] = result
            kept.write(json.dumps({"task": json.dumps(task), "result": result}) + "\n")
            kept.flush()
    return [done[json.dumps(task)] for task in tasks]
