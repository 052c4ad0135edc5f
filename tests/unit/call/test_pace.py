"""Pace: within the limits in every minute, nothing lost, one cut a pause."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._settings import DEFAULTS
from roadworthy.call.limits import Limits
from roadworthy.call.pace import Bucket, Pace

WIDE = replace(DEFAULTS, lane_concurrency_start=1_000_000, lane_concurrency_max=1_000_000)


def sent(pace: Pace, pauses: Sequence[float], sizes: Sequence[int], count: int) -> list[tuple[float, int]]:
    """Send as fast as the pace allows, with pauses in between; when and how much."""
    now, found = 0.0, []
    for number in range(count):
        size = sizes[number % len(sizes)]
        now += pauses[number % len(pauses)]
        for _look in range(1_000):
            if (wait := pace.wait(now, size)) <= 0:
                break
            now += wait
        else:
            pytest.fail(f"the pace never lets a request of {size} go")
        found.append((now, size))
        pace.ended()
    return found


def most_in_a_minute(found: Sequence[tuple[float, float]]) -> float:
    """The largest sum in any window of 60 s, its end not included."""
    most, first, total = 0.0, 0, 0.0
    for moment, size in found:
        total += size
        while found[first][0] <= moment - 60 + 1e-6:
            total -= found[first][1]
            first += 1
        most = max(most, total)
    return most


def test_a_wait_moves_the_clock() -> None:
    """A wait too short to move the clock would be asked for again and again, and nothing would ever be sent."""
    found = sent(Pace(WIDE, 0, 60_000), [61, 0], [754, 833, 949, 1, 271], 300)
    assert len(found) == 300
    bucket = Bucket(60_000)
    bucket.take(1e6, 1_000)
    bucket.take(1e6, 2e-9)
    assert 1e6 + bucket.wait(1e6, 0) > 1e6


PAUSES = st.lists(st.sampled_from([0.0, 0.0, 0.01, 1.0, 7.0, 61.0]), min_size=1, max_size=6)


@given(st.integers(1, 2_000), PAUSES)
def test_no_minute_has_more_requests_than_the_limit(limit: int, pauses: list[float]) -> None:
    """A provider that counts by the minute would throttle a client that believes it keeps the limit."""
    found = sent(Pace(WIDE, limit), pauses, [0], 3 * min(limit, 200) + 5)
    assert most_in_a_minute([(moment, 1) for moment, _ in found]) <= limit


@given(st.integers(600, 200_000), PAUSES, st.lists(st.floats(0.001, 1), min_size=1, max_size=5))
def test_no_minute_has_more_tokens_than_the_limit(
    limit: int, pauses: list[float], shares: list[float]
) -> None:
    """The same for tokens, whatever the sizes of the requests, as long as each fits into a second's worth."""
    sizes = [max(1, int(share * limit / 60)) for share in shares]
    found = sent(Pace(WIDE, 0, limit), pauses, sizes, 300)
    assert most_in_a_minute(found) <= limit + 1e-6 * limit


@given(st.integers(600, 200_000), st.lists(st.floats(0.001, 0.5), min_size=1, max_size=5))
def test_a_large_request_goes_past_the_limit_by_less_than_itself(limit: int, shares: list[float]) -> None:
    """A request above a second's worth would never be sent, or would be paid back by nobody."""
    sizes = [max(1, int(share * limit)) for share in shares]
    found = sent(Pace(WIDE, 0, limit), [0.0], sizes, 60)
    assert most_in_a_minute(found) <= limit + max(sizes)
    whole = [size for _, size in found]
    assert found[-1][0] <= (sum(whole) / limit) * 60 * 1.05 + 2, "and the limit is used"


def test_the_limit_is_used() -> None:
    """Keeping within the limit by sending half of it would double the time of a run."""
    for limit in (1, 60, 90, 600, 5_000):
        found = sent(Pace(WIDE, limit), [0.0], [0], 2 * limit + 1)
        assert found[-1][0] <= 120 * 1.04


