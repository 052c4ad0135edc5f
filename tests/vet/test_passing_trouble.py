"""Records that are lost to trouble that passes, and whether a function of the team's own is why."""

from pathlib import Path

import pytest
from tests.vet.stands import FUNCTION, HEAD, stand

from roadworthy.vet.road.finding import Grade
from roadworthy.vet.road.passing import find_passing

PASSES_ON = (
    HEAD
    + '''
def ask(prompt: str) -> dict[str, str]:
    """Raises for what is no answer, as the clients of providers do: with the status, or as a lost connection."""
    try:
        return provider(prompt)
    except (KeyError, TypeError, ValueError) as error:
        raise ConnectionError("no answer came") from error
'''
    + FUNCTION
)
KEEPS_TO_ITSELF = (
    HEAD
    + '''
import http.client

def ask(prompt: str) -> dict[str, str]:
    """Tells nobody what the provider said."""
    try:
        return provider(prompt)
    except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError):
        raise RuntimeError("no answer") from None
'''
    + FUNCTION
)
MAKES_UP = KEEPS_TO_ITSELF.replace('raise RuntimeError("no answer") from None', "return {}")
STAYS_BROKEN = (
    HEAD.replace("budget_usd=1)", 'budget_usd=1, settings={"patience_s": 0.5})')
    + '''
broken = set()

def ask(prompt: str) -> dict[str, str]:
    """Says that the connection was lost, and goes on to say so."""
    if prompt in broken:
        raise ConnectionError("still broken")
    broken.add(prompt)
    answer = provider(prompt)
    broken.discard(prompt)
    return answer
'''
    + FUNCTION
)


@pytest.mark.parametrize(
    ("app", "grade"),
    [
        (PASSES_ON, Grade.PASS),
        (KEEPS_TO_ITSELF, Grade.NOT_TESTED),
        (MAKES_UP, Grade.NOT_TESTED),
        (STAYS_BROKEN, Grade.FAIL),
    ],
    ids=["passes-it-on", "keeps-it-to-itself", "makes-something-up", "is-asked-again-in-vain"],
)
def test_a_record_that_is_lost_to_passing_trouble_is_no_pass(tmp_path: Path, app: str, grade: Grade) -> None:
    """A function that loses records whenever a provider hiccups would be waved through, with nothing said of them."""
    with stand(tmp_path, app) as bench:
        samples = bench.take(8)
        with bench.trial([sample.line for sample in samples]) as trial:
            calm = trial.run()
        assert calm.count("accepted") == 8, calm.fates
        found = {finding.name: finding for finding in find_passing(bench, samples, calm)}
    grades = {name: found[name].grade for name in ("passing", "throttled", "lost")}
    assert grades == dict.fromkeys(grades, grade), found
    if grade is not Grade.PASS:
        assert all(found[name].evidence and found[name].advice for name in grades), found
