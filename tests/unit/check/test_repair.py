"""Repair: what is asked again, and that it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._errors import Fault
from roadworthy.call.reply import Ending
from roadworthy.check.repair import AskAgain, MoreRoom, Stop, reask

KINDS = ["malformed", "invalid", "ungrounded", *(ending.value for ending in Ending)]


@pytest.mark.parametrize("kind", ["malformed", "invalid", "ungrounded", "empty"])
def test_a_fault_that_words_can_mend_is_asked_again_once(kind: str) -> None:
    """If this fails, a model gets no second chance, or endless ones at full price."""
    fault = Fault("say it in words", kind=kind)
    action = reask(fault, None)
    assert isinstance(action, AskAgain)
    assert "say it in words" in action.words
    assert reask(fault, fault) == Stop()
    assert reask(Fault("another", kind=kind), fault) == Stop()


def test_truncation_asks_for_more_room_once() -> None:
    """If this fails, the same bytes are sent and cut off again, or the cap doubles for ever."""
    truncated = Fault("cut off", kind="truncated")
    assert reask(truncated, None) == MoreRoom(2)
    assert reask(truncated, truncated) == Stop()
    assert isinstance(reask(Fault("no", kind="invalid"), truncated), AskAgain)


def test_room_to_reason_is_given_once_and_for_a_cut_alone() -> None:
    """If this fails, a model that reasons is never heard, or an empty answer costs 64 times as much."""
    truncated = Fault("cut off", kind="truncated")
    assert reask(truncated, None, silent=True) == MoreRoom(64)
    assert reask(truncated, truncated, silent=True) == Stop()
    assert isinstance(reask(Fault("nothing", kind="empty"), None, silent=True), AskAgain)


@pytest.mark.parametrize("kind", ["refused", "filtered", "too_long", "quota", "transient"])
def test_what_asking_again_cannot_mend_stops(kind: str) -> None:
    """If this fails, a refusal is bought a second time."""
    assert reask(Fault("no", kind=kind), None) == Stop()


@given(st.lists(st.sampled_from(KINDS), min_size=3, max_size=6))
def test_every_way_ends_after_two_more_requests(kinds: list[str]) -> None:
    """If this fails, two faults in turn keep a record asking for ever."""
    previous: Fault | None = None
    asked = 0
    for kind in kinds:
        fault = Fault("no", kind=kind)
        if reask(fault, previous) == Stop():
            break
        previous = fault
        asked += 1
    assert asked <= 2
