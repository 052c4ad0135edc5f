"""Writes docs/service-performance.md from what `python -m benchmarks.service` measured.

python -m benchmarks.service_page [FILE]
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.proxy import PROXY as PEER
from benchmarks.service import DELAY_MS, RESULTS, SUSTAINED_P99_MS

PAGE = ROOT / "docs" / "service-performance.md"
Row = dict[str, Any]


def median(rows: Sequence[Row], name: str) -> float | None:
    """Over the rounds."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return statistics.median(values) if values else None


def number(value: float | None) -> str:
    """With as many digits as say something."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def page(rows: Sequence[Row]) -> str:
    """The whole page."""
    stamp, found = rows[0], [row for row in rows[1:] if row.get("section") == "service"]
    base = median([row for row in found if row["subject"] == "no service"], "ok_p50_ms")
    base_tail = median([row for row in found if row["subject"] == "no service"], "ok_p99_ms")
    subjects = list(dict.fromkeys(row["subject"] for row in found if row["subject"] != "no service"))
    lines = []
    for subject in subjects:
        own = [row for row in found if row["subject"] == subject]
        held = _held(own)
        half = [row for row in own if row["phase"] == "half"]
        p50, p99 = median(half, "ok_p50_ms"), median(half, "ok_p99_ms")
        cpu = median(held or half, "cpu_us_a_record")
        lines.append(
            [
                subject,
                number(median(held, "answered_per_s")),
                number(cpu),
                number(None if cpu is None else 1e6 / cpu),
                number(None if p50 is None or base is None else p50 - base),
                number(None if p99 is None or base_tail is None else p99 - base_tail),
            ]
        )
    return "\n\n".join(
        [
            "# Performance of the service",
            "Written by `python -m benchmarks.service_page` from what `python -m benchmarks.service` measured.",
            (
                f"Measured {stamp['date']} on {stamp['cores']} cores of {stamp['cpu']}, {stamp['system']}, load average "
                f"{stamp['load'][0]} when it began; Python {stamp['python']}, SQLite {stamp['sqlite']}; tree {stamp['tree']}."
            ),
            (
                f"The service has one core, the provider and the callers the other one. The provider answers after {DELAY_MS} ms. "
                "Callers arrive at random moments at a set rate, whatever happened to those before them, and a latency counts from "
                f"the moment a request was due. A rate is sustained when all are answered and 99 in 100 within {SUSTAINED_P99_MS:g} "
                "ms. Roadworthy validates each answer and keeps record, attempt, reply, money and outcome durably (SQLite, "
                "`synchronous = FULL`); LiteLLM's proxy keeps nothing. **CPU a record** is what holds on a machine that others use "
                "too; rates are what was left of this one."
            ),
            table(
                "service | sustained, records/s | CPU a record, us | records a CPU second | added at half of it: p50, ms | p99, ms",
                lines,
            ),
            "The goal is 1,000 records a second on one core.",
            *[
                f"{row['subject']} broke in round {row['round'] + 1}: `{row['error'][-200:]}`"
                for row in found
                if row["phase"] == "broke"
            ],
            *_ratios(found, subjects),
            "## At twice the rate",
            table(
                "service | asked, requests/s | answered 200 | refused 429 | others | answered/s | p99 of answers, ms | p99 of refusals, ms | memory, MB",
                [_twice(found, subject) for subject in subjects],
            ),
            "## A thousand slow callers",
            *[
                f"{row['callers']:,} callers, half of which never end their headers and half never their body: `/healthz`, asked "
                f"{row['asked']} times over connections of its own, answered in {row['healthz_p50_ms']} ms (p50), "
                f"{row['healthz_p99_ms']} ms (p99), {row['healthz_max_ms']} ms (the slowest). The goal is 100 ms. By the end the service had "
                f"hung up on {row['closed_at_end']:,} of them."
                for row in found
                if row["phase"] == "slow"
            ],
        ]
    )


def _held(own: Sequence[Row]) -> list[Row]:
    """The highest rate that was sustained in each round."""
    best: dict[int, Row] = {}
    for row in own:
        if row["phase"] == "tried" and row["sustained"]:
            best[row["round"]] = max(best.get(row["round"], row), row, key=lambda one: one["answered_per_s"])
    return list(best.values())


def _ratios(found: Sequence[Row], subjects: Sequence[str]) -> list[str]:
    """Ours over the peer's, round by round."""
    if PEER not in subjects:
        return []
    said = []
    for subject in [one for one in subjects if one != PEER]:
        ratios = []
        for turn in sorted({row["round"] for row in found if "round" in row}):
            ours, theirs = (
                median(
                    [
                        row
                        for row in found
                        if row.get("round") == turn
                        and row["subject"] == who
                        and row["phase"] == "400 callers"
                    ],
                    "cpu_us_a_record",
                )
                for who in (subject, PEER)
            )
            if ours and theirs:
                ratios.append(theirs / ours)
        if ratios:
            said.append(f"{subject}: {number(statistics.median(ratios))} times")
    if not said:
        return []
    return [
        "LiteLLM's CPU over ours, a request, with 400 callers in the same round, median: "
        + "; ".join(said)
        + "."
    ]


def _twice(found: Sequence[Row], subject: str) -> list[str]:
    own = [row for row in found if row["subject"] == subject and row["phase"] == "twice"]
    counts = {status: sum(row["statuses"].get(status, 0) for row in own) for status in ("200", "429")}
    others = sum(sum(row["statuses"].values()) for row in own) - sum(counts.values())
    return [
        subject,
        number(median(own, "rate")),
        f"{counts['200']:,}",
        f"{counts['429']:,}",
        f"{others:,}",
        number(median(own, "answered_per_s")),
        number(median(own, "ok_p99_ms")),
        number(median(own, "refused_p99_ms")),
        number(median(own, "rss_mb")),
    ]


def main() -> None:
    """Write the page."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    PAGE.write_text(page(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
