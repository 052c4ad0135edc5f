"""Exact tails, against scipy and by counting."""

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.learn.binomial import (
    binomial_p_value,
    clopper_pearson,
    labels_for_binomial,
    log_binomial_tail,
    log_hypergeometric_tail,
    remainder_p_value,
    wrong_left_at_most,
)

TABLE = {
    0.01: [299, 473, 628, 773, 1049, 1693],
    0.02: [149, 236, 313, 386, 523, 845],
    0.05: [59, 93, 124, 153, 208, 336],
    0.10: [29, 46, 61, 76, 103, 167],
}


@pytest.mark.parametrize("max_error", TABLE)
def test_labels_needed_are_those_of_clopper_and_pearson(max_error: float) -> None:
    """`plan` would ask for too few labels, or pay for too many."""
    assert [labels_for_binomial(k, max_error, 0.05) for k in (0, 1, 2, 3, 5, 10)] == TABLE[max_error]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 1_500), st.floats(0, 1), st.floats(1e-4, 0.9999))
def test_tails_agree_with_scipy(labels: int, part: float, rate: float) -> None:
    """A p-value would be wrong in the digits that decide."""
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed (extra `learn`)")
    wrong = int(part * labels)
    ours = log_binomial_tail(wrong, labels, rate)
    if ours > -500:  # beyond -550 scipy's logcdf itself loses digits (242 labels, 30 wrong, 31/32: the 7th)
        assert ours == pytest.approx(stats.binom.logcdf(wrong, labels, rate), rel=1e-7, abs=1e-9)
    if wrong < labels:
        bound = stats.beta.ppf(0.95, wrong + 1, labels - wrong)
        assert clopper_pearson(wrong, labels, 0.05) == pytest.approx(bound, rel=1e-8)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 2_000), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_sampling_tails_agree_with_scipy(population: int, a: float, b: float, c: float) -> None:
    """A batch would be certified by a wrong tail."""
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed (extra `learn`)")
    marked, drawn = int(a * population), int(b * population)
    found = int(c * min(marked, drawn))
    ours = math.exp(log_hypergeometric_tail(found, population, marked, drawn))
    assert ours == pytest.approx(stats.hypergeom.cdf(found, population, marked, drawn), rel=1e-6, abs=1e-12)


def test_the_remainder_test_is_exact_by_counting() -> None:
    """The chance of a false certificate would exceed delta on some batch."""
    rows, sample, allowed, delta = 12, 5, 2, 0.2
    for wrong in range(rows + 1):
        false = total = 0
        for drawn in combinations(range(rows), sample):
            seen = sum(row < wrong for row in drawn)
            total += 1
            passes = remainder_p_value(rows, sample, seen, allowed) <= delta
            false += passes and wrong - seen > allowed
        assert false / total <= delta


def test_a_remainder_that_cannot_hold_so_many_is_proved() -> None:
    """A batch that is labelled to the end would never be certified."""
    assert remainder_p_value(10, 10, 3, 0) == 0
    assert wrong_left_at_most(10, 10, 3, 0.05) == 0
    assert wrong_left_at_most(100, 20, 0, 0.05) < 80


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 30))
def test_the_remainder_test_is_monotone_in_what_was_seen(seen: int, allowed: int) -> None:
    """Stopping at the first pass would not be valid."""
    assert remainder_p_value(300, 60, seen, allowed) <= remainder_p_value(300, 60, seen + 1, allowed) + 1e-12


def test_counts_that_cannot_be_are_refused() -> None:
    """A mistake in counting would become a certificate."""
    with pytest.raises(ValueError, match="cannot be"):
        binomial_p_value(3, 2, 0.1)
    with pytest.raises(ValueError, match="cannot be"):
        clopper_pearson(-1, 2, 0.1)
    with pytest.raises(ValueError, match="rate"):
        log_binomial_tail(1, 2, 1.5)
    assert clopper_pearson(2, 2, 0.05) == 1
    assert log_binomial_tail(0, 3, 1.0) == -math.inf