@given(
    st.integers(1_000, 100_000),
    st.lists(st.tuples(st.integers(1, 900), st.integers(0, 2_000)), min_size=1, max_size=20),
)
def test_tokens_are_neither_lost_nor_made(limit: int, requests: list[tuple[int, int]]) -> None:
    """Estimates that were wrong would add up until a lane stands still or runs over its limit."""
    settled, exact = Bucket(limit), Bucket(limit)
    for bucket in (settled, exact):
        bucket.take(0, limit)  # far from full, so that nothing runs over
    for likely, actual in requests:
        settled.take(0, likely)
        settled.take(0, actual - likely)
        exact.take(0, actual)
    assert settled.wait(0, 1) == pytest.approx(exact.wait(0, 1))
    settled.take(0, 7)
    settled.take(0, -7)
    assert settled.wait(0, 1) == pytest.approx(exact.wait(0, 1))


def test_no_limit_means_no_wait() -> None:
    """A server of one's own, which says nothing of limits, would be slowed down."""
    pace = Pace(WIDE)
    assert [pace.wait(0, 10**9) for _ in range(1_000)] == [0.0] * 1_000


def test_headers_teach_and_never_raise_what_the_team_said() -> None:
    """A limit that the team shares with another system would be taken whole."""
    pace = Pace(WIDE, 100, 0)
    pace.learn(Limits(5_000, 30_000, None, None, None, None), 0)
    assert (pace.requests.per_minute, pace.tokens.per_minute) == (100, 30_000)
    pace.learn(Limits(50, 40_000, None, None, None, None), 0)
    assert (pace.requests.per_minute, pace.tokens.per_minute) == (50, 40_000)


def test_what_the_provider_says_is_left_is_believed_where_it_is_less() -> None:
    """Another user of the same key would have the lane run into 429s."""
    pace = Pace(WIDE, 600)
    pace.learn(Limits(None, None, 0, None, None, None), 0)
    wait = pace.wait(0, 1)
    assert wait == pytest.approx(60 / (600 - 9))
    pace.learn(Limits(None, None, 10_000, None, None, None), 0)
    assert pace.wait(0, 1) == pytest.approx(wait)


def test_one_burst_of_throttling_shrinks_the_lane_once() -> None:
    """Fifty answers to one mistake would stop the lane nearly for good."""
    pace = Pace(replace(DEFAULTS, lane_concurrency_start=64))
    for _ in range(50):
        assert pace.wait(0, 1) == 0
    for number in range(50):
        pace.ended()
        pace.throttled(number / 100, 5)
    assert pace.slots == pytest.approx(64 * DEFAULTS.lane_decrease)
    assert pace.wait(1, 1) == pytest.approx(0.49 + 5 - 1)
    pace.throttled(6, 5)
    assert pace.slots == pytest.approx(64 * DEFAULTS.lane_decrease**2)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_the_lane_never_shrinks_to_nothing(pauses: list[float]) -> None:
    """A bad hour would leave a lane without a single slot."""
    pace, now = Pace(DEFAULTS), 0.0
    for pause in pauses:
        pace.throttled(now, pause)
        now += pause + 1
    assert pace.slots >= 1
    assert pace.wait(now + 200, 1) == 0


def test_concurrency_grows_only_where_it_is_used() -> None:
    """A quiet hour would raise the limit without a bound, and the next burst would hit the provider at once."""
    quiet = Pace(DEFAULTS)
    for moment in range(1_000):
        assert quiet.wait(moment, 1) == 0
        quiet.answered(moment, 1, 1)
    assert quiet.slots == DEFAULTS.lane_concurrency_start


def _round_trip(pace: Pace) -> None:
    """Answer as many as were on the wire, and keep the lane full."""
    while pace.wait(0, 1) == 0:
        pass
    for _ in range(pace.in_flight):
        pace.answered(0, 1, 1)
        while pace.wait(0, 1) == 0:
            pass


