"""The breaker: opens on what may pass by itself, looks again with one request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._settings import DEFAULTS
from roadworthy.call.breaker import Breaker
from roadworthy.call.ending import TREATMENT
from roadworthy.call.reply import Ending

TRIPS = [ending for ending in Ending if TREATMENT[ending].trips]
OTHERS = [ending for ending in Ending if not TREATMENT[ending].trips and ending is not Ending.THROTTLED]


def opened(now: float = 0.0) -> Breaker:
    """A breaker that has just opened, with nothing on the wire."""
    breaker = Breaker(DEFAULTS)
    for _ in range(DEFAULTS.breaker_failures):
        breaker.probe()
        breaker.saw(Ending.TRANSIENT, now)
    return breaker


@pytest.mark.parametrize("ending", TRIPS)
def test_it_opens_after_so_many_in_a_row(ending: Ending) -> None:
    """A provider that is down would be asked by every record."""
    breaker = Breaker(DEFAULTS)
    for number in range(DEFAULTS.breaker_failures):
        assert breaker.wait(0) == 0, number
        breaker.probe()
        breaker.saw(ending, 0)
    assert breaker.wait(0) == DEFAULTS.breaker_open_s
    assert breaker.wait(10) == DEFAULTS.breaker_open_s - 10


@pytest.mark.parametrize("ending", OTHERS)
def test_an_answer_of_any_kind_starts_the_count_anew(ending: Ending) -> None:
    """A 404, a refusal or a bad request would close the lane for everyone."""
    breaker = Breaker(DEFAULTS)
    for _ in range(50):
        breaker.saw(ending, 0)
    for _ in range(DEFAULTS.breaker_failures - 1):
        breaker.saw(Ending.TRANSIENT, 0)
    breaker.saw(ending, 0)
    breaker.saw(Ending.TRANSIENT, 0)
    assert not breaker.open


def test_throttling_says_nothing_of_health() -> None:
    """An overload that is told in 429 and 503 by turns would never open the breaker."""
    breaker = Breaker(DEFAULTS)
    for _ in range(DEFAULTS.breaker_failures):
        breaker.saw(Ending.THROTTLED, 0)
        assert not breaker.open
        breaker.saw(Ending.TRANSIENT, 0)
    assert breaker.open


def test_half_open_lets_one_request_through() -> None:
    """Every waiting record would look whether the provider is back, all at once."""
    breaker = opened()
    assert breaker.wait(DEFAULTS.breaker_open_s) == 0
    breaker.probe()
    assert breaker.wait(DEFAULTS.breaker_open_s) > 0
    breaker.saw(Ending.OK, DEFAULTS.breaker_open_s + 1)
    assert breaker.wait(DEFAULTS.breaker_open_s + 1) == 0
    assert not breaker.open


def test_a_failed_probe_doubles_the_time_up_to_a_cap() -> None:
    """A long outage would be probed every half minute, or one day be forgotten for a day."""
    breaker, now, spans = opened(), 0.0, []
    for _ in range(8):
        spans.append(breaker.wait(now))
        now += spans[-1]
        assert breaker.wait(now) == 0
        breaker.probe()
        breaker.saw(Ending.UNKNOWN, now)
    assert spans == [30, 60, 120, 240, 480, 600, 600, 600]
    now += breaker.wait(now)
    breaker.probe()
    breaker.saw(Ending.OK, now)
    for _ in range(DEFAULTS.breaker_failures):
        breaker.saw(Ending.TRANSIENT, now)
    assert breaker.wait(now) == DEFAULTS.breaker_open_s


def test_what_was_on_the_wire_when_it_opened_is_no_news() -> None:
    """Sixty late failures of one outage would each double the time, or let another probe through."""
    breaker = Breaker(DEFAULTS)
    for _ in range(64):
        breaker.probe()
    for ended in range(1, 41):
        breaker.saw(Ending.TRANSIENT, 0, 64 - ended)
    assert breaker.wait(0) == DEFAULTS.breaker_open_s
    now = DEFAULTS.breaker_open_s
    assert breaker.wait(now) == 0
    breaker.probe()
    for ended in range(1, 25):
        breaker.saw(Ending.UNKNOWN, now, 25 - ended)
        assert breaker.wait(now) == 1.0, "the probe is still on the wire"
    breaker.saw(Ending.UNKNOWN, now)
    assert breaker.wait(now) == 2 * DEFAULTS.breaker_open_s


def test_a_probe_that_did_not_go_leaves_the_door_open() -> None:
    """A probe that found no money would leave the lane closed for ever."""
    breaker = opened()
    now = DEFAULTS.breaker_open_s
    breaker.probe()
    breaker.forget_probe()
    assert breaker.wait(now) == 0


@given(st.lists(st.tuples(st.sampled_from(["go", *Ending]), st.floats(0, 40)), max_size=200))
def test_it_always_opens_again_by_itself(events: list[tuple[str, float]]) -> None:
    """Some order of endings would keep a lane closed after the provider came back."""
    breaker, now, on_the_wire = Breaker(DEFAULTS), 0.0, 0
    for event, pause in events:
        now += pause
        if event != "go" and on_the_wire:
            on_the_wire -= 1
            breaker.saw(Ending(event), now, on_the_wire)
        elif event == "go" and breaker.wait(now) == 0:
            on_the_wire += 1
            breaker.probe()
    for left in reversed(range(on_the_wire)):
        breaker.saw(Ending.TRANSIENT, now, left)
    assert breaker.wait(now + DEFAULTS.breaker_open_cap_s) == 0
    breaker.probe()
    breaker.saw(Ending.OK, now)
    assert breaker.wait(now) == 0
