"""A small logistic regression in plain Python: several signals of doubt become one chance of being wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Row = Sequence[float]

ROUNDS = 25  # Newton steps at most; five or six are usual
SETTLED = 1e-8  # largest change of a coefficient at which the search ends
FLAT = 1e-9  # a spread below this is a constant column


def sigmoid(x: float) -> float:
    """The logistic function, without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x))


def logit(p: float, edge: float = 1e-4) -> float:
    """Its inverse; a share outside [edge, 1 - edge] is moved to the edge."""
    p = min(1 - edge, max(edge, p))
    return math.log(p / (1 - p))


@dataclass(frozen=True, slots=True)
class Logistic:
    """Coefficients on standardised columns; `bias` stands first in no row."""

    bias: float
    slopes: tuple[float, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]

    def chance(self, row: Row) -> float:
        """The chance of the outcome, by this model."""
        columns = zip(row, self.slopes, self.means, self.spreads, strict=True)
        return sigmoid(
            self.bias + math.fsum((x - mean) / spread * slope for x, slope, mean, spread in columns)
        )


def fit_logistic(
    rows: Sequence[Row],
    outcomes: Sequence[bool],
    *,
    penalty: float = 1.0,
    scale_on: Sequence[Row] | None = None,
) -> Logistic:
    """Ridge-penalised maximum likelihood by Newton's method (iteratively reweighted least squares).

    Args:
        rows: one sequence of numbers a case, all of one length.
        outcomes: what is to be predicted.
        penalty: half the inverse variance of the slopes' prior, per standard deviation; the bias has a little one too,
            so that a set of one outcome alone gives a finite answer.
        scale_on: the rows that columns are standardised on; `rows` by default.

    Does not promise: that its chances are calibrated on new rows. Nothing that is certified relies on it.

    Raises:
        ValueError: no rows, or rows and outcomes of different number.
    """
    if not rows or len(rows) != len(outcomes):
        raise ValueError(
            f"{len(rows)} rows and {len(outcomes)} outcomes. Give as many outcomes as rows, and some."
        )
    means, spreads = _scales(scale_on or rows)
    table = [
        (1.0, *((x - mean) / spread for x, mean, spread in zip(row, means, spreads, strict=True)))
        for row in rows
    ]
    width = len(table[0])
    penalties = [1e-3, *[penalty] * (width - 1)]
    weights = [0.0] * width
    for _ in range(ROUNDS):
        gradient, curvature = _derivatives(table, outcomes, weights)
        for index, extra in enumerate(penalties):
            gradient[index] -= extra * weights[index]
            curvature[index][index] += extra
        step = solve(curvature, gradient)
        length = max(abs(x) for x in step)
        damp = min(1.0, 4.0 / length) if length else 1.0
        weights = [weight + damp * change for weight, change in zip(weights, step, strict=True)]
        if length < SETTLED:
            break
    return Logistic(weights[0], tuple(weights[1:]), means, spreads)


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Find x of matrix x = right, for a symmetric positive definite matrix (Cholesky)."""
    size = len(right)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(map(_product, lower[i][:j], lower[j][:j]))
            lower[i][j] = math.sqrt(max(rest, 1e-12)) if i == j else rest / lower[j][j]
    half: list[float] = []
    for i in range(size):
        half.append((right[i] - sum(map(_product, lower[i][:i], half))) / lower[i][i])
    whole = [0.0] * size
    for i in reversed(range(size)):
        done = sum(lower[j][i] * whole[j] for j in range(i + 1, size))
        whole[i] = (half[i] - done) / lower[i][i]
    return whole


def _product(a: float, b: float) -> float:
    return a * b


def _scales(rows: Sequence[Row]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    count = len(rows)
    means, spreads = [], []
    for column in zip(*rows, strict=True):
        mean = math.fsum(column) / count
        spread = math.sqrt(math.fsum((x - mean) ** 2 for x in column) / count)
        means.append(mean)
        spreads.append(spread if spread > FLAT else 1.0)
    return tuple(means), tuple(spreads)


def _derivatives(
    table: Sequence[tuple[float, ...]], outcomes: Sequence[bool], weights: Sequence[float]
) -> tuple[list[float], list[list[float]]]:
    width = len(weights)
    gradient = [0.0] * width
    curvature = [[0.0] * width for _ in range(width)]
    for row, outcome in zip(table, outcomes, strict=True):
        chance = sigmoid(sum(map(_product, row, weights)))
        miss, spread = outcome - chance, max(chance * (1 - chance), 1e-9)
        for i, x in enumerate(row):
            if x:
                gradient[i] += x * miss
                scaled, line = x * spread, curvature[i]
                for j in range(i + 1):
                    line[j] += scaled * row[j]
    for i in range(width):
        for j in range(i):
            curvature[j][i] = curvature[i][j]
    return gradient, curvature
