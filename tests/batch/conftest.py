"""A simulated provider for each kind of input size, in a process of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.batch.trial import PRICES, Trial
from tests.crash import tickets

from roadworthy.vet.process import RunningSimulator, start_simulator

LARGE = 5_000


def _provider(count: int) -> Iterator[RunningSimulator]:
    with start_simulator(answers=tickets.rows(count), prices=PRICES, seed=11, faults={"500": 0.03}) as sim:
        yield sim


@pytest.fixture(scope="session")
def provider() -> Iterator[RunningSimulator]:
    """One that knows 300 tickets, and fails 3 % of the calls."""
    yield from _provider(300)


@pytest.fixture(scope="session")
def large_provider() -> Iterator[RunningSimulator]:
    """One that knows 5,000."""
    yield from _provider(LARGE)


@pytest.fixture
def begin(ledger: str, provider: RunningSimulator, tmp_path: Path) -> Callable[..., Trial]:
    """Begin a trial with a provider on a new ledger; batches take 0.2 s and come back in another order."""

    def begin_one(name: str, count: int = 60, calls_max: int = 25, **manner: object) -> Trial:
        provider.reset()
        usual = {"delay_s": 0.2, "shuffled": True, "expired": [], "lost": [], "full": []}
        provider.script({"batches": usual | manner, "faults": {"500": 0.03}})
        return Trial(tmp_path, ledger, provider, name, count, calls_max)

    return begin_one
