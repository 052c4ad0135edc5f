"""A batch with an oracle, beside BARGAIN on the same rows: hard questions that a cheap and a large model answered.

Rows and labels are those of MMLU-Pro's even rows; gpt-4.1's answer counts as right. The ranker's penalty, its columns
and the size of the sample were chosen on gpt-4o-mini and used unchanged on the models of the table.
"""

from __future__ import annotations

import functools
import gzip
import json
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.doubt.page import DATA, table
from benchmarks.doubt.runs import run_all
from benchmarks.doubt.validity import consistent

from roadworthy.learn.peel import PENALTY, SAMPLE, Peel, ranks, signals_of

ORACLE = "gpt-4.1"
DELTA = 0.1
ROWS = 3_000
TARGETS = (0.90, 0.95)
SIGNALS = ("verbal", "token", "both ranks")
GOALS = {"gpt-4.1-mini": (0.65, 0.48), "gpt-4.1-nano": (0.45, 0.30)}


@dataclass(frozen=True, slots=True)
class Batch:
    """One seed's rows: the cheap model's wrongs, how sure each signal is, and the ranker's columns."""

    wrong: list[bool]
    sure: dict[str, list[float]]
    columns: list[list[float]]


@functools.cache
def answered() -> list[dict[str, Any]]:
    """All rows with the oracle's answer."""
    with gzip.open(DATA / "mmlu_pro" / "recorded_even_rows.jsonl.gz", "rt") as lines:
        return [row for row in map(json.loads, lines) if ORACLE in row["answers"]]


def batch_of(model: str, seed: int) -> Batch:
    """A random batch of `ROWS` rows, shuffled: the file is sorted by category."""
    rows = random.Random(seed).sample(answered(), ROWS)
    said = [row["answers"][model] for row in rows]
    verbal = [0.5 if one["verbal"] is None else one["verbal"] for one in said]
    token = [0.5 if one["token"] is None else one["token"] for one in said]
    both = [a + b for a, b in zip(ranks(verbal), ranks(token), strict=True)]
    numbers = [
        [
            v,
            t,
            one["output_tokens"] or 0,
            len(row["question"]),
            len(row["options"]),
            sum(map(len, row["options"])),
        ]
        for v, t, one, row in zip(verbal, token, said, rows, strict=True)
    ]
    return Batch(
        [one["answer"] != row["answers"][ORACLE]["answer"] for one, row in zip(said, rows, strict=True)],
        dict(zip(SIGNALS, (verbal, token, both), strict=True)),
        signals_of(numbers, [row["category"] for row in rows]),
    )


class FastRanker:
    """`LogisticRanker` in numpy; the same penalised likelihood (a test compares the two).

    Every target of a batch walks the same path, so a fit is kept by the number of rows it was made on.
    """

    def __init__(
        self, columns: Sequence[Sequence[float]], start: Sequence[float], penalty: float = PENALTY
    ) -> None:
        found = np.asarray(columns, float)
        spread = found.std(0)
        self.x = np.c_[np.ones(len(found)), (found - found.mean(0)) / np.where(spread > 1e-9, spread, 1)]
        self.start = np.asarray(start, float)
        self.penalty = np.r_[1e-3, np.full(found.shape[1], penalty)]
        self.kept: dict[int, Any] = {}

    def doubts(self, peeled: Sequence[int], wrong: Sequence[bool], kept: Sequence[int]) -> Sequence[float]:
        """As the product's ranker."""
        if len(set(wrong)) < 2:
            return self.start[list(kept)].tolist()  # type: ignore[no-any-return] # numpy does not say
        if len(peeled) not in self.kept:
            self.kept[len(peeled)] = self.x @ self.fit(self.x[list(peeled)], np.asarray(wrong, float))
        return self.kept[len(peeled)][list(kept)].tolist()  # type: ignore[no-any-return] # numpy does not say

    def fit(self, x: Any, y: Any) -> Any:
        """Newton's method on the penalised likelihood."""
        weights = np.zeros(x.shape[1])
        for _ in range(25):
            chance = 1 / (1 + np.exp(-x @ weights))
            spread = np.maximum(chance * (1 - chance), 1e-9)
            gradient = x.T @ (y - chance) - self.penalty * weights
            step = np.linalg.solve((x * spread[:, None]).T @ x + np.diag(self.penalty), gradient)
            length = abs(step).max()
            weights = weights + min(1.0, 4 / length) * step
            if length < 1e-6:
                break
        return weights


