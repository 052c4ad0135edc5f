"""Whether counted answers are distributed as earlier ones were: an exact test on bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from roadworthy.learn.binomial import log_hypergeometric_tail


def shift_p_value(before: Sequence[int], now: Sequence[int]) -> float:
    """The chance that counts by ordered bins differ so much where nothing changed; at most that.

    Theorem: given all of them together, how many of the newer ones lie below a cut between two bins is
    hypergeometric (Fisher's exact test, two-sided as twice the smaller tail); the smallest p-value of the cuts, times
    the number of cuts that can tell anything (Bonferroni), is a p-value. The number of such cuts depends on the sums
    alone, so the test stays exact.
    Assumes: while nothing changed, every order of the answers is as likely (exchangeable). An input that is sorted,
    or that differs by weekday, is not; then what is found is a change of the input, and true.
    Does not promise: that a change is found, nor that it has anything to do with errors.
    """
    if len(before) != len(now):
        raise ValueError(f"{len(before)} bins before and {len(now)} now. Count into the same bins.")
    new, whole = sum(now), sum(now) + sum(before)
    if not new or whole == new:
        return 1.0
    found = [
        _two_sided(below_now, whole, below_before + below_now, new)
        for below_before, below_now in list(zip(accumulate(before), accumulate(now), strict=True))[:-1]
        if 0 < below_before + below_now < whole
    ]
    return min(1.0, len(found) * min(found)) if found else 1.0


def _two_sided(found: int, whole: int, marked: int, drawn: int) -> float:
    low = log_hypergeometric_tail(found, whole, marked, drawn)
    high = log_hypergeometric_tail(drawn - found, whole, whole - marked, drawn)
    return min(1.0, 2 * math.exp(min(low, high)))
