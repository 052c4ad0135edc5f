"""The lane: pace, health and account of one provider, model and key, fed by every ending."""

from dataclasses import replace

import pytest

from roadworthy._settings import DEFAULTS
from roadworthy.call.lane import Lane
from roadworthy.call.limits import Limits
from roadworthy.call.reply import Ending, Outcome, Usage


@pytest.mark.parametrize("ending", list(Ending))
def test_every_ending_frees_its_slot(ending: Ending) -> None:
    """Slots would leak with one kind of ending until the lane stands still."""
    lane = Lane("l", DEFAULTS)
    for moment in range(500):
        now = moment * 2_000.0
        assert lane.admit(now, 10) == 0
        lane.saw(Outcome(ending), now, 10)
    assert lane._pace.in_flight == 0


def test_what_was_on_the_wire_when_it_went_down_is_no_news() -> None:
    """The failures of one outage would each be taken for the probe's, or the probe's for one of them."""
    lane, span = Lane("l", replace(DEFAULTS, lane_concurrency_start=20)), DEFAULTS.breaker_open_s
    for _ in range(20):
        assert lane.admit(0, 1) == 0
    for _ in range(20):
        lane.saw(Outcome(Ending.TRANSIENT), 0, 1)
    assert (lane.down, lane.tried_at) == (True, span)
    assert lane.admit(span, 1) == 0
    assert lane.admit(span, 1) == 1.0, "one probe alone"
    lane.saw(Outcome(Ending.TRANSIENT), span, 1)
    assert lane.tried_at == span + 2 * span


@pytest.mark.parametrize("ending", [Ending.QUOTA, Ending.AUTH, Ending.UNTRUSTED])
def test_an_account_that_is_at_its_end_closes_the_lane(ending: Ending) -> None:
    """Every record would find out by itself that the key is dead."""
    lane = Lane("l", DEFAULTS)
    lane.saw(Outcome(ending, detail="HTTP 429 insufficient_quota"), 0, 1)
    assert lane.closed.startswith(f"{ending.value}: ")
    assert "insufficient_quota" not in lane.closed, "a provider's words may quote another record"
    lane.close("another")
    assert lane.closed.startswith(ending.value), "the first reason is the one"
    assert lane.needs_key is (ending is Ending.AUTH)
    lane.reopen()
    assert (lane.closed, lane.needs_key) == ("", False)


def test_a_closed_lane_is_tried_with_one_request_and_closes_again_where_nothing_changed() -> None:
    """A burst would meet an account that is still empty; or a lane be asked again that billed more than it was allowed."""
    lane, span = Lane("l", DEFAULTS), DEFAULTS.breaker_open_cap_s
    lane.saw(Outcome(Ending.QUOTA), 0, 1)
    assert not lane.try_again(span - 1)
    assert lane.try_again(span)
    assert lane.admit(span, 1) == 0
    assert lane.admit(span, 1) == 1.0, "one alone"
    lane.saw(Outcome(Ending.QUOTA), span, 1)
    assert lane.closed.startswith("quota: ")
    assert lane.try_again(2 * span)
    assert lane.admit(2 * span, 1) == 0
    lane.saw(Outcome(Ending.OK), 2 * span, 1)
    assert (lane.closed, lane.down, lane.admit(2 * span, 1)) == ("", False, 0)
    refused = Lane("r", DEFAULTS)
    refused.saw(Outcome(Ending.AUTH), 0, 1)
    assert refused.try_again(span), "the key may have been put right where it was given out"
    dear = Lane("d", DEFAULTS)
    dear.close("it billed more")
    assert not dear.try_again(1e12), "a person opens it"


def test_what_was_under_way_does_not_make_up_for_a_refused_key() -> None:
    """An answer to a request that went out before would end the wait for another key, and the run with it."""
    lane = Lane("l", DEFAULTS)
    lane.saw(Outcome(Ending.AUTH), 0, 1)
    lane.saw(Outcome(Ending.OK), 0, 1)
    assert lane.needs_key
    assert lane.try_again(DEFAULTS.breaker_open_cap_s)
    assert lane.needs_key, "nobody has heard yet"
    lane.saw(Outcome(Ending.OK), DEFAULTS.breaker_open_cap_s, 1)
    assert not lane.needs_key


