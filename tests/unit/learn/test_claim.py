"""Certificates stated anew from counts: epochs, lives, and an adversary who knows every coin once it has fallen."""

import random

from roadworthy._secret import Secret
from roadworthy.keep.audits import PASSED, PENDING, RIGHT, WRONG, AuditCount
from roadworthy.keep.rulings import standing
from roadworthy.learn.claim import claim_of
from roadworthy.learn.coin import is_audited


def count(epoch: int, life: int, opened: float, state: str, number: int, newest: int) -> AuditCount:
    """So many answers of an epoch in one state."""
    return AuditCount(epoch, life, opened, opened, state, number, newest)


def test_the_epoch_of_the_newest_answer_is_the_one_that_certifies() -> None:
    """Answers of a model that is gone would certify the one that took its place."""
    old = [count(1, 1, 0.5, PASSED, 500, 900), count(1, 1, 0.5, RIGHT, 500, 1000)]
    new = [count(2, 1, 0.5, PENDING, 3, 1003)]
    assert claim_of("s", old, max_error=0.05, delta=0.05, share=0.5).is_certified
    found = claim_of("s", old + new, max_error=0.05, delta=0.05, share=0.5)
    assert not found.is_certified
    assert (found.certified, found.uncertified, found.epochs) == ((1,), (2,), 2)
    assert (found.epoch.accepted, found.life.accepted) == (3, 1003)


def test_a_lower_share_begins_a_new_life() -> None:
    """The certificate of a life would be stated with a share that some of its answers were not audited with."""
    rows = [count(1, 1, 0.5, RIGHT, 40, 40), count(2, 2, 0.1, PASSED, 60, 100)]
    found = claim_of("s", rows, max_error=0.05, delta=0.05, share=0.1)
    assert (found.life.accepted, found.epochs) == (60, 1)


def test_an_adversary_who_errs_until_caught_does_not_cross_the_bound() -> None:
    """Whoever sees each coin once it has fallen could err where the certificate does not look."""
    crossed = 0
    for seed in range(200):
        chance, secret = random.Random(seed), Secret(f"secret {seed}")
        counts, wrong_left, crossing, pause = dict.fromkeys((PASSED, RIGHT, WRONG), 0), 0, False, 0
        for number in range(400):
            bad = pause == 0 and chance.random() < 0.3
            pause = max(0, pause - 1)
            picked = is_audited(secret, str(number), "1", 0.2)
            counts[(WRONG if bad else RIGHT) if picked else PASSED] += 1
            wrong_left += bad and not picked
            pause = 30 if bad and picked else pause
            if bad or picked:
                rows = [count(1, 1, 0.2, state, n, number) for state, n in counts.items() if n]
                stated = claim_of("s", rows, max_error=0.05, delta=0.05, share=0.2).epoch
                crossing = crossing or wrong_left > stated.wrong_at_most
        crossed += crossing
    assert crossed <= 20, "at .05 more than 20 of 200 happens once in a thousand"


def test_what_rulings_come_to() -> None:
    """Two readers who disagree would count as one of them, or a settled dispute would stay open."""
    cases = {
        (): PENDING,
        ("right",): RIGHT,
        ("reject",): WRONG,
        ("", "right"): RIGHT,
        ("right", "wrong"): "disputed",
        ("wrong", "reject"): WRONG,
        ("right", "wrong", ""): "disputed",
        ("right", "wrong", "right"): RIGHT,
        ("right", "wrong", "wrong"): WRONG,
    }
    assert {given: standing(given) for given in cases} == cases