def ours(batch: Batch, seed: int, targets: Sequence[float] = TARGETS) -> list[tuple[float, bool]]:
    """For each target: the share of oracle calls avoided, and whether the target was missed."""
    ranker = FastRanker(batch.columns, [-value for value in batch.sure["both ranks"]])
    found = []
    for target in targets:
        sample = random.Random(f"{seed}:{target}").sample(range(ROWS), SAMPLE)
        peel = Peel(ROWS, sample, target=target, delta=DELTA, ranker=ranker)
        while rows := peel.ask():
            peel.tell({row: batch.wrong[row] for row in rows})
        missed = sum(batch.wrong[row] for row in peel.kept) > math.floor((1 - target) * ROWS + 1e-9)
        found.append((1 - peel.labels / ROWS, missed))
    return found


def theirs(
    batch: Batch, signal: str, seed: int, targets: Sequence[float] = TARGETS
) -> list[tuple[float, bool]]:
    """The same of BARGAIN_A with one signal. Its thread pools are left out; what is asked is the same."""
    from BARGAIN.models.AbstractModels import Oracle, Proxy  # noqa: PLC0415 - an oracle, in a group of its own
    from BARGAIN.process.BARGAIN_A import BARGAIN_A  # noqa: PLC0415 - as above

    sure = np.asarray(batch.sure[signal])

    class Cheap(Proxy):  # type: ignore[misc] # without types
        def get_preds_and_scores(self, indxs: Any, data_records: Any) -> Any:
            return np.zeros(len(indxs), int), sure[np.asarray(data_records, int)]

    class Large(Oracle):  # type: ignore[misc] # without types
        def is_answer_correct(self, data_indxs: Any, data_records: Any, proxy_output_at_indxs: Any) -> Any:  # noqa: ARG002 - its name
            self.preds_dict.update(dict.fromkeys(map(int, data_indxs), 1))
            return np.array([not batch.wrong[int(row)] for row in data_records])

        def get_pred(self, data_records: Any, indxs: Any = None) -> Any:
            self.preds_dict.update(dict.fromkeys(map(int, indxs if indxs is not None else data_records), 1))
            return np.ones(len(data_records), int)

    found = []
    for target in targets:
        cheap, large = Cheap(verbose=False), Large(verbose=False)
        method = BARGAIN_A(cheap, large, target=target, delta=DELTA, M=20, verbose=False, seed=seed)
        outputs, by_oracle = method.process(list(range(ROWS)), return_oracle_usage=True)
        assert len(outputs) == ROWS
        left = [row for row in range(ROWS) if not by_oracle[row]]
        assert large.get_number_preds() == ROWS - len(left)
        wrong = sum(batch.wrong[row] for row in left)
        found.append((len(left) / ROWS, wrong > math.floor((1 - target) * ROWS + 1e-9)))
    return found


def one(task: tuple[str, int, bool]) -> dict[str, list[tuple[float, bool]]]:
    """All methods on one batch."""
    model, seed, with_theirs = task
    batch = batch_of(model, seed)
    found = {"peel": ours(batch, seed)}
    if with_theirs:
        found |= {signal: theirs(batch, signal, seed) for signal in SIGNALS}
    return found


def bargain(models: Sequence[str] = tuple(GOALS), seeds: int = 200, more: int = 1_000) -> str:
    """The section of the page."""
    tasks = [(model, seed, seed < seeds) for model in models for seed in range(more)]
    found: dict[tuple[str, str], list[tuple[int, list[tuple[float, bool]]]]] = {}
    for (model, seed, _), methods in zip(tasks, run_all("bargain", one, tasks), strict=True):
        for name, cells in methods.items():
            found.setdefault((model, name), []).append((seed, cells))
    rows: list[list[object]] = []
    for model in models:
        for place, target in enumerate(TARGETS):
            avoided = {
                name: statistics.fmean(cells[place][0] for seed, cells in found[model, name] if seed < seeds)
                for name in ("peel", *SIGNALS)
            }
            few = [cells[place][1] for seed, cells in found[model, "peel"] if seed < seeds]
            many = [cells[place][1] for _, cells in found[model, "peel"]]
            best = max(SIGNALS, key=lambda name: avoided[name])
            missed = statistics.fmean(cells[place][1] for _, cells in found[model, best])
            rows.append([
                model, f"{target:.2f}", f"**{avoided['peel']:.3f}**", *(avoided[name] for name in SIGNALS),
                f"{100 * (avoided['peel'] - avoided[best]):+.1f}", sum(few) / len(few), sum(many) / len(many),
                f"{consistent(sum(many), len(many), DELTA):.2g}", missed,
            ])  # fmt: skip
            print(rows[-1], flush=True)
    head = [
        "cheap model", "target", "peel", *(f"BARGAIN {name}" for name in SIGNALS), "points above its best",
        f"missed, {seeds} seeds", f"missed, {more:,}", "P(so many, if .1)", "BARGAIN missed",
    ]  # fmt: skip
    return (
        f"Share of gpt-4.1's calls avoided, N = {ROWS:,}, delta = {DELTA}, mean of {seeds} seeds.\n\n"
        + table(head, rows)
    )
