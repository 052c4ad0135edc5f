"""Alarms and early warnings."""

import random

from roadworthy.learn.drift import Drift, EarlyWarning, Shift


def labels_until(alarm: Drift, rate: float, seed: int, most: int) -> int:
    """How many labels the alarm takes, or `most`."""
    chance = random.Random(seed)
    for number in range(1, most + 1):
        if alarm.see(wrong=chance.random() < rate):
            return number
    return most


def test_four_times_the_errors_are_noticed_soon() -> None:
    """Drift would go on for hundreds of audits."""
    delays = sorted(labels_until(Drift(0.02), 0.08, seed, 1_000) for seed in range(60))
    assert delays[30] <= 110


def test_allowed_errors_seldom_alarm() -> None:
    """People would learn to ignore the alarm."""
    alarms = sum(labels_until(Drift(0.02), 0.02, seed, 500) < 500 for seed in range(100))
    assert alarms <= 16  # at most 500 / 5000 on average; exceeded with a chance of .02


def test_a_restart_forgets() -> None:
    """The alarm would ring for ever after the cause is gone."""
    drift = Drift(0.02)
    while not drift.see(wrong=True):
        pass
    drift.restart()
    assert not drift.alarm


def test_a_shift_of_scores_warns_and_the_same_scores_do_not() -> None:
    """A new kind of input would reach the people only with their first audits."""
    warned = quiet = 0
    for seed in range(20):
        chance = random.Random(seed)
        same, moved = Shift(), Shift()
        for _ in range(600):
            value = chance.gauss(0, 1)
            same.see(value, chance.random())
            moved.see(value, chance.random())
        quiet += not same.warning
        for _ in range(300):
            moved.see(chance.gauss(1.5, 1), chance.random())
        warned += moved.warning
    assert quiet >= 17
    assert warned >= 19


def test_ties_do_not_warn() -> None:
    """A yes-or-no number, such as accepted, would warn by being discrete."""
    chance, shift = random.Random(3), Shift()
    assert not any(shift.see(float(chance.random() < 0.8), chance.random()) for _ in range(1_000))


def test_another_served_model_is_noticed_at_once() -> None:
    """A provider would swap the model and the old certificate would go on."""
    early = EarlyWarning()
    assert not early.see_model("gpt", "gpt-0613")
    assert not early.see_model("gpt", "gpt-0613")
    assert early.see_model("gpt", "gpt-1106")
    assert not early.see("length", 12, 0.5)
    assert early.warnings == ()
    for _ in range(200):
        early.see("length", 900, 0.99)
        early.see("score", 1, 0.0)
    assert set(early.warnings) <= {"length", "score"}
    assert early.warnings
