"""Agreement of two readers."""

import math
import random

import pytest

from roadworthy.learn.agreement import PAIRS_MIN, Agreement

# By hand: observed .7, by chance .5 * .6 + .5 * .4 = .5.
TEXTBOOK = Agreement(both_right=20, first_only=5, second_only=10, neither=15)


def test_kappa_is_the_textbook_one() -> None:
    """The report would state an agreement that no statistician could reproduce."""
    assert TEXTBOOK.observed == 0.7
    assert TEXTBOOK.kappa == pytest.approx(0.4)


@pytest.mark.parametrize("table", [(20, 5, 10, 15), (80, 3, 4, 13), (1, 7, 2, 40), (300, 0, 9, 41)])
def test_kappa_is_scikit_learns(table: tuple[int, int, int, int]) -> None:
    """Our own formula would differ from the library everybody compares with."""
    metrics = pytest.importorskip("sklearn.metrics")
    first = [1] * (table[0] + table[1]) + [0] * (table[2] + table[3])
    second = [1] * table[0] + [0] * table[1] + [1] * table[2] + [0] * table[3]
    assert Agreement(*table).kappa == pytest.approx(metrics.cohen_kappa_score(first, second))


def test_the_interval_covers_what_it_says() -> None:
    """The interval would be narrower than its 95 %: a number nobody may lean on."""
    chance = random.Random(7)
    truth = Agreement(800, 30, 40, 130)
    cells = [(True, True), (True, False), (False, True), (False, False)]
    weights = [truth.both_right, truth.first_only, truth.second_only, truth.neither]
    inside = 0
    for _ in range(400):
        drawn = chance.choices(cells, weights, k=200)
        found = Agreement.of({cell: drawn.count(cell) for cell in cells}).interval
        assert found is not None
        assert truth.kappa is not None
        inside += found[0] <= truth.kappa <= found[1]
    assert inside / 400 >= 0.92


def test_it_says_when_there_are_too_few() -> None:
    """Three pairs would be shown with an interval, as if they told something."""
    few = Agreement(PAIRS_MIN - 6, 1, 1, 3)
    assert few.kappa is not None
    assert few.interval is None
    assert "too few" in few.sentence
    rare = Agreement(100, 1, 1, 1)
    assert rare.interval is None


def test_one_verdict_alone_says_nothing() -> None:
    """A division by zero, or a kappa of 0 where both always agree."""
    same = Agreement(50, 0, 0, 0)
    assert same.kappa is None
    assert "50 of 50" in same.sentence
    assert "says nothing" in same.sentence
    assert Agreement(0, 0, 0, 0).kappa is None
    assert not math.isnan(Agreement(0, 0, 0, 0).observed)
