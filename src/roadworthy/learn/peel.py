"""Peel and certify: a finite batch, a cheap model's answers, and an oracle that is right but costs.

1. A random sample of rows is labelled by the oracle; their labels stay hidden from the ranker.
2. The rows most likely to be wrong are peeled off, to be answered by the oracle; a sampled one among them shows its
   label now. The ranker learns from peeled rows only.
3. It stops as soon as the sampled rows that are left prove that the rest is good enough.

Why no correction for looking again and again: the order in which rows are peeled is a function of the rows and
their labels alone, the sample plays no part in it. Along that fixed path the number of wrong answers that are left
only falls, and so does the number of them in the sample; so a false certificate anywhere implies one at the last
place where the rest was still too bad, which is one fixed set and one exact test (`binomial.remainder_p_value`).
Nor is a start to be chosen. The sampled rows' own labels are known before a slice is bought, so the slice is bought
only up to the row at which the test passes.
"""

from __future__ import annotations

import heapq
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Protocol

from roadworthy.learn.binomial import remainder_p_value
from roadworthy.learn.logistic import Row, fit_logistic

SLICE = 50  # rows peeled between two fits of the ranker
SAMPLE = 300  # rows of the random sample
PENALTY = (
    50.0  # of the ranker: it learns from the worst rows and is used on the others, so it must not be bold
)


class Ranker(Protocol):
    """Says which rows are most likely to be wrong, from peeled rows alone."""

    def doubts(self, peeled: Sequence[int], wrong: Sequence[bool], kept: Sequence[int]) -> Sequence[float]:
        """One number a kept row, higher is worse; `peeled` and `wrong` are all that is known, in the order peeled."""


class LogisticRanker:
    """Ranks by the average rank of some signals at first, then by a logistic regression on all of them.

    Args:
        rows: one row of signals an answer.
        surer: the columns that are higher where the answer is surer; their ranks are averaged for the start. With none
            of them the start is the order of the rows.
    """

    def __init__(self, rows: Sequence[Row], surer: Sequence[int] = (), penalty: float = PENALTY) -> None:
        self.rows = rows
        self.penalty = penalty
        self.start = [0.0] * len(rows)
        for column in surer:
            for row, rank in enumerate(ranks([values[column] for values in rows])):
                self.start[row] -= rank

    def doubts(self, peeled: Sequence[int], wrong: Sequence[bool], kept: Sequence[int]) -> Sequence[float]:
        """The fitted chance of being wrong, or the start while one outcome alone has been seen."""
        if len(set(wrong)) < 2:
            return [self.start[row] for row in kept]
        fitted = fit_logistic(
            [self.rows[row] for row in peeled], wrong, penalty=self.penalty, scale_on=self.rows
        )
        return [fitted.chance(self.rows[row]) for row in kept]


