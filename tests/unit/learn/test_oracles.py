"""Our mathematics beside that of libraries others keep; they stand in the dependency group `oracles`."""

import random

import pytest

from roadworthy.learn.binomial import binomial_p_value
from roadworthy.learn.drift import Drift
from roadworthy.learn.martingale import log_e_bounded

pytestmark = pytest.mark.slow
MISSING = "{} is not installed (dependency group `oracles`)"


def test_mapie_gives_the_same_p_values() -> None:
    """Our exact test would differ from the reference of Learn-then-Test."""
    methods = pytest.importorskip("mapie.risk_control.methods", reason=MISSING.format("MAPIE"))
    numpy = pytest.importorskip("numpy")
    for wrong, labels, limit in [(0, 59, 0.05), (4, 200, 0.05), (12, 250, 0.1), (40, 250, 0.1)]:
        theirs = methods.compute_hoeffding_bentkus_p_value(
            r_hat=numpy.array([wrong / labels]), n_obs=labels, alpha=limit, binary=True
        )
        if wrong < labels * limit:
            assert binomial_p_value(wrong, labels, limit) == pytest.approx(float(theirs[0][0]), rel=1e-6)
        else:
            assert binomial_p_value(wrong, labels, limit) > 0.5


def test_river_and_we_notice_the_same_jump() -> None:
    """Our detector would be slower than a heuristic that promises nothing."""
    drift = pytest.importorskip("river.drift", reason=MISSING.format("river"))
    ours, theirs = [], []
    for seed in range(40):
        chance, mine, other = random.Random(seed), Drift(0.02), drift.ADWIN(delta=0.002)
        for _ in range(1_000):
            other.update(int(chance.random() < 0.01))
        chance = random.Random(seed)
        for _ in range(1_000):
            mine.see(wrong=chance.random() < 0.01)
        mine_at = other_at = 2_000
        for number in range(2_000):
            wrong = chance.random() < 0.16
            if mine_at == 2_000 and mine.see(wrong=wrong):
                mine_at = number
            other.update(int(wrong))
            if other_at == 2_000 and other.drift_detected:
                other_at = number
        ours.append(mine_at)
        theirs.append(other_at)
    assert sorted(ours)[20] <= sorted(theirs)[20]


def test_bargain_and_we_agree_that_a_good_sample_is_good() -> None:
    """Our betting would call proved what the reference does not, or much later."""
    bounds = pytest.importorskip("BARGAIN.bounds.betting_bounds", reason=MISSING.format("bargain"))
    numpy = pytest.importorskip("numpy")

    def both(losses: list[float]) -> tuple[bool, bool]:
        still_open = bounds.test_if_true_mean_is_above_m(
            numpy.array([1 - loss for loss in losses]), 0.9, alpha=0.05, without_replacement=False
        )
        return not still_open, log_e_bounded(losses, 0.1) >= 2.996

    assert both([0.0] * 60) == (True, True)
    assert both([0.0] * 10) == (False, False)
    assert both([float(i % 8 == 0) for i in range(300)]) == (False, False)
