"""Calibration and the small logistic regression."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.learn.calibration import calibration_error, fit_isotonic, fit_platt, venn_abers
from roadworthy.learn.logistic import fit_logistic, logit, sigmoid, solve

PAIRS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=30)


@settings(deadline=None)
@given(PAIRS)
def test_isotonic_rises_and_keeps_the_mean(pairs: list[tuple[int, bool]]) -> None:
    """A surer answer could get a higher chance of being wrong."""
    scores, wrong = [float(s) for s, _ in pairs], [w for _, w in pairs]
    fitted = fit_isotonic(scores, wrong)
    chances = [fitted.chance(score) for score in sorted(scores)]
    assert chances == sorted(chances)
    assert sum(chances) == pytest.approx(sum(wrong))
    assert fitted.chance(-1) == fitted.chances[0]


@settings(deadline=None)
@given(PAIRS)
def test_isotonic_agrees_with_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    """The pooled blocks would be wrong."""
    isotonic = pytest.importorskip("sklearn.isotonic", reason="scikit-learn is not installed (extra `learn`)")
    scores, wrong = [float(s) for s, _ in pairs], [w for _, w in pairs]
    oracle = isotonic.IsotonicRegression().fit(scores, wrong).predict(scores)
    fitted = fit_isotonic(scores, wrong)
    assert [fitted.chance(score) for score in scores] == pytest.approx(list(oracle), abs=1e-9)


def cases(seed: int, count: int) -> tuple[list[tuple[float, float, float]], list[bool]]:
    """Rows of three columns, the last one constant; the first decides."""
    chance = random.Random(seed)
    rows = [(chance.gauss(3, 2), chance.gauss(0, 1), 7.0) for _ in range(count)]
    return rows, [chance.random() < sigmoid(1.5 * row[0] - 5 + 0.5 * row[1]) for row in rows]


def test_logistic_agrees_with_scikit_learn() -> None:
    """Signals would be weighed otherwise than the penalised likelihood says."""
    linear = pytest.importorskip(
        "sklearn.linear_model", reason="scikit-learn is not installed (extra `learn`)"
    )
    rows, outcomes = cases(1, 400)
    fitted = fit_logistic(rows, outcomes, penalty=2.0)
    table = [[(x - m) / s for x, m, s in zip(row, fitted.means, fitted.spreads, strict=True)] for row in rows]
    oracle = linear.LogisticRegression(C=0.5, tol=1e-10, max_iter=1_000).fit(table, outcomes)
    assert fitted.slopes == pytest.approx(list(oracle.coef_[0]), abs=2e-3)
    chances = oracle.predict_proba(table)[:, 1]
    assert [fitted.chance(row) for row in rows] == pytest.approx(list(chances), abs=2e-3)


def test_logistic_stands_separation_and_one_outcome() -> None:
    """The first few labels, all alike, would end in an overflow."""
    fitted = fit_logistic([(0.0,), (1.0,), (2.0,), (3.0,)], [False, False, True, True], penalty=0.1)
    assert fitted.chance((0.0,)) < 0.2 < 0.8 < fitted.chance((3.0,))
    alike = fit_logistic([(0.0,), (1.0,)], [True, True])
    assert 0.5 < alike.chance((0.5,)) <= 1
    with pytest.raises(ValueError, match="outcomes"):
        fit_logistic([], [])


def test_platt_undoes_a_logistic_curve() -> None:
    """A few labels would be fitted by steps of 0 and 1."""
    rows, outcomes = cases(2, 800)
    fitted = fit_platt([row[0] for row in rows], outcomes)
    assert fitted.slope == pytest.approx(1.5, abs=0.3)
    assert calibration_error([fitted.chance(row[0]) for row in rows], outcomes) < 0.05


def test_venn_abers_is_an_interval_that_narrows() -> None:
    """Two labels would look as sure as two hundred."""
    rows, outcomes = cases(3, 200)
    scores = [row[0] for row in rows]
    few, many = venn_abers(scores[:10], outcomes[:10], 3.0), venn_abers(scores, outcomes, 3.0)
    assert 0 <= few[0] <= few[1] <= 1
    assert many[1] - many[0] < few[1] - few[0]


def test_logit_and_solve() -> None:
    """A sure score would become an infinite number."""
    assert sigmoid(logit(0.3)) == pytest.approx(0.3)
    assert [logit(1.0), -logit(0.0)] == pytest.approx([9.2, 9.2], abs=0.1)
    assert sigmoid(-800) == 0
    assert solve([[4.0, 2.0], [2.0, 3.0]], [8.0, 8.0]) == pytest.approx([1.0, 2.0])


def test_a_weight_is_a_repetition() -> None:
    """An audited answer would not stand for those that were not audited."""
    rows, outcomes = cases(6, 60)
    twice = fit_logistic(rows, outcomes, weights=[2.0] * 30 + [1.0] * 30)
    table = [*rows, *rows[:30]]
    repeated = fit_logistic(table, [*outcomes, *outcomes[:30]], scale_on=rows)
    assert twice.slopes == pytest.approx(repeated.slopes, abs=1e-6)
