"""Scores become chances of being wrong: isotonic, Platt and Venn-Abers, fitted on labelled answers.

None of this is a guarantee; it orders answers and predicts. What is promised is tested by `threshold`, `peel` and
`certificate` on labels that were not used here.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

from roadworthy._quick import quick
from roadworthy.learn.logistic import fit_logistic, sigmoid


@quick(frozen=True, slots=True)
class Isotonic:
    """A rising step function: `chances[i]` holds from `starts[i]` on."""

    starts: tuple[float, ...]
    chances: tuple[float, ...]

    def chance(self, score: float) -> float:
        """The chance at this score; below the first step, the first step's."""
        return self.chances[max(0, bisect.bisect_right(self.starts, score) - 1)]


def fit_isotonic(scores: Sequence[float], wrong: Sequence[bool]) -> Isotonic:
    """The rising function nearest to the labels in least squares, by pooling adjacent violators (Ayer et al. 1955).

    Args:
        scores: of doubt, higher is worse; ties are pooled first.
        wrong: whether the answer was wrong.

    Assumes: a higher score is not less likely to be wrong. Does not promise: calibration on few labels; a block of one
    label says 0 or 1.
    """
    if not scores or len(scores) != len(wrong):
        raise ValueError(
            f"{len(scores)} scores and {len(wrong)} labels. Give as many labels as scores, and some."
        )
    blocks: list[list[float]] = []  # start, sum, count
    for score, bad in sorted(zip(scores, wrong, strict=True)):
        if blocks and blocks[-1][0] == score:
            blocks[-1][1] += bad
            blocks[-1][2] += 1
            continue
        _pool(blocks)
        blocks.append([score, float(bad), 1.0])
    _pool(blocks)
    return Isotonic(tuple(b[0] for b in blocks), tuple(b[1] / b[2] for b in blocks))


def _pool(blocks: list[list[float]]) -> None:
    while len(blocks) > 1 and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
        _, total, count = blocks.pop()
        blocks[-1][1] += total
        blocks[-1][2] += count


@quick(frozen=True, slots=True)
class Platt:
    """A logistic curve."""

    bias: float
    slope: float

    def chance(self, score: float) -> float:
        """The chance at this score."""
        return sigmoid(self.bias + self.slope * score)


def fit_platt(scores: Sequence[float], wrong: Sequence[bool], *, penalty: float = 0.1) -> Platt:
    """Platt 1999: one logistic curve, with a small ridge instead of his smoothed targets. For few labels."""
    fitted = fit_logistic([(score,) for score in scores], wrong, penalty=penalty)
    slope = fitted.slopes[0] / fitted.spreads[0]
    return Platt(fitted.bias - slope * fitted.means[0], slope)


def venn_abers(scores: Sequence[float], wrong: Sequence[bool], score: float) -> tuple[float, float]:
    """The two chances of being wrong, had the new answer been right and had it been wrong.

    Theorem: Vovk and Petej 2014: for exchangeable answers one of the two is perfectly calibrated. Their distance says
    how little is known. Does not promise which one.
    """
    low, high = (fit_isotonic([*scores, score], [*wrong, outcome]).chance(score) for outcome in (False, True))
    return low, high


def calibration_error(chances: Sequence[float], wrong: Sequence[bool], bins: int = 10) -> float:
    """Mean distance of predicted and observed over equally filled bins; a description, not a test."""
    pairs = sorted(zip(chances, wrong, strict=True))
    size = max(1, math.ceil(len(pairs) / bins))
    gaps = [
        abs(math.fsum(chance - bad for chance, bad in pairs[start : start + size]))
        for start in range(0, len(pairs), size)
    ]
    return math.fsum(gaps) / max(1, len(pairs))
