"""Retry: bounded, never past the deadline, never what cannot help."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._settings import DEFAULTS
from roadworthy.call.reply import Ending, Outcome
from roadworthy.call.retry import GiveUp, Park, Retry, RetryTokens, Wait

FAR = 1e9
NEVER = [
    *(Ending.QUOTA, Ending.AUTH, Ending.GONE, Ending.TOO_LONG, Ending.BAD_REQUEST),
    *(Ending.TRUNCATED, Ending.REFUSED, Ending.FILTERED, Ending.EMPTY),
]
AGAIN = [Ending.TRANSIENT, Ending.THROTTLED, Ending.UNKNOWN, Ending.UNSENT]
CHANCE = st.floats(0, 1, exclude_max=True)


def retry(tokens: RetryTokens | None = None) -> Retry:
    """A request's tries in a lane with its whole budget."""
    return Retry(DEFAULTS, tokens or RetryTokens(DEFAULTS))


@pytest.mark.parametrize("ending", NEVER)
def test_what_cannot_help_is_not_tried_again(ending: Ending) -> None:
    """A refusal, an empty account or a request that is too long would be paid for or sent three times."""
    assert isinstance(retry().after(Outcome(ending), 0, 0.5, FAR), GiveUp)


@pytest.mark.parametrize(
    ("endings", "sends"),
    [
        ([Ending.TRANSIENT] * 9, 3),
        ([Ending.THROTTLED] * 9, 3),
        ([Ending.UNKNOWN] * 9, 2),
        ([Ending.UNSENT] * 9, 3),
        ([Ending.UNSENT, Ending.UNSENT, *[Ending.TRANSIENT] * 9], 5),
        ([Ending.TRANSIENT, Ending.UNSENT, Ending.TRANSIENT, Ending.UNSENT, Ending.TRANSIENT], 5),
        ([Ending.UNKNOWN, Ending.TRANSIENT, Ending.UNKNOWN, Ending.OK], 3),
        ([Ending.TRANSIENT, Ending.QUOTA], 2),
    ],
)
def test_tries_are_counted(endings: list[Ending], sends: int) -> None:
    """A request would be sent more often than the settings allow, or an unseen one more than once again."""
    policy, sent = retry(), 0
    for ending in endings:
        sent += 1
        if not isinstance(policy.after(Outcome(ending), 0, 0.5, FAR), Wait):
            break
    assert sent == sends


@given(
    endings=st.lists(st.sampled_from(AGAIN), min_size=12, max_size=12),
    asked=st.lists(st.none() | st.floats(0, 5_000), min_size=12, max_size=12),
    chance=CHANCE,
    deadline=st.floats(0, 2_000),
)
def test_no_request_is_sent_too_often_or_past_its_deadline(
    endings: list[Ending], asked: list[float | None], chance: float, deadline: float
) -> None:
    """An outage would be multiplied by retries, or a caller's deadline would not hold."""
    policy, now, sent = retry(), 0.0, []
    for ending, wait_s in zip(endings, asked, strict=True):
        sent.append(ending)
        action = policy.after(Outcome(ending, retry_after_s=wait_s), now, chance, deadline)
        if not isinstance(action, Wait):
            break
        assert action.seconds >= 0
        if ending in {Ending.THROTTLED, Ending.TRANSIENT} and wait_s is not None:
            assert action.seconds >= wait_s
        assert action.seconds <= DEFAULTS.retry_after_cap_s
        now += action.seconds
        assert now < deadline
    else:
        pytest.fail("it never stopped")
    reached = [ending for ending in sent if ending is not Ending.UNSENT]
    assert len(reached) <= DEFAULTS.attempts_max
    assert reached.count(Ending.UNKNOWN) <= 2
    assert sent.count(Ending.UNSENT) <= DEFAULTS.attempts_max


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("before", [0, 1])
def test_throttled_waits_never_fall_below_the_floor(chance: float, before: int) -> None:
    """Low jitter would send every retry into the same minute's quota."""
    policy = retry()
    for _ in range(before):
        policy.after(Outcome(Ending.THROTTLED), 0, chance, FAR)
    action = policy.after(Outcome(Ending.THROTTLED), 0, chance, FAR)
    assert isinstance(action, Wait)
    assert DEFAULTS.throttle_floor_s <= action.seconds <= DEFAULTS.throttle_floor_s * 2**before


