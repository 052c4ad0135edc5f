"""Functions of several requests: what they send again by themselves is found, what they send anyway is not blamed."""

from pathlib import Path

import pytest
from tests.vet.stands import FUNCTION, HEAD, WEATHERS, drive, stand

from roadworthy.vet.road.endings import ENDINGS
from roadworthy.vet.road.finding import Grade
from roadworthy.vet.road.outage import OUTAGE

CHAIN = (
    HEAD
    + '''
TURNS = {turns}

def insist(text: str) -> dict[str, str]:
    """Asks, and asks again."""
    for turn in range(TURNS):
        try:
            return provider(text)
        except OSError:
            if turn == TURNS - 1:
                raise

def ask(prompt: str) -> dict[str, str]:
    """A first answer, then a second look."""
    insist(prompt)
    return insist("Look again. " + prompt)
'''
    + FUNCTION
)

SHARED = (
    HEAD
    + f'''
WEATHERS = {WEATHERS!r}

def ask(prompt: str) -> dict[str, str]:
    """Asks about the weather alone, which many records have in common."""
    return provider(next(one for one in WEATHERS if one in prompt))
'''
    + FUNCTION
)


@pytest.mark.parametrize(("turns", "grade"), [(2, Grade.FAIL), (1, Grade.PASS)])
def test_retries_of_a_function_that_asks_twice_are_found(tmp_path: Path, turns: int, grade: Grade) -> None:
    """What a function sends again would pass for the second request that it sends on a calm day, unseen and unpaid for."""
    with stand(tmp_path, CHAIN.replace("{turns}", str(turns))) as bench:
        findings, _ = drive(ENDINGS, bench)
        assert findings["retries"].grade is grade, findings["retries"].measured


def test_what_records_have_in_common_is_not_paid_for_twice(tmp_path: Path) -> None:
    """A function that asks the same for several records on any day would be said to pay twice because of an outage."""
    with stand(tmp_path, SHARED, minutes=3) as bench:
        findings, _ = drive(OUTAGE, bench)
        assert findings["errors-paid-once"].grade is Grade.PASS, findings["errors-paid-once"].happened
