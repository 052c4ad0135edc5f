"""The table of endings: whole, and in agreement with the promises about money."""

import pytest

from roadworthy.call.ending import TREATMENT
from roadworthy.call.reply import Ending


def test_every_ending_has_a_row() -> None:
    """An ending would crash the driver the first time a provider brings it."""
    assert set(TREATMENT) == set(Ending)


@pytest.mark.parametrize("ending", list(Ending))
def test_each_row_says_what_happened_and_what_is_done(ending: Ending) -> None:
    """docs/endings.md would have a hole."""
    row = TREATMENT[ending]
    assert row.meaning.endswith(".")
    assert row.done.endswith(".")


def test_what_may_have_been_billed_is_never_free() -> None:
    """Settled + unknown would fall below the provider's bill."""
    free = {ending for ending, row in TREATMENT.items() if row.charged == "nothing"}
    assert Ending.UNKNOWN not in free
    assert not free & {Ending.OK, Ending.TRUNCATED, Ending.REFUSED, Ending.FILTERED, Ending.EMPTY}


def test_only_what_may_pass_by_itself_is_tried_again_or_trips() -> None:
    """Deterministic failures would be retried at full price, or close the lane of everyone."""
    again = {ending for ending, row in TREATMENT.items() if row.retries}
    trips = {ending for ending, row in TREATMENT.items() if row.trips}
    assert again == {Ending.THROTTLED, Ending.TRANSIENT, Ending.UNKNOWN, Ending.UNSENT}
    assert trips == again - {Ending.THROTTLED}


def test_each_ending_is_charged_as_the_promises_say() -> None:
    """What was never billed would use up the budget, or what was would not, and the ledger leave the provider's bill."""
    answers = {Ending.OK, Ending.TRUNCATED, Ending.REFUSED, Ending.FILTERED, Ending.EMPTY}
    charged = {ending: row.charged for ending, row in TREATMENT.items()}
    expected = {ending: "usage" if ending in answers else "nothing" for ending in Ending}
    assert charged == {**expected, Ending.UNKNOWN: "reservation"}