def test_a_model_is_gone_when_it_is_said_twice_in_a_row() -> None:
    """One 404 of a gateway would close a lane that works, or a retired model be asked for every record."""
    lane = Lane("l", DEFAULTS)
    for ending in (Ending.GONE, Ending.OK, Ending.GONE):
        lane.saw(Outcome(ending), 0, 1)
        assert lane.closed == ""
    lane.saw(Outcome(Ending.GONE, detail="HTTP 404 model_not_found"), 0, 1)
    assert lane.closed == "gone: there is no such model"
    assert not lane.needs_key, "another key does not bring the model back"


CLOSING = {Ending.QUOTA, Ending.AUTH, Ending.GONE, Ending.UNTRUSTED}


@pytest.mark.parametrize("ending", [e for e in Ending if e not in CLOSING])
def test_nothing_else_closes_it(ending: Ending) -> None:
    """One record's refusal or one bad minute would stop all others."""
    lane = Lane("l", DEFAULTS)
    for _ in range(100):
        lane.saw(Outcome(ending), 0, 1)
    assert lane.closed == ""


def test_throttled_pauses_the_whole_lane_for_as_long_as_was_asked() -> None:
    """The record beside the throttled one would run into the same limit."""
    lane = Lane("l", DEFAULTS)
    lane.admit(0, 1)
    lane.saw(Outcome(Ending.THROTTLED, retry_after_s=30), 0, 1)
    assert lane.admit(0, 1) == 30
    assert lane.admit(29.5, 1) == 0.5
    assert lane.admit(30, 1) == 0
    lane.saw(Outcome(Ending.THROTTLED), 40, 1)
    assert lane.admit(40, 1) == DEFAULTS.throttle_floor_s
    lane.saw(Outcome(Ending.THROTTLED, retry_after_s=86_400), 50, 1)
    assert lane.admit(50, 1) == DEFAULTS.retry_after_cap_s, "a hostile header does not stop a lane for a day"


@pytest.mark.parametrize(
    ("ending", "usage", "earns"),
    [
        (Ending.OK, Usage(1, 1), True),
        (Ending.OK, None, True),
        (Ending.REFUSED, Usage(1, 1), True),
        (Ending.TRUNCATED, Usage(1, 1), True),
        (Ending.FILTERED, None, True),
        (Ending.EMPTY, Usage(1, 0), True),
        (Ending.THROTTLED, None, False),
        (Ending.TRANSIENT, Usage(1, 1), False),
        (Ending.BAD_REQUEST, Usage(), False),
        (Ending.UNKNOWN, None, False),
    ],
)
def test_only_answers_earn_retries(ending: Ending, usage: Usage | None, *, earns: bool) -> None:
    """A provider that reports usage with its failures would be retried without a bound."""
    lane = Lane("l", DEFAULTS)
    while lane.retry_tokens.spend():
        pass
    for _ in range(30):
        lane.saw(Outcome(ending, usage=usage), 0, 1)
    assert lane.retry_tokens.spend() is earns


def test_an_open_breaker_stands_before_the_pace() -> None:
    """Requests that the breaker holds back would still spend the minute's tokens."""
    lane = Lane("l", DEFAULTS, requests_per_minute=60)
    for _ in range(DEFAULTS.breaker_failures):
        lane.saw(Outcome(Ending.TRANSIENT), 0, 1)
    assert lane.admit(0, 1) == DEFAULTS.breaker_open_s
    assert lane.admit(DEFAULTS.breaker_open_s, 1) == 0
    assert lane.admit(DEFAULTS.breaker_open_s, 1) > 0


def test_limits_in_an_outcome_reach_the_pace() -> None:
    """What the provider's headers say would be read and forgotten."""
    lane = Lane("l", DEFAULTS)
    lane.admit(0, 1)
    lane.saw(Outcome(Ending.OK, limits=Limits(60, None, 0, None, None, None)), 0, 1)
    assert lane.admit(0, 1) == pytest.approx(1.0)