@given(CHANCE, st.floats(1, 200))
def test_retry_after_is_a_floor_with_a_little_jitter(chance: float, asked: float) -> None:
    """Workers would come back too early, or all in the same instant."""
    action = retry().after(Outcome(Ending.THROTTLED, retry_after_s=asked), 0, chance, FAR)
    assert isinstance(action, Wait)
    assert asked <= action.seconds <= asked * 1.1 + 1e-9


@pytest.mark.parametrize("ending", [Ending.THROTTLED, Ending.TRANSIENT])
def test_a_wait_longer_than_the_cap_or_the_deadline_parks(ending: Ending) -> None:
    """A provider that says 3600 would hold a slot for an hour."""
    long = Outcome(ending, retry_after_s=3_600)
    assert isinstance(retry().after(long, 0, 0.5, FAR), Park)
    assert isinstance(retry().after(Outcome(ending, retry_after_s=60), 0, 0.5, 59), Park)


@given(CHANCE)
def test_transient_backoff_is_full_jitter(chance: float) -> None:
    """Retries after an outage would arrive together."""
    policy = retry()
    for top in (DEFAULTS.backoff_base_s, DEFAULTS.backoff_base_s * 2):
        action = policy.after(Outcome(Ending.TRANSIENT), 0, chance, FAR)
        assert action == Wait(chance * top)


def test_a_lane_retries_a_share_of_its_successes_and_no_more() -> None:
    """An outage would be met with three times the traffic."""
    tokens = RetryTokens(DEFAULTS)
    retried = 0
    for _ in range(1_000):
        retried += isinstance(retry(tokens).after(Outcome(Ending.TRANSIENT), 0, 0.5, FAR), Wait)
    assert retried == DEFAULTS.retry_budget_burst
    for _ in range(1_000):
        tokens.earn()
        retried += isinstance(retry(tokens).after(Outcome(Ending.TRANSIENT), 0, 0.5, FAR), Wait)
    assert retried <= DEFAULTS.retry_budget_burst + math.ceil(1_000 * DEFAULTS.retry_budget_ratio)
    assert retried >= DEFAULTS.retry_budget_burst + 90


def test_throttled_tries_and_parked_ones_leave_the_retry_budget_alone() -> None:
    """A throttled minute, or retries that were never sent, would use up what an outage needs."""
    tokens = RetryTokens(DEFAULTS)
    for _ in range(100):
        retry(tokens).after(Outcome(Ending.THROTTLED), 0, 0.5, FAR)
        retry(tokens).after(Outcome(Ending.TRANSIENT), 0, 0.5, 0)
    assert [tokens.spend() for _ in range(DEFAULTS.retry_budget_burst)] == [
        True
    ] * DEFAULTS.retry_budget_burst
    assert not tokens.spend()


@pytest.mark.parametrize(
    ("endings", "reason"),
    [
        ([Ending.UNKNOWN] * 2, "two tries ended unseen"),
        ([Ending.TRANSIENT] * 3, "3 tries brought no answer: HTTP 500"),
        ([Ending.UNSENT] * 3, "3 tries brought no answer: HTTP 500"),
    ],
)
def test_what_is_not_tried_again_is_parked_with_the_reason(endings: list[Ending], reason: str) -> None:
    """A record would be lost or given up where the provider may come back, and nobody could say why."""
    policy = retry()
    for ending in endings[:-1]:
        assert isinstance(policy.after(Outcome(ending), 0, 0.5, FAR), Wait)
    parked = policy.after(Outcome(endings[-1], detail="HTTP 500"), 0, 0.5, FAR)
    assert isinstance(parked, Park)
    assert parked.reason.startswith(reason)
