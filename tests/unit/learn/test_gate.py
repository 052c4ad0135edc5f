"""The promotion gate and the canary."""

import math
import random

import pytest

from roadworthy.learn.gate import Canary, Follower, Gate, Ruling, share_of_delta


def run(gate: Gate, seed: int, new_only: float, old_only: float, most: int) -> Ruling:
    """Records until a ruling: with these chances the new one alone, or the old one alone, is wrong."""
    chance = random.Random(seed)
    for _ in range(most):
        drawn = chance.random()
        if drawn < new_only:
            gate.differ(new_wrong=True, old_wrong=False)
        elif drawn < new_only + old_only:
            gate.differ(new_wrong=False, old_wrong=True)
        else:
            gate.agree()
        if gate.ruling is not Ruling.GO_ON:
            break
    return gate.ruling


def test_a_worse_one_is_seldom_promoted() -> None:
    """A new model that is worse by the margin would be rolled out."""
    rulings = [run(Gate(0.01), seed, 0.02, 0.01, 1_500) for seed in range(80)]
    assert sum(r is Ruling.PROMOTE for r in rulings) <= 10  # binomial(80, .05): .003


def test_equals_are_promoted_with_few_labels() -> None:
    """A harmless change would cost a reviewer's week."""
    labels = []
    for seed in range(40):
        gate = Gate(0.01)
        assert run(gate, seed, 0.01, 0.01, 20_000) is Ruling.PROMOTE
        labels.append(gate.labels)
    assert sum(labels) / len(labels) <= 35


def test_the_first_candidate_wants_few_labels_at_its_own_share_of_delta() -> None:
    """The command would ask for more rulings than were promised: it has less than all of delta."""
    labels = []
    for seed in range(100):
        gate = Gate(0.01, share_of_delta(0.05, 1))
        assert run(gate, seed, 0.01, 0.01, 20_000) is Ruling.PROMOTE
        labels.append(gate.labels)
    assert sum(labels) / len(labels) <= 35


def test_a_much_worse_one_is_rejected_early() -> None:
    """Shadow runs would be paid for long after the matter is settled."""
    gate = Gate(0.01)
    assert run(gate, 1, 0.1, 0.0, 1_000) is Ruling.REJECT
    assert gate.labels < 40
    records = gate.records
    assert gate.agree(1_000_000) is Ruling.REJECT
    assert gate.records == records


def test_agreements_need_nobody() -> None:
    """A person would be asked about answers that are the same."""
    gate = Gate(0.02)
    assert gate.agree(1_000) is Ruling.PROMOTE
    assert gate.labels == 0


def test_a_canary_grows_by_stages_and_an_alarm_ends_it() -> None:
    """A candidate would answer everything at once, or go on after an alarm."""
    canary = Canary()
    assert [canary.percent, canary.certified(), canary.certified(), canary.certified()] == [1, 5, 25, 100]
    assert canary.done
    assert canary.alarm() == 0
    assert canary.certified() == 0
    assert not canary.done


def test_the_follower_is_fair_and_does_not_depend_on_how_it_is_told() -> None:
    """Evidence would grow by itself, or depend on how agreements are counted."""
    one, many = Follower(0.02), Follower(0.02)
    for _ in range(30):
        one.see(0, 1)
    many.see(0, 30)
    for follower in (one, many):
        follower.see(1, 1)
    assert one.log_e == pytest.approx(many.log_e)
    before, after = Follower(0.02), []
    before.see(-1, 1)
    for difference in (1, 0):
        then = Follower(0.02)
        then.see(-1, 1)
        then.see(difference, 1)
        after.append(math.exp(then.log_e))
    assert 0.02 * after[0] + 0.98 * after[1] == pytest.approx(math.exp(before.log_e))
