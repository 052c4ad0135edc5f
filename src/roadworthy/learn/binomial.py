"""Exact tails of counts: binomial for a sample of a stream, hypergeometric for a sample of a finite batch.

Sums run over terms in log space (`math.lgamma`), so that a million rows and a chance of 1e-300 are no special case.
"""

from __future__ import annotations

import math
from collections.abc import Callable

BISECTIONS = 60  # halvings of [0, 1]: below the spacing of doubles


def log_sum(logs: list[float]) -> float:
    """log(sum(exp(x))) without overflow; minus infinity for nothing."""
    highest = max(logs, default=-math.inf)
    if math.isinf(highest):
        return highest
    return highest + math.log(math.fsum(math.exp(x - highest) for x in logs))


def log_choose(whole: int, part: int) -> float:
    """Log of the binomial coefficient; minus infinity where there is no such choice."""
    if not 0 <= part <= whole:
        return -math.inf
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)


def log_binomial_tail(wrong: int, labels: int, rate: float) -> float:
    """Log P(X <= wrong) for X ~ Binomial(labels, rate), exactly summed.

    Raises:
        ValueError: counts that cannot be, or a rate outside [0, 1].
    """
    _check_counts(wrong, labels)
    if not 0 <= rate <= 1:
        raise ValueError(f"The rate is {rate!r}. Give a share from 0 to 1.")
    if wrong >= labels or rate == 0:
        return 0.0
    if rate == 1:
        return -math.inf
    yes, no = math.log(rate), math.log1p(-rate)
    return min(0.0, log_sum([log_choose(labels, k) + k * yes + (labels - k) * no for k in range(wrong + 1)]))


def binomial_p_value(wrong: int, labels: int, max_error: float) -> float:
    """P(X <= wrong) at the boundary: the exact test of "the error rate is above `max_error`".

    Theorem: the binomial tail is decreasing in the rate, so the boundary is the worst case of the hypothesis.
    Assumes: `labels` was fixed before the first label was seen; labels are independent draws from one population.
    Does not promise: anything when the test is repeated as labels arrive (24 % false certificates instead of 5 %,
    measured in benchmarks/doubt); then use `martingale.log_e`. Nothing about the finite rest of a batch either; then
    use `remainder_p_value`.
    """
    return math.exp(log_binomial_tail(wrong, labels, max_error))


def clopper_pearson(wrong: int, labels: int, delta: float) -> float:
    """The highest error rate that `wrong` of `labels` does not refute at level `delta`.

    Theorem: Clopper and Pearson 1934, by inverting the exact binomial test.
    Assumes and does not promise: as `binomial_p_value`.
    """
    _check_counts(wrong, labels)
    if wrong >= labels:
        return 1.0
    limit = math.log(delta)
    return _highest(lambda rate: log_binomial_tail(wrong, labels, rate) > limit)


def labels_for_binomial(wrong: int, max_error: float, delta: float) -> int:
    """The fewest labels, fixed in advance, that certify `max_error` when `wrong` of them turn out wrong."""
    limit = math.log(delta)
    return _fewest(lambda labels: log_binomial_tail(wrong, labels, max_error) <= limit, wrong + 1)


def log_hypergeometric_tail(found: int, population: int, marked: int, drawn: int) -> float:
    """Log P(X <= found), X the marked ones among `drawn` of `population` rows of which `marked` are marked.

    Raises:
        ValueError: counts that cannot be.
    """
    if not (0 <= marked <= population and 0 <= drawn <= population):
        raise ValueError(
            f"{marked} marked and {drawn} drawn of {population} cannot be. Count the rows again."
        )
    if found < 0:
        return -math.inf
    if found >= min(marked, drawn):
        return 0.0
    lowest = max(0, marked + drawn - population)
    whole = log_choose(population, drawn)
    terms = (
        log_choose(marked, k) + log_choose(population - marked, drawn - k) for k in range(lowest, found + 1)
    )
    return min(0.0, log_sum(list(terms)) - whole)


def remainder_p_value(population: int, sample: int, wrong_seen: int, wrong_allowed: int) -> float:
    """The exact test of "more than `wrong_allowed` of the rows that were not sampled are wrong".

    Theorem: under the hypothesis at least `wrong_allowed + 1 + wrong_seen` rows of the batch are wrong, and their
    number in a random sample is hypergeometric, stochastically increasing in how many there are; the boundary is the
    worst case. The value is increasing in `wrong_seen`, which is what lets `peel` stop at the first pass.
    Assumes: the sample is drawn without replacement by chance alone, its size fixed before, from these very rows.
    Does not promise: anything about rows outside the batch.
    """
    _check_counts(wrong_seen, sample)
    marked = wrong_allowed + 1 + wrong_seen
    if marked > population - sample + wrong_seen:
        return 0.0  # there are not that many rows left to be wrong
    return math.exp(log_hypergeometric_tail(wrong_seen, population, marked, sample))


def wrong_left_at_most(population: int, sample: int, wrong_seen: int, delta: float) -> int:
    """With confidence 1 - delta, at most this many of the rows that were not sampled are wrong.

    Theorem, assumptions: inverts `remainder_p_value`.
    """
    rest = population - sample
    return _fewest(
        lambda allowed: remainder_p_value(population, sample, wrong_seen, allowed) <= delta, 0, rest
    )


def _check_counts(wrong: int, labels: int) -> None:
    if not 0 <= wrong <= labels:
        raise ValueError(f"{wrong} wrong of {labels} labels cannot be. Count the labels again.")


def _highest(holds: Callable[[float], bool]) -> float:
    """The end of [0, x] on which `holds`, rounded up."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high


def _fewest(holds: Callable[[int], bool], start: int, end: int | None = None) -> int:
    """The smallest whole number from `start` on at which `holds`, which stays true; `end` where none does."""
    if holds(start):
        return start
    low, step = start, 1
    while not (holds(low + step) if end is None else low + step >= end or holds(low + step)):
        low, step = low + step, step * 2
    high = low + step if end is None else min(low + step, end)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