def test_a_lane_starts_slowly_and_doubles_until_it_is_throttled() -> None:
    """Twenty processes that start at once would hit a provider with all they have, or a lane would grow for hours."""
    pace = Pace(DEFAULTS)
    _round_trip(pace)
    grown = pace.slots
    assert grown == 2 * DEFAULTS.lane_concurrency_start
    pace.throttled(-10, 5)
    shrunk = pace.slots
    assert shrunk == pytest.approx(grown * DEFAULTS.lane_decrease)
    for _ in range(pace.in_flight):
        pace.ended()
    _round_trip(pace)
    assert shrunk < pace.slots <= shrunk + 1


def test_a_limit_that_others_draw_on_is_shared() -> None:
    """Several processes with one key would each take the whole limit and be throttled for ever."""
    pace = Pace(WIDE)
    pace.learn(Limits(1_000, None, None, None, None, None), 0)
    for moment in range(3):
        pace.throttled(moment * 10, 1)
    assert pace.requests.per_minute == int(1_000 * DEFAULTS.lane_decrease**3)
    pace.learn(Limits(1_000, None, None, None, None, None), 0)
    assert pace.requests.per_minute == int(1_000 * DEFAULTS.lane_decrease**3), "a header would undo it"
    for moment in range(100):
        assert pace.wait(100 + moment, 1) == 0
        pace.answered(100 + moment, 1, 1)
    assert pace.requests.per_minute == 1_000


def test_a_full_lane_waits_for_a_slot_and_gives_it_back() -> None:
    """More requests than slots would be on the wire, or slots would leak until nothing moves."""
    pace = Pace(replace(DEFAULTS, lane_concurrency_start=2), 600, 6_000)
    assert (pace.wait(0, 10), pace.wait(0, 10)) == (0, 0)
    assert pace.full
    assert math.isinf(pace.wait(0, 10))
    pace.give_back(0, 10)
    pace.ended()
    assert pace.in_flight == 0
    assert pace.wait(0, 10) == 0


@given(st.lists(st.sampled_from(["go", "ended", "answered", "back", "throttled"]), max_size=200))
def test_slots_are_conserved(events: list[str]) -> None:
    """Some order of endings would free a slot twice or never."""
    pace, held, now = Pace(replace(DEFAULTS, lane_concurrency_start=8), 10_000, 0), 0, 0.0
    for event in events:
        now += 0.5
        if event == "go":
            held += pace.wait(now, 1) == 0
        elif event == "throttled":
            pace.throttled(now, 0.1)
        elif held:
            held -= 1
            match event:
                case "ended":
                    pace.ended()
                case "answered":
                    pace.answered(now, 1, None)
                case _:
                    pace.give_back(now, 1)
        assert pace.in_flight == held


def test_what_is_left_is_believed_from_the_moment_it_is_said() -> None:
    """After a pause the lane would take the pause's refill on top of what the provider says is left."""
    bucket = Bucket(6_000)
    bucket.take(0, 100)
    bucket.left(60, 0)
    assert bucket.wait(60, 50) == pytest.approx(50 / ((6_000 - 100) / 60))


@pytest.mark.parametrize("unsent", [True, False])
def test_tokens_that_were_not_used_are_free_again(*, unsent: bool) -> None:
    """A request that did not go, or used less than it was likely to, would keep its tokens from the next one."""
    pace = Pace(WIDE, tokens_per_minute=6_000)
    assert pace.wait(0.0, 100) == 0, "the whole burst"
    assert pace.wait(0.0, 100) > 0
    if unsent:
        pace.give_back(0.0, 100)
    else:
        pace.answered(0.0, 100, 0)
    assert pace.wait(0.0, 100) == 0


def test_a_throttled_lane_goes_down_to_one_slot() -> None:
    """A provider that takes one request at a time would always be sent two."""
    pace = Pace(DEFAULTS)
    for burst in range(50):
        pace.throttled(burst * 100.0, 1.0)
    assert pace.slots == 1.0
