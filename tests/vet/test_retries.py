"""Functions of several requests: what they send again by themselves is found, what they send anyway is not blamed."""

from pathlib import Path

import pytest
from tests.vet.stands import FUNCTION, HEAD, drive, stand

from roadworthy.vet.road.endings import ENDINGS
from roadworthy.vet.road.finding import Grade

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


@pytest.mark.parametrize(("turns", "grade"), [(2, Grade.FAIL), (1, Grade.PASS)])
def test_retries_of_a_function_that_asks_twice_are_found(tmp_path: Path, turns: int, grade: Grade) -> None:
    """What a function sends again would pass for the second request that it sends on a calm day, unseen and unpaid for."""
    with stand(tmp_path, CHAIN.replace("{turns}", str(turns))) as bench:
        findings, _ = drive(ENDINGS, bench)
        assert findings["retries"].grade is grade, findings["retries"].measured
