"""The promotion gate: how often it is wrong at the boundary, and how many labels an honest change costs."""

from __future__ import annotations

import random
import statistics

from benchmarks.doubt.page import table
from benchmarks.doubt.validity import consistent

from roadworthy.learn.gate import Gate, Ruling

RUNS = 2_000
MOST = 6_000


def run(seed: int, margin: float, new_only: float, old_only: float, most: int = MOST) -> Gate:
    """Records until a ruling; agreements between two differences are told at once."""
    chance, gate = random.Random(seed), Gate(margin)
    differ, left = new_only + old_only, most
    while left > 0 and gate.ruling is Ruling.GO_ON:
        agreed = 0
        while agreed < left and chance.random() >= differ:
            agreed += 1
        if agreed:
            gate.agree(agreed)  # evidence moves one way while they agree, so looking at the end is enough
        left -= agreed + 1
        if left >= 0 and gate.ruling is Ruling.GO_ON:
            new_wrong = chance.random() < new_only / differ
            gate.differ(new_wrong=new_wrong, old_wrong=not new_wrong)
    return gate


def gate(runs: int = RUNS) -> str:
    """The section of the page."""
    cases = [
        ("worse by just the margin (the boundary), 3 % disagree", 0.01, 0.02, 0.01),
        ("worse by just the margin (the boundary), 9 % disagree", 0.01, 0.05, 0.04),
        ("equal, 1 % disagree", 0.01, 0.005, 0.005),
        ("equal, 2 % disagree", 0.01, 0.01, 0.01),
        ("equal, 4 % disagree", 0.01, 0.02, 0.02),
        ("better by 2 points, 4 % disagree", 0.01, 0.01, 0.03),
        ("worse by 3 points, 5 % disagree", 0.01, 0.04, 0.01),
    ]
    rows: list[list[object]] = []
    for name, margin, new_only, old_only in cases:
        count = runs if "boundary" in name else runs // 10
        gates = [
            run(seed, margin, new_only, old_only, MOST if "boundary" in name else 20_000)
            for seed in range(count)
        ]
        share = {r: sum(g.ruling is r for g in gates) / count for r in Ruling}
        p = ""
        if "boundary" in name:
            promoted = sum(g.ruling is Ruling.PROMOTE for g in gates)
            p = f"{consistent(promoted, count, 0.05):.2g}"
            assert share[Ruling.PROMOTE] <= 0.05, share
        rows.append([
            name, count, share[Ruling.PROMOTE], share[Ruling.REJECT],
            f"{statistics.fmean(g.labels for g in gates):.0f}", f"{statistics.median(g.labels for g in gates):.0f}",
            f"{statistics.fmean(g.records for g in gates):,.0f}", p,
        ])  # fmt: skip
        print(rows[-1], flush=True)
    head = [
        "new against old",
        "runs",
        "promoted",
        "rejected",
        "labels, mean",
        "median",
        "records",
        "P(so many, if .05)",
    ]
    return "Margin 1 point, delta = .05; only records on which the two differ are labelled.\n\n" + table(
        head, rows
    )
