"""An account that is closed while an app runs, and a function that does or does not let the refusal pass."""

from pathlib import Path

import pytest
from tests.vet.stands import FUNCTION, GOOD, HEAD, stand

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.closed import find_closed
from roadworthy.vet.road.finding import Grade

PASSES_ON = HEAD + "ask = provider\n" + FUNCTION
KEEPS_TO_ITSELF = (
    HEAD
    + '''
def ask(prompt: str) -> dict[str, str]:
    """Tells nobody what the provider said."""
    try:
        return provider(prompt)
    except OSError:
        raise RuntimeError("no answer") from None
'''
    + FUNCTION
)


def grades(bench: Bench) -> dict[str, Grade]:
    """What is found, by name."""
    samples = bench.take(4)
    with bench.trial([sample.line for sample in samples]) as trial:
        calm = trial.run()
    assert calm.count("accepted") == 4, calm.fates
    return {finding.name: finding.grade for finding in find_closed(bench, samples, calm)}


@pytest.mark.parametrize(
    ("app", "grade"),
    [(GOOD, Grade.PASS), (PASSES_ON, Grade.PASS), (KEEPS_TO_ITSELF, Grade.NOT_TESTED)],
    ids=["models", "a-function-that-passes-it-on", "a-function-that-does-not"],
)
def test_a_closed_account_stops_whoever_hears_of_it(tmp_path: Path, app: str, grade: Grade) -> None:
    """A team with a function of its own would be told that nothing was tried, or refused for what nobody can see."""
    with stand(tmp_path, app) as bench:
        assert grades(bench) == dict.fromkeys(("no-credit", "refused-key"), grade)