class Peel:
    """The state machine: `ask` says which rows the oracle is to answer next, `tell` takes whether each was wrong.

    Assumes: `sample` was drawn from the rows by chance alone (`sample_of`), its size fixed before any label; the
    oracle's answer counts as right; the ranker is a function of what it is given.
    Promises: the share of rows whose final answer is wrong is above 1 - target with a chance of at most `delta`.
    Does not promise: anything about rows outside the batch.
    """

    def __init__(
        self,
        rows: int,
        sample: Sequence[int],
        *,
        target: float,
        ranker: Ranker,
        delta: float = 0.1,
        slice_rows: int = SLICE,
    ) -> None:
        if not 0 < target < 1:
            raise ValueError(f"The target is {target!r}. Give a share above 0 and below 1.")
        if not sample or not 0 <= min(sample) <= max(sample) < rows:
            raise ValueError(
                f"A sample of {len(sample)} rows is not one of {rows}. Draw it with `sample_of`."
            )
        self.rows = rows
        self.delta = delta
        self.allowed = math.floor((1 - target) * rows + 1e-9)
        self.certified = False
        self.labels = 0
        self._sample = frozenset(sample)
        self._ranker = ranker
        self._slice_rows = slice_rows
        self._known: dict[int, bool] = {}
        self._peeled: list[int] = []
        self._kept = list(range(rows))
        self._planned: list[int] = []
        self._wrong_seen = 0
        self._critical = self._most_that_passes()

    def ask(self) -> tuple[int, ...]:
        """The rows to be labelled next; none when it is done."""
        if self.done:
            return ()
        if not self._known:
            return tuple(sorted(self._sample))
        return tuple(row for row in self._planned if row not in self._known)

    def tell(self, wrong: Mapping[int, bool]) -> None:
        """Whether the cheap answer of each asked row was wrong.

        Raises:
            ValueError: other rows than those that were asked for.
        """
        if set(wrong) != set(self.ask()):
            raise ValueError(
                f"{len(wrong)} labels came, not those of the rows that `ask` named. Label those."
            )
        if not self._known:
            self._wrong_seen = sum(wrong.values())
        self.labels += len(wrong)
        self._known.update(wrong)
        self._peel()
        self._plan()

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask: certified, or every row is the oracle's."""
        return self.certified or (bool(self._peeled) and not self._kept)

    @property
    def kept(self) -> tuple[int, ...]:
        """The rows whose cheap answer is used; the sampled ones among them have the oracle's answer too."""
        return tuple(row for row in self._kept if row not in self._known)

    def _plan(self) -> None:
        """Look whether the test passes; else plan the next slice, up to where the known labels let it pass."""
        while not self.done and not self._planned:
            if self._wrong_seen <= self._critical:
                self.certified = True
                return
            known = [self._known[row] for row in self._peeled]
            doubts = self._ranker.doubts(self._peeled, known, self._kept)
            worst = heapq.nlargest(self._slice_rows, zip(doubts, map(operator.neg, self._kept), strict=True))
            self._planned = self._up_to_pass([-row for _, row in worst])
            if all(row in self._known for row in self._planned):
                self._peel()

    def _peel(self) -> None:
        gone = set(self._planned)
        self._peeled += self._planned
        self._kept = [row for row in self._kept if row not in gone]
        self._planned = []

    def _up_to_pass(self, rows: list[int]) -> list[int]:
        for place, row in enumerate(rows):
            if row in self._sample and self._known[row]:
                self._wrong_seen -= 1
                if self._wrong_seen <= self._critical:
                    return rows[: place + 1]
        return rows

    def _most_that_passes(self) -> int:
        """The most wrong rows in the sample with which the test passes: it is monotone in them; -1 for none."""
        low, high = -1, len(self._sample) + 1
        while high - low > 1:
            middle = (low + high) // 2
            seen = min(middle, len(self._sample))
            p = remainder_p_value(self.rows, len(self._sample), seen, self.allowed)
            low, high = (middle, high) if p <= self.delta else (low, middle)
        return low


def sample_of(coins: Sequence[float], size: int) -> tuple[int, ...]:
    """The rows with the `size` smallest coins (`coin.coin`): a sample without replacement, by chance alone."""
    return tuple(sorted(sorted(range(len(coins)), key=lambda row: (coins[row], row))[:size]))


def signals_of(numbers: Sequence[Row], groups: Sequence[str] = ()) -> list[list[float]]:
    """Rows for the ranker: the rank of each number and its square, and a column a group.

    Ranks make it indifferent to a signal's scale and to a score that nearly always says .95.
    """
    columns = [ranks(column) for column in zip(*numbers, strict=True)]
    names = sorted(set(groups))
    return [
        [
            *(column[row] for column in columns),
            *(column[row] ** 2 for column in columns),
            *(float(groups[row] == name) for name in names),
        ]
        for row in range(len(numbers))
    ]


def ranks(values: Sequence[float]) -> list[float]:
    """Each value's rank in [0, 1]; equal values share the middle of theirs."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    found = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end + 1 < len(order) and values[order[end + 1]] == values[order[begin]]:
            end += 1
        for place in range(begin, end + 1):
            found[order[place]] = (begin + end) / 2 / max(1, len(order) - 1)
        begin = end + 1
    return found
