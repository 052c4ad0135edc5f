"""The real provider, within a budget: the one part of a road test that leaves the machine, and only where it is asked to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from roadworthy._quick import quick
from roadworthy._settings import read_settings
from roadworthy.observe.report import wilson
from roadworthy.vet.road.faithful import Variant, same_answer, variants, without
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.mess.operator import named
from roadworthy.vet.road.mess.words import KEEPING

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench, Sample

MODEL: Final = "The model itself answers the same when a record is said differently."
STAGES_LIVE: Final = 2
"""Stages that ask the real provider; each may spend its part of the budget."""
_DRESSES: Final = ("lower-case", "white-space", "typos", "greeting", "footer")
_RECORDS: Final = 12
_PAIRS_MIN: Final = 10
_SHOWN: Final = 5
_TIMEOUT_S: Final = 1_800.0
_SAID_BYTES: Final = 2_000


@quick(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """What the real provider's answers came to.

    Attributes:
        rows: the output's rows, in input order.
        cost_usd: what it cost by the app's own accounts.
        status: the command's exit status; 3 where the budget ended it.
    """

    rows: tuple[Mapping[str, Any], ...]
    cost_usd: Decimal
    status: int | None
    said: str


def run_live(bench: Bench, lines: Sequence[bytes]) -> LiveRun:
    """Run the app as it is, with the keys and the provider of this process's environment, on a ledger of its own.

    A stage's part of the budget is the run's cap: the worst case of each request is reserved before it is sent.
    """
    cap = Decimal(bench.live_usd) / STAGES_LIVE
    with tempfile.TemporaryDirectory(prefix="roadworthy-live-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / "app"
        shutil.copytree(bench.folder, folder, symlinks=True)
        (folder / "input.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        words = ["run", bench.target, "input.jsonl", "-o", "out.jsonl", "--json", "--budget-usd", f"{cap:f}"]
        environ = {**os.environ, "ROADWORTHY_LEDGER": str(folder / "live.db")}
        process = subprocess.Popen(  # noqa: S603 - the command is ours; what it loads is the user's own code
            [sys.executable, "-m", "roadworthy", *words],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process, bench.halt.holding(process.terminate):
            try:
                printed, said = process.communicate(timeout=_TIMEOUT_S)
                status: int | None = process.returncode
            except subprocess.TimeoutExpired:
                process.kill()
                printed, said = process.communicate()
                status = None
        out = folder / "out.jsonl"
        rows = tuple(orjson.loads(line) for line in out.read_bytes().splitlines()) if out.exists() else ()
    summary: Mapping[str, Any] = {}
    with suppress(orjson.JSONDecodeError, IndexError):
        summary = orjson.loads(printed.splitlines()[-1])
    cost = Decimal(str(summary.get("job_cost_usd", "0")))
    return LiveRun(
        rows=rows, cost_usd=cost, status=status, said=said[-_SAID_BYTES:].decode("utf-8", "replace")
    )


def model_consistency(bench: Bench, samples: Sequence[Sample], fixed: frozenset[str]) -> Iterator[Finding]:
    """The share of records whose answer survives another dress, from the real provider."""
    entries = list(variants(bench, samples[: bench.count(_RECORDS, least=4)], named(KEEPING, _DRESSES)))
    ran = run_live(bench, [entry.line for entry in entries])
    told = compared(bench, entries, ran.rows, fixed)
    if len(told) < _PAIRS_MIN:
        yield not_tested(
            "model",
            MODEL,
            f"{len(told)} pairs of answers can be compared, {_PAIRS_MIN} are needed: the run ended with status {ran.status}, "
            f"or answers are free text alone. {ran.said[-200:]}",
            advice="Give --live a larger budget.",
        )
        return
    kept = sum(same for _, same, _ in told)
    low, high = wilson(kept, len(told))
    least = read_settings().consistency_min
    grade = Grade.PASS if low >= least else Grade.FAIL if high < least else Grade.NOT_TESTED
    yield Finding(
        name="model",
        promise=MODEL,
        tried=f"{len({entry.of for entry, _, _ in told})} records in up to {len(_DRESSES)} other dresses, asked of the real provider; "
        "free texts are compared by being there, not by their words",
        times=len(told),
        happened=f"{kept} of {len(told)} accepted answers survive ({kept / len(told):.1%}; 95 %: {low:.1%} to {high:.1%}); "
        f"at least {least:.0%} must." + (" Too few to say." if grade is Grade.NOT_TESTED else ""),
        grade=grade,
        evidence=tuple(line for _, same, line in told if not same)[:_SHOWN],
        measured=(f"it cost {ran.cost_usd:f} USD",),
        reproduce=f"{bench.again('consistency')}",
        advice=""
        if grade is Grade.PASS
        else "Say in the instructions what decides, or let a second model confirm (confidence=).",
    )


def compared(
    bench: Bench, entries: Sequence[Variant], rows: Sequence[Mapping[str, Any]], fixed: frozenset[str]
) -> list[tuple[Variant, bool, str]]:
    """Each changed record whose original was accepted and is more than free text: whether its answer is the same."""
    doubts = [path for step in bench.declared.steps for path in step.doubts]
    before: dict[str, Any] = {}
    told = []
    for entry, row in zip(entries, rows, strict=False):
        value = _bones(without(row["value"], doubts), fixed) if row["outcome"] == "accepted" else None
        if not entry.operator:
            if _says_something(value):
                before[entry.of] = value
        elif entry.of in before and row["outcome"] in {"accepted", "failed", "waiting"}:
            if row["outcome"] == "waiting" and "review" not in str(row["reason"]):
                continue  # the budget ended before its turn came
            same = row["outcome"] == "accepted" and same_answer(
                before[entry.of], value, entry.original, entry.text
            )
            line = f"{entry.of}, {entry.operator}: {before[entry.of]!r} became {row['outcome']} {value!r}"[
                :300
            ]
            told.append((entry, same, line))
    return told


def _bones(value: Any, fixed: frozenset[str]) -> Any:
    """An answer with its free texts replaced by whether there are any."""
    if isinstance(value, dict):
        return {name: _bones(inner, fixed) for name, inner in value.items()}
    if isinstance(value, list):
        return [_bones(inner, fixed) for inner in value]
    if isinstance(value, str) and value not in fixed:
        return _FREE if value.strip() else ""
    return value


_FREE: Final = "..."


def _says_something(value: Any) -> bool:
    """Whether anything is left that can be compared."""
    if isinstance(value, dict):
        return any(map(_says_something, value.values()))
    if isinstance(value, list):
        return any(map(_says_something, value))
    return value not in {None, "", _FREE}
