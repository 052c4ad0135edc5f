"""Evidence that may be looked at at any time."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.learn.martingale import (
    Bets,
    FiniteRate,
    labels_for_mixture,
    log_e,
    log_e_bounded,
    rate_at_most,
)

TABLE = {
    0.01: [357, 676, 887, 1085, 1451, 2264],
    0.02: [178, 337, 442, 541, 723, 1129],
    0.05: [70, 133, 175, 214, 287, 448],
    0.10: [34, 65, 86, 105, 141, 221],
}


@pytest.mark.parametrize("max_error", TABLE)
def test_labels_needed_are_those_of_the_grid_mixture(max_error: float) -> None:
    """The certificate would cost more labels than it was shown to."""
    assert [labels_for_mixture(k, max_error, 0.05) for k in (0, 1, 2, 3, 5, 10)] == TABLE[max_error]


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 50), st.floats(0.001, 0.9))
def test_the_evidence_is_a_martingale_at_the_boundary(wrong: int, right: int, rate: float) -> None:
    """It would grow by itself, and certify anything in the end."""
    now = math.exp(log_e(wrong, wrong + right, rate))
    after = rate * math.exp(log_e(wrong + 1, wrong + right + 1, rate)) + (1 - rate) * math.exp(
        log_e(wrong, wrong + right + 1, rate)
    )
    assert after == pytest.approx(now, rel=1e-9)


@settings(deadline=None)
@given(st.integers(0, 20), st.integers(1, 300))
def test_the_upper_bound_is_where_refuting_begins(wrong: int, right: int) -> None:
    """The bound shown beside a rate would not be the one that was proved."""
    bound = rate_at_most(wrong, wrong + right, 0.05)
    assert wrong / (wrong + right) < bound <= 1
    if bound < 0.999:
        assert log_e(wrong, wrong + right, bound) >= math.log(20) - 1e-6


def test_false_certificates_are_rare_however_often_one_looks() -> None:
    """Peeking would certify what is not so."""
    chance, false = random.Random(1), 0
    for _ in range(300):
        wrong = 0
        for labels in range(1, 600):
            wrong += chance.random() < 0.05
            if log_e(wrong, labels, 0.05) >= math.log(20):
                false += 1
                break
    assert false <= 26  # binomial(300, .05) exceeds this with a chance of .003


def test_a_finite_batch_is_known_when_it_is_labelled() -> None:
    """A fully labelled batch would stay in doubt, or a bad one would be certified."""
    good, bad = FiniteRate(50, 2), FiniteRate(50, 2)
    for row in range(50):
        good.see(row in {3, 4})
        bad.see(row in {3, 4, 5})
    assert good.log_e == math.inf
    assert bad.log_e == -math.inf
    with pytest.raises(ValueError, match="no further"):
        good.see(False)


def test_false_certificates_of_a_finite_batch_are_rare() -> None:
    """A batch just above its limit would be certified too often."""
    chance, false = random.Random(2), 0
    for _ in range(300):
        rows = [True] * 21 + [False] * 179
        chance.shuffle(rows)
        rate = FiniteRate(200, 20)
        for row in rows:
            rate.see(row)
            if rate.log_e >= math.log(20):
                false += 1
                break
    assert false <= 26


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=40))
def test_bets_do_not_depend_on_how_losses_are_told(losses: list[float]) -> None:
    """Counting agreements in bulk would change the gate's ruling."""
    one, many = Bets(0.2), Bets(0.2)
    for loss in losses:
        one.see(loss)
        one.see(loss)
        many.see(loss, 2)
    assert one.log_e == pytest.approx(many.log_e, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.01, 0.9))
def test_bets_are_fair_at_the_boundary(mean: float) -> None:
    """Wealth would grow under the hypothesis."""
    bets = [Bets(mean), Bets(mean)]
    bets[0].see(1.0)
    bets[1].see(0.0)
    assert mean * math.exp(bets[0].log_e) + (1 - mean) * math.exp(bets[1].log_e) == pytest.approx(1)


def test_small_losses_are_certified() -> None:
    """Evidence for losses between 0 and 1 would never come."""
    assert log_e_bounded([0.02] * 200, 0.1) > math.log(20)
    assert log_e_bounded([0.2] * 200, 0.1) < 0
    with pytest.raises(ValueError, match="loss"):
        log_e_bounded([1.2], 0.1)
