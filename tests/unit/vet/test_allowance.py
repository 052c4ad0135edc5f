"""Rate limits as a provider keeps them: two buckets a model, refilled evenly, told in headers."""

from __future__ import annotations

import pytest

from roadworthy.vet.allowance import FREE, Allowance, duration_text


def test_no_limit_says_nothing() -> None:
    """Headers would tell of limits that are not there."""
    assert Allowance().take("m", 10**9, 0.0) is FREE


def test_what_was_asked_for_is_enough_to_wait() -> None:
    """A client that waits as long as it is told would be refused again."""
    allowance = Allowance(requests_per_minute=60, tokens_per_minute=1_000)
    assert allowance.take("m", 900, 0.0).refused == ""
    refused = allowance.take("m", 700, 0.0)
    assert refused.refused == "tokens"
    assert refused.wait_s == pytest.approx(36.0)
    assert allowance.take("m", 700, refused.wait_s * 0.99).refused == "tokens"
    assert allowance.take("m", 700, refused.wait_s).refused == ""


def test_a_refused_request_takes_nothing() -> None:
    """A refusal for tokens would use up requests."""
    allowance = Allowance(requests_per_minute=2, tokens_per_minute=100)
    for _ in range(5):
        assert allowance.take("m", 101, 0.0).refused == "tokens"
    assert b"x-ratelimit-remaining-requests: 1\r\n" in allowance.take("m", 1, 0.0).headers


def test_models_have_limits_of_their_own() -> None:
    """One model's traffic would throttle another's."""
    allowance = Allowance(requests_per_minute=1)
    assert [allowance.take(model, 1, 0.0).refused for model in ("a", "a", "b")] == ["", "requests", ""]


def test_durations_are_written_as_the_provider_writes_them() -> None:
    """A client could not read the reset headers."""
    assert [duration_text(seconds) for seconds in (0.12, 1.5, 59, 60, 119.99, 360)] == [
        "120ms", "1.5s", "59s", "1m0s", "2m0s", "6m0s",
    ]  # fmt: skip
