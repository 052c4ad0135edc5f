"""The audit certificate and its coin."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy._errors import WrongUse
from roadworthy._secret import Secret
from roadworthy.learn.certificate import (
    Audits,
    Epochs,
    State,
    Tally,
    Terms,
    clean_answers_needed,
    clean_audits_needed,
    share_for,
)
from roadworthy.learn.coin import coin, is_audited

TABLE = {
    0.05: [70, 133, 175, 214, 251, 287],
    0.1: [34, 65, 86, 105, 124, 141],
    0.2: [16, 31, 41, 51, 60, 68],
    0.02: [178, 337, 442, 541, 634, 723],
}


@pytest.mark.parametrize("share", TABLE)
def test_the_look_up_is_the_published_one(share: float) -> None:
    """The bound would differ from the one whose validity was simulated."""
    found = [Audits(Terms(0.02, share), Tally(10**6, 0, {share: k})).certificate() for k in range(6)]
    assert [c.wrong_at_most + 1 + c.caught for c in found] == TABLE[share]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.1, 0.3, 1.0])), max_size=40),
    st.sampled_from([0.1, 0.3, 1.0]),
)
def test_one_more_wrong_answer_leaves_the_evidence_fair(
    past: list[tuple[bool, bool, float]], share: float
) -> None:
    """The proof would not hold for audit shares that vary."""
    audits = Audits(Terms(0.02, 0.1))
    wrong = 0
    for bad, audited, one in past:
        audits.accept(one, audited=audited or one == 1)
        if audited or one == 1:
            audits.rule(one, wrong=bad)
        wrong += bad

    found = Audits(Terms(0.02, 0.1), audits.tally)
    found.accept(share, audited=True)
    before = [s * wrong - f for s, f in zip(audits._slopes, audits._thetas, strict=True)]
    hit = [s * (wrong + 1) - f for s, f in zip(found._slopes, found._thetas, strict=True)]
    for slope, old, new in zip(audits._slopes, before, hit, strict=True):
        missed = math.exp(old + slope)
        assert share * math.exp(new) + (1 - share) * missed == pytest.approx(math.exp(old), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 8), st.integers(0, 8))
def test_pending_audits_count_as_wrong(clean: int, caught: int, pending: int) -> None:
    """Leaving audits unread would make a certificate better."""
    whole = Audits(Terms(0.05, 0.2), Tally(5_000, clean, {0.2: caught}, {0.2: pending})).certificate()
    for clean_ones in range(pending + 1):
        ruled = Tally(5_000, clean + clean_ones, {0.2: caught + pending - clean_ones}, {})
        assert Audits(Terms(0.05, 0.2), ruled).certificate().wrong_at_most <= whole.wrong_at_most
    assert whole.pending == pending


def test_states_follow_the_counts() -> None:
    """A reader would take "too early" for "proved"."""
    terms = Terms(0.02, 0.1)
    needed = clean_answers_needed(terms)
    assert needed == 1_650
    audits = Audits(terms)
    assert audits.certificate().state is State.CALIBRATING
    assert audits.certificate().sentence == "Nothing is accepted yet, so nothing is certified."
    assert Audits(terms, Tally(needed - 1)).certificate().state is State.CALIBRATING
    assert Audits(terms, Tally(needed)).certificate().state is State.CERTIFIED
    assert Audits(terms, Tally(needed, 100, {0.1: 9})).certificate().state is State.NOT_CERTIFIED
    text = Audits(terms, Tally(3_000, 280, {0.1: 2}, {0.1: 1})).certificate().sentence
    assert text == (
        "Of the 3,000 accepted so far at most 102 (3.4%) are wrong by the reviewers' judgement, with confidence 95%. "
        "Not certified for 2.0%. 283 audited, 2 found wrong and mended, 1 not ruled yet and counted as wrong."
    )


def test_what_plan_says() -> None:
    """The team would be told a wrong price for its certificate."""
    assert clean_audits_needed(Terms(0.02, 0.05)) <= 180
    assert clean_answers_needed(Terms(0.03, 0.05)) == 2_300
    assert clean_answers_needed(Terms(0.03, 1.0)) == 1
    share = share_for(2_300, 0.03)
    assert (
        clean_answers_needed(Terms(0.03, share)) <= 2_300 < clean_answers_needed(Terms(0.03, share - 0.002))
    )


def test_everything_audited_is_everything_known() -> None:
    """With every answer checked something would still be in doubt."""
    audits = Audits(Terms(0.02, 1.0))
    for number in range(50):
        audits.accept(1.0, audited=True)
        audits.rule(1.0, wrong=number % 10 == 0)
    certificate = audits.certificate()
    assert (certificate.wrong_at_most, certificate.caught) == (0, 5)


@pytest.mark.parametrize("kind", ["steady", "pausing"])
def test_the_bound_is_seldom_crossed(kind: str) -> None:
    """An adversary, or plain chance, would break the promise more often than delta."""
    crossed = 0
    for seed in range(150):
        chance, audits, wrong, rest = random.Random(seed), Audits(Terms(0.05, 0.2)), 0, 0
        for _ in range(400):
            bad = chance.random() < 0.05 if kind == "steady" else rest == 0
            rest = max(0, rest - 1)
            audited = chance.random() < 0.2
            audits.accept(0.2, audited=audited)
            if audited:
                audits.rule(0.2, wrong=bad)
                rest = 100 if bad else rest
            wrong += bad and not audited
            if bad and wrong > audits.certificate().wrong_at_most:
                crossed += 1
                break
    assert crossed <= 16  # binomial(150, .05) exceeds this with a chance of .001


def test_epochs_stand_beside_the_lifetime() -> None:
    """A long good past would hide a bad present."""
    epochs = Epochs(Terms(0.05, 0.1))
    with pytest.raises(ValueError, match="No epoch"):
        epochs.accept(0.1, audited=False)
    epochs.open("first", Terms(0.05, 0.2))
    name = epochs.accept(0.2, audited=True)
    for _ in range(2_000):
        epochs.accept(0.2, audited=False)
    epochs.open("second", Terms(0.05, 0.1))
    epochs.accept(0.1, audited=False)
    epochs.rule(name, 0.2, wrong=True)
    assert epochs.current.certificate().accepted == 1
    assert epochs.current.certificate().caught == 0
    assert epochs.lifetime.certificate().caught == 1
    assert epochs.lifetime.certificate().accepted == 2_002
    with pytest.raises(ValueError, match="epoch"):
        epochs.open("second", Terms(0.05, 0.1))
    with pytest.raises(ValueError, match="below"):
        epochs.open("third", Terms(0.05, 0.01))


def test_a_ruling_is_counted_once() -> None:
    """A ruling that is told twice would make the certificate better than it is."""
    audits = Audits(Terms(0.05, 0.1))
    audits.accept(0.1, audited=True)
    audits.rule(0.1, wrong=False)
    with pytest.raises(ValueError, match="Rule each audit once"):
        audits.rule(0.1, wrong=False)
    with pytest.raises(ValueError, match="below"):
        audits.accept(0.05, audited=False)


@pytest.mark.parametrize("terms", [(0.0, 0.1, 0.05), (0.1, 0.0, 0.05), (0.1, 0.1, 1.0), (1.0, 0.1, 0.1)])
def test_terms_that_cannot_be_met_are_refused(terms: tuple[float, float, float]) -> None:
    """A certificate would be opened that can never say anything."""
    with pytest.raises(WrongUse):
        Terms(*terms)


def test_the_coin_is_fair_repeatable_and_secret() -> None:
    """An author of records could know, or the order of rows could change, which answers are checked."""
    secret = Secret("s" * 32)
    coins = [coin(secret, f"key-{n}", "v1") for n in range(4_000)]
    assert coins[17] == coin(secret, "key-17", "v1")
    assert sum(c < 0.1 for c in coins) == pytest.approx(400, abs=75)
    assert coin(secret, "key-17", "v2") != coins[17] != coin(Secret("t" * 32), "key-17", "v1")
    assert coin(secret, "a", "bc") != coin(secret, "ab", "c")
    assert is_audited(secret, "key-17", "v1", 1.0)
    assert coin(secret, "\udc80", "v1") < 1
    with pytest.raises(ValueError, match="share"):
        is_audited(secret, "key-17", "v1", 0.0)


@pytest.mark.parametrize(
    ("max_error", "delta", "said"),
    [
        (0.02, 0.05, ("2.0%", "confidence 95%")),
        (0.0125, 0.005, ("1.25%", "confidence 99.5%")),
        (0.0004, 0.001, ("0.04%", "confidence 99.9%")),
    ],
)
def test_what_was_promised_is_said_with_all_its_digits(
    max_error: float, delta: float, said: tuple[str, str]
) -> None:
    """A certificate would claim a confidence of 100%, or a smaller share of wrong answers than it proves."""
    text = Audits(Terms(max_error, 0.1, delta), Tally(3_000, 280, {0.1: 2}, {0.1: 1})).certificate().sentence
    assert all(words in text for words in said), text
