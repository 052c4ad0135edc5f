"""The test of counts against earlier counts."""

import random

import pytest

from roadworthy.learn.shift import shift_p_value


def drawn(chance: random.Random, weights: list[float], number: int) -> list[int]:
    """Counts by bin."""
    found = chance.choices(range(len(weights)), weights, k=number)
    return [found.count(place) for place in range(len(weights))]


def test_it_is_fishers_exact_test() -> None:
    """Two bins are a 2 x 2 table, and the p-value would not be the one a statistician finds."""
    stats = pytest.importorskip("scipy.stats")
    for before, now in (([90, 10], [30, 20]), ([400, 100], [45, 5]), ([3, 4], [2, 9])):
        low, high = (
            stats.fisher_exact([now, before], alternative=side).pvalue for side in ("less", "greater")
        )
        assert shift_p_value(before, now) == pytest.approx(min(1.0, 2 * min(low, high)))


def test_false_findings_are_as_rare_as_it_says() -> None:
    """Warnings would come of nothing, more often than the setting promises, and nobody would read them."""
    chance = random.Random(11)
    weights = [1.0, 2.0, 5.0, 9.0, 5.0, 2.0, 1.0]
    small = sum(
        shift_p_value(drawn(chance, weights, 300), drawn(chance, weights, 60)) <= 0.05 for _ in range(1_500)
    )
    assert small <= 75 + 3.1 * (1_500 * 0.05 * 0.95) ** 0.5


def test_a_change_is_found() -> None:
    """Nobody would hear of an input that is another one."""
    chance = random.Random(12)
    before = drawn(chance, [1, 2, 5, 9, 5, 2, 1], 2_000)
    now = drawn(chance, [1, 1, 2, 5, 9, 5, 2], 500)
    assert shift_p_value(before, now) < 1e-6


def test_nothing_to_compare_with_is_no_finding() -> None:
    """The first reading would warn, or divide by zero."""
    assert shift_p_value([0, 0], [5, 5]) == 1.0
    assert shift_p_value([5, 5], [0, 0]) == 1.0
    assert shift_p_value([5, 0], [5, 0]) == 1.0
    with pytest.raises(ValueError, match="same bins"):
        shift_p_value([1], [1, 2])
