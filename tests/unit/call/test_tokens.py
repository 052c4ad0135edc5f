"""Token counts from bytes: a bound that holds, an estimate that learns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._settings import DEFAULTS
from roadworthy.call.tokens import PRIOR_TOKENS_A_BYTE, TokenRate, input_bound


@given(st.text())
def test_the_bound_is_above_one_token_a_byte(text: str) -> None:
    """A reservation would be smaller than what a tokenizer can make of the text."""
    body = text.encode()
    assert input_bound(len(body), DEFAULTS) == len(body) + DEFAULTS.framing_tokens


def test_the_estimate_starts_from_the_prior_and_follows_the_reports() -> None:
    """A forecast for another language would stay wrong however much was reported."""
    rate = TokenRate()
    assert rate.likely(1_000) == round(1_000 * PRIOR_TOKENS_A_BYTE)
    for _ in range(200):
        rate.learn(1_000, 700)
    assert rate.likely(1_000) == pytest.approx(700, rel=0.02)


def test_the_estimate_forgets() -> None:
    """A change of input in the middle of a run would never be noticed."""
    rate = TokenRate()
    for _ in range(5_000):
        rate.learn(1_000, 200)
    for _ in range(5_000):
        rate.learn(1_000, 600)
    assert rate.likely(1_000) > 550