def test_silence_is_counted_from_its_first_failure() -> None:
    """A run would wait for a dead provider longer than its patience, or stop at the first bad minute."""
    lane = Lane("l", DEFAULTS)
    assert lane.silent_s(5) == 0
    lane.saw(Outcome(Ending.TRANSIENT), 10, 1)
    lane.saw(Outcome(Ending.THROTTLED), 40, 1)
    assert lane.silent_s(70) == 60
    lane.saw(Outcome(Ending.OK), 80, 1)
    assert lane.silent_s(90) == 0


@pytest.mark.parametrize("ending", list(Ending))
def test_only_what_may_pass_by_itself_is_silence(ending: Ending) -> None:
    """A run would give up on a provider that answers, or never on one that does not."""
    lane = Lane("l", DEFAULTS)
    lane.saw(Outcome(ending), 10, 1)
    passing = {Ending.THROTTLED, Ending.TRANSIENT, Ending.UNKNOWN, Ending.UNSENT}
    assert lane.silent_s(70) == (60 if ending in passing else 0)


def test_a_request_that_did_not_go_gives_everything_back() -> None:
    """A budget that is full would eat the lane's slots and its minute."""
    lane = Lane("l", DEFAULTS, requests_per_minute=60)
    for _ in range(500):
        assert lane.admit(0, 10) == 0
        lane.give_back(0, 10)


def test_a_lane_is_waited_for_only_while_it_is_open_silent_and_wanted() -> None:
    """A run would wait for a provider that is closed, that answers, or that nobody asks any more."""
    lane = Lane("l", DEFAULTS)
    lane.saw(Outcome(Ending.TRANSIENT), 5.0, 1)
    assert not lane.is_waited_for(0.0), "nobody has wanted it yet"
    lane.admit(10.0, 1)
    assert lane.is_waited_for(10.0)
    assert not lane.is_waited_for(10.5)
    lane.saw(Outcome(Ending.OK), 11.0, 1)
    assert not lane.is_waited_for(10.0), "it answers"
    lane.saw(Outcome(Ending.TRANSIENT), 12.0, 1)
    lane.close("the key is dead")
    assert not lane.is_waited_for(10.0)


def test_one_probe_goes_after_a_break_and_none_is_taken_for_it_before() -> None:
    """A lane that is tried again would let every request go at once, or count a refused one as its probe."""
    lane = Lane("l", DEFAULTS)
    for _ in range(DEFAULTS.breaker_failures):
        lane.saw(Outcome(Ending.TRANSIENT), 0.0, 1)
    over = lane.admit(0.0, 1)
    assert lane.admit(over - 0.5, 1) == pytest.approx(0.5), "half a second early is early"
    assert lane.admit(over, 1) == 0
    assert lane.admit(over, 1) > 0, "one request alone"


def test_a_probe_is_told_from_what_never_went() -> None:
    """A request that waited for its turn when the lane went down, and went back, would be waited for ever: nobody tries again."""
    lane = Lane("l", replace(DEFAULTS, breaker_failures=1, breaker_open_s=1.0))
    failed = Outcome(Ending.TRANSIENT)
    assert [lane.admit(0.0, 1), lane.admit(0.0, 1)] == [0.0, 0.0]
    lane.saw(failed, 0.0, 1)
    lane.give_back(0.0, 1)
    now = lane.tried_at
    assert lane.admit(now, 1) == 0.0
    lane.saw(failed, now, 1)
    assert lane.tried_at > now, "the probe failed: it is tried again, later"
    assert lane.admit(lane.tried_at, 1) == 0.0


def test_throttling_that_names_no_time_pauses_for_the_floor() -> None:
    """A 429 without a Retry-After would pause the lane for longer than the setting says."""
    lane = Lane("l", replace(DEFAULTS, throttle_floor_s=0.25))
    lane.saw(Outcome(Ending.THROTTLED), 0.0, 1)
    assert lane.admit(0.0, 1) == pytest.approx(0.25)
