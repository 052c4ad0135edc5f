"""The promotion gate: how often it is wrong at the boundary, and how many labels an honest change costs."""

from __future__ import annotations

import random
import statistics
from typing import Any

from benchmarks.doubt.page import table
from benchmarks.doubt.runs import run_all
from benchmarks.doubt.validity import consistent

from roadworthy._settings import Settings
from roadworthy.learn.gate import Gate, Ruling, share_of_delta

RUNS = 2_000
MARGIN = 0.01
MOST = 6_000  # records at the boundary
BLOCK = 125  # seeds of one task


def run(seed: int, delta: float, new_only: float, old_only: float, most: int) -> Gate:
    """Records until a ruling; agreements between two differences are told at once."""
    chance, gate = random.Random(seed), Gate(MARGIN, delta)
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


CASES = {
    "worse by just the margin (the boundary), 3 % disagree": (0.02, 0.01),
    "worse by just the margin (the boundary), 9 % disagree": (0.05, 0.04),
    "equal, 1 % disagree": (0.005, 0.005),
    "equal, 2 % disagree": (0.01, 0.01),
    "equal, 4 % disagree": (0.02, 0.02),
    "better by 2 points, 4 % disagree": (0.01, 0.03),
    "worse by 3 points, 5 % disagree": (0.04, 0.01),
}
WHOLE = Settings().gate_delta
DELTAS = {f"all of delta, {WHOLE}": WHOLE} | {
    f"candidate {number}, {share_of_delta(WHOLE, number):.4f}": share_of_delta(WHOLE, number)
    for number in (1, 2)
}


def one(task: tuple[str, float, int, int]) -> dict[str, Any]:
    """Some seeds of one case, for a process of its own: (ruling, labels, records) of each."""
    case, delta, first, count = task
    most = MOST if "boundary" in case else 20_000
    gates = [run(seed, delta, *CASES[case], most) for seed in range(first, first + count)]
    return {"runs": [(gate.ruling.value, gate.labels, gate.records) for gate in gates]}


def gate(runs: int = RUNS) -> str:
    """The section of the page."""
    counts = {case: runs if "boundary" in case else runs // 2 for case in CASES}
    kinds = [(said, case) for case in CASES for said in DELTAS if "boundary" not in case or said[0] == "a"]
    tasks = [
        (case, DELTAS[said], first, BLOCK) for said, case in kinds for first in range(0, counts[case], BLOCK)
    ]
    found: dict[tuple[str, float], list[tuple[str, int, int]]] = {}
    for (case, delta, _, _), result in zip(tasks, run_all("gate", one, tasks), strict=True):
        found.setdefault((case, delta), []).extend(map(tuple, result["runs"]))
    rows: list[list[object]] = []
    for said, case in kinds:
        ended = found[case, DELTAS[said]]
        share = {ruling: sum(end[0] == ruling for end in ended) / len(ended) for ruling in Ruling}
        p = ""
        if "boundary" in case:
            p = f"{consistent(sum(end[0] == Ruling.PROMOTE for end in ended), len(ended), WHOLE):.2g}"
            assert share[Ruling.PROMOTE] <= WHOLE, share
        labels = [end[1] for end in ended]
        rows.append([
            case, said, f"{len(ended):,}", share[Ruling.PROMOTE], share[Ruling.REJECT],
            f"{statistics.fmean(labels):.1f}", f"{statistics.median(labels):.0f}",
            f"{statistics.fmean(end[2] for end in ended):,.0f}", p,
        ])  # fmt: skip
        print(rows[-1], flush=True)
    head = [
        "new against old", "chance of a wrong ruling", "runs", "promoted", "rejected", "labels, mean", "median",
        "records", f"P(so many, if {WHOLE})",
    ]  # fmt: skip
    return (
        "Margin 1 point; only records on which the two differ are labelled. The j-th candidate against one version has "
        "1 / (1.202 j^3) of delta; `learn --candidate` gives the first one what the second rows of a case show.\n\n"
        + table(head, rows)
    )
