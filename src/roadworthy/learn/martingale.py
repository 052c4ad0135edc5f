"""Evidence that may be looked at whenever one likes: test martingales for an error rate.

Ville's inequality (1939): a non-negative process that starts at 1 and is expected not to grow while the hypothesis
holds exceeds 1/delta, ever, with a chance of at most delta. So a certificate at the first crossing is valid at that
moment, at every later one, and however the moment was chosen. All values are natural logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from roadworthy.learn.binomial import BISECTIONS, log_sum

# Bets that the error rate is this fraction of the one to be refuted, and how much is laid on each.
FRACTIONS = (1e-6, 0.1, 0.25, 0.5, 0.7, 0.85)
WEIGHTS = (0.3, 0.2, 0.2, 0.15, 0.1, 0.05)
LOG_WEIGHTS = tuple(math.log(weight) for weight in WEIGHTS)

BETS = 12  # fixed stakes of a betting mixture, geometric
BOLDEST = 0.97  # the largest stake as a share of the one that could be ruined
TIMIDEST = 0.005  # the smallest


def log_e(wrong: int, labels: int, max_error: float) -> float:
    """Log evidence against "the error rate is at least `max_error`"; certify when it reaches log(1/delta).

    Theorem: Ville, for a mixture of likelihood ratios q against `max_error`, q on a grid of fractions of it. Each
    ratio falls in the true rate, so rates above the boundary, changing ones too, only make it smaller.
    Assumes: given the past, each label is wrong with a chance of at least `max_error` under the hypothesis.
    Does not promise: that a rate just below `max_error` is ever certified.
    """
    if not 0 <= wrong <= labels:
        raise ValueError(f"{wrong} wrong of {labels} labels cannot be. Count the labels again.")
    if not 0 < max_error < 1:
        raise ValueError(f"max_error is {max_error!r}. Give a share above 0 and below 1.")
    right, miss = labels - wrong, math.log1p(-max_error)
    return log_sum(
        [
            weight + wrong * math.log(part) + right * (math.log1p(-part * max_error) - miss)
            for part, weight in zip(FRACTIONS, LOG_WEIGHTS, strict=True)
        ]
    )


def labels_for_mixture(wrong: int, max_error: float, delta: float) -> int:
    """The fewest labels at which `log_e` certifies `max_error` with `wrong` wrong ones among them."""
    limit, high = math.log(1 / delta), wrong + 1
    while log_e(wrong, high, max_error) < limit:
        high *= 2
    low = max(wrong, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_e(wrong, middle, max_error) >= limit else (middle, high)
    return high


def rate_at_most(wrong: int, labels: int, delta: float) -> float:
    """An upper bound of the error rate that holds at every moment at once, with confidence 1 - delta.

    Theorem: `log_e` rises with the rate it refutes, so the refuted ones are an interval that ends at 1.
    Assumes and does not promise: as `log_e`.
    """
    limit, low, high = math.log(1 / delta), 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        refuted = 0 < middle < 1 and log_e(wrong, labels, middle) >= limit
        low, high = (low, middle) if refuted else (middle, high)
    return high


class FiniteRate:
    """Evidence against "more than `wrong_allowed` rows of a finite batch are wrong", labelled in random order.

    Theorem: Waudby-Smith and Ramdas 2020 (sampling without replacement) with likelihood-ratio bets: under the
    hypothesis the next row is wrong with a chance of at least (wrong_allowed + 1 - wrong so far) / (rows left).
    Assumes: rows are labelled in an order drawn by chance alone.
    Does not promise: to be as cheap as the exact test of a fixed sample (`binomial.remainder_p_value`).
    """

    def __init__(self, population: int, wrong_allowed: int) -> None:
        if not 0 <= wrong_allowed <= population:
            raise ValueError(f"{wrong_allowed} wrong of {population} rows cannot be. Count the rows again.")
        self.population = population
        self.wrong_allowed = wrong_allowed
        self.labels = 0
        self.wrong = 0
        self._logs = list(LOG_WEIGHTS)

    def see(self, wrong: bool) -> None:  # noqa: FBT001 - the one thing there is to say
        """One more label."""
        left = self.population - self.labels
        if not left:
            raise ValueError(f"All {self.population} rows are labelled. There is no further one.")
        chance = min(1.0, max(0.0, (self.wrong_allowed + 1 - self.wrong) / left))
        for index, part in enumerate(FRACTIONS):
            if wrong:
                self._logs[index] += math.log(part) if chance > 0 else 0.0
            else:
                self._logs[index] += (
                    math.inf if chance == 1 else math.log1p(-part * chance) - math.log1p(-chance)
                )
        self.labels += 1
        self.wrong += wrong

    @property
    def log_e(self) -> float:
        """The evidence so far; minus infinity once the hypothesis is known to be true."""
        if self.wrong > self.wrong_allowed:
            return -math.inf
        if self.wrong_allowed + 1 - self.wrong > self.population - self.labels:
            return math.inf
        return log_sum(self._logs)


class Bets:
    """Evidence against "the mean loss is at least `mean`", for losses of at most 1.

    Theorem: Waudby-Smith and Ramdas 2023 (betting): with a fixed stake the wealth prod(1 + stake (mean - loss)) is a
    test martingale at the boundary and a supermartingale beyond it; so is the average over stakes, which does not
    stall where one guessed stake would.
    Assumes: under the hypothesis the loss is at least `mean` on average given the past; losses are at most 1 and at
    least `lowest`.
    Does not promise: to beat `log_e` for losses that are only 0 or 1.
    """

    def __init__(self, mean: float, lowest: float = 0.0) -> None:
        if not lowest < mean < 1:
            raise ValueError(f"The mean is {mean!r}. Give a number between {lowest} and 1.")
        self.mean = mean
        self.lowest = lowest
        boldest = BOLDEST / (1 - mean)
        ratio = (TIMIDEST / BOLDEST) ** (1 / (BETS - 1))
        self.stakes = tuple(boldest * ratio**step for step in range(BETS))
        self._logs = [-math.log(BETS)] * BETS

    def see(self, loss: float, times: int = 1) -> None:
        """The same loss, one or more times in a row."""
        if not self.lowest <= loss <= 1:
            raise ValueError(f"The loss is {loss!r}. Give a number from {self.lowest} to 1.")
        gain = self.mean - loss
        self._logs = [
            log + times * math.log1p(stake * gain) for log, stake in zip(self._logs, self.stakes, strict=True)
        ]

    @property
    def log_e(self) -> float:
        """The evidence so far."""
        return log_sum(self._logs)


def log_e_bounded(losses: Sequence[float], mean: float) -> float:
    """`Bets` over a whole sequence of losses in [0, 1]."""
    bets = Bets(mean)
    for loss in losses:
        bets.see(loss)
    return bets.log_e
