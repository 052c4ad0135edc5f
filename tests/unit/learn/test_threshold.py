"""Learn-then-test over one scalar."""

import math
import random

import pytest

from roadworthy.learn.threshold import (
    Spending,
    Threshold,
    Trickle,
    caps_of,
    choose,
    choose_for_batch,
    power_of,
    start_of,
)


def answers(seed: int, count: int) -> tuple[list[float], list[bool]]:
    """Doubts in [0, .5], each wrong with just that chance."""
    chance = random.Random(seed)
    doubts = [chance.random() / 2 for _ in range(count)]
    return doubts, [chance.random() < doubt for doubt in doubts]


def test_the_cap_keeps_its_promise() -> None:
    """More than delta of the thresholds would let through more than max_error."""
    caps, false, found = [step / 100 for step in range(1, 51)], 0, 0
    tune = answers(10_000, 500)
    start = start_of(caps, *tune, labels=400, max_error=0.1, delta=0.1)
    for seed in range(200):
        chosen = choose(caps, start, *answers(seed, 400), max_error=0.1, delta=0.1)
        found += chosen.cap is not None
        false += chosen.cap is not None and chosen.cap / 2 > 0.1
    assert found > 120
    assert false <= 32  # binomial(200, .1): .002


def test_a_start_at_the_top_would_find_nothing() -> None:
    """One early error among few answers would stop the sequence at its first step."""
    caps = [0.01, 0.1, 0.2]
    doubts, wrong = [0.005] * 3 + [0.05] * 400, [True] + [False] * 402
    assert choose(caps, 0, doubts, wrong, 0.05, 0.1) == Threshold(None, 0, 0, 1)
    start = start_of(caps, doubts, wrong, 400, 0.05, 0.1)
    assert start >= 1
    assert choose(caps, start, doubts, wrong, 0.05, 0.1).cap == 0.2


def test_a_batch_is_certified_by_its_own_remainder() -> None:
    """The rest of a batch would be certified as if it were a population."""
    chance, false, caps = random.Random(5), 0, [0.1, 0.2, 0.3, 0.4, 0.5]
    for seed in range(150):
        doubts, wrong = answers(seed, 600)
        drawn = set(chance.sample(range(600), 200))
        sampled = [(doubts[i], wrong[i]) for i in sorted(drawn)]
        chosen = choose_for_batch(caps, 0, sampled, doubts, 0.12, 0.1)
        if chosen.cap is not None:
            rest = [wrong[i] for i in range(600) if i not in drawn and doubts[i] <= chosen.cap]
            false += sum(rest) > 0.12 * len(rest)
    assert false <= 26  # binomial(150, .1): .002


def test_trickling_labels_certify_cap_after_cap() -> None:
    """Labels that come one by one would have to wait for a fixed number, or be peeked at."""
    trickle = Trickle([0.0, 0.1, 0.2, 0.9], 1, 0.1, 0.05)
    assert trickle.threshold.cap is None
    for _ in range(40):
        trickle.see(0.05, wrong=False)
    assert trickle.threshold == Threshold(0.2, 40, 0, 3) or trickle.threshold.cap == 0.9
    trickle = Trickle([0.1, 0.2], 0, 0.1, 0.05)
    for number in range(200):
        trickle.see(0.05, wrong=False)
        trickle.see(0.15, wrong=number % 3 == 0)
    assert trickle.threshold.cap == 0.1


def test_delta_is_spent_by_events() -> None:
    """Re-calibrating every day would spend more than was allowed."""
    spending = Spending(0.1)
    spent = [spending.next() for _ in range(2_000)]
    assert spending.events == 2_000
    assert spent[0] == pytest.approx(0.1 * 6 / math.pi**2)
    assert 0.0999 < math.fsum(spent) < 0.1


def test_caps_are_quantiles() -> None:
    """Caps would crowd where no answer is."""
    assert caps_of([1, 2, 3, 4], 2) == [2, 4]
    assert caps_of([5, 5, 5], 10) == [5]
    assert len(caps_of(list(range(1_000)), 50)) == 50


def test_power_is_the_chance_to_pass() -> None:
    """A team would be told to label a number that seldom suffices."""
    assert power_of(299, 0.0, 0.01, 0.05) == 1
    assert power_of(298, 0.0, 0.01, 0.05) == 0
    assert 0.8 <= power_of(386, 0.005, 0.02, 0.05) < 0.95
