"""A small logistic regression in plain Python: several signals of doubt become one chance of being wrong."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from roadworthy._quick import quick

Row = Sequence[float]

ROUNDS = 25  # Newton steps at most; five or six are usual
SETTLED = 1e-8  # largest change of a coefficient at which the search ends, unless told otherwise
FLAT = 1e-9  # a spread below this is a constant column


def sigmoid(x: float) -> float:
    """The logistic function, without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x))


def logit(p: float, edge: float = 1e-4) -> float:
    """Its inverse; a share outside [edge, 1 - edge] is moved to the edge."""
    p = min(1 - edge, max(edge, p))
    return math.log(p / (1 - p))


@quick(frozen=True, slots=True)
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
    weights: Sequence[float] | None = None,
    scale_on: Sequence[Row] | None = None,
    settled: float = SETTLED,
) -> Logistic:
    """Ridge-penalised maximum likelihood by Newton's method (iteratively reweighted least squares).

    Args:
        rows: one sequence of numbers a case, all of one length.
        outcomes: what is to be predicted.
        penalty: half the inverse variance of the slopes' prior, per standard deviation; the bias has a little one too,
            so that a set of one outcome alone gives a finite answer.
        settled: the search ends when no coefficient changes by more.
        weights: how often each row counts; once by default.
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
    columns: list[list[float]] = [[1.0] * len(rows)]
    for column, mean, spread in zip(zip(*rows, strict=True), means, spreads, strict=True):
        columns.append([(x - mean) / spread for x in column])
    width = len(columns)
    penalties = [1e-3, *[penalty] * (width - 1)]
    counts = weights or [1.0] * len(rows)
    slopes = [0.0] * width
    for _ in range(ROUNDS):
        gradient, curvature = _derivatives(columns, outcomes, counts, slopes)
        for index, extra in enumerate(penalties):
            gradient[index] -= extra * slopes[index]
            curvature[index][index] += extra
        step = solve(curvature, gradient)
        length = max(abs(x) for x in step)
        damp = min(1.0, 4.0 / length) if length else 1.0
        slopes = [slope + damp * change for slope, change in zip(slopes, step, strict=True)]
        if length < settled:
            break
    return Logistic(slopes[0], tuple(slopes[1:]), means, spreads)


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Find x of matrix x = right, for a symmetric positive definite matrix (Cholesky)."""
    size = len(right)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(map(operator.mul, lower[i][:j], lower[j][:j]))
            lower[i][j] = math.sqrt(max(rest, 1e-12)) if i == j else rest / lower[j][j]
    half: list[float] = []
    for i in range(size):
        half.append((right[i] - sum(map(operator.mul, lower[i][:i], half))) / lower[i][i])
    whole = [0.0] * size
    for i in reversed(range(size)):
        done = sum(lower[j][i] * whole[j] for j in range(i + 1, size))
        whole[i] = (half[i] - done) / lower[i][i]
    return whole


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
    columns: Sequence[Sequence[float]],
    outcomes: Sequence[bool],
    counts: Sequence[float],
    slopes: Sequence[float],
) -> tuple[list[float], list[list[float]]]:
    """By columns, so that the loops over rows run inside `sum` and `map`."""
    scores = [0.0] * len(outcomes)
    for column, slope in zip(columns, slopes, strict=True):
        scores = [score + slope * x for score, x in zip(scores, column, strict=True)]
    chances = [sigmoid(score) for score in scores]
    misses = [
        count * (outcome - chance) for count, outcome, chance in zip(counts, outcomes, chances, strict=True)
    ]
    spreads = [
        count * max(chance * (1 - chance), 1e-9) for count, chance in zip(counts, chances, strict=True)
    ]
    gradient = [sum(map(operator.mul, column, misses)) for column in columns]
    width = len(columns)
    curvature = [[0.0] * width for _ in range(width)]
    for i, column in enumerate(columns):
        scaled = list(map(operator.mul, column, spreads))
        for j in range(i + 1):
            curvature[i][j] = curvature[j][i] = sum(map(operator.mul, scaled, columns[j]))
    return gradient, curvature
