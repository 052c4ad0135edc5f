"""One simulated provider and one undisturbed run for all the kills."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.crash.harness import Calm
from tests.crash.trial import SIMULATOR, Trial, counts_on_arrival, undisturbed

from roadworthy.vet.process import RunningSimulator, start_simulator

ENTRIES = ("triage", "handle")


@pytest.fixture(scope="session")
def provider() -> Iterator[RunningSimulator]:
    """A provider in a process of its own, that counts on arrival."""
    with start_simulator(**SIMULATOR) as sim:
        assert counts_on_arrival(sim)
        yield sim


@pytest.fixture(scope="session")
def calm(provider: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Calm]:
    """What each entry comes to when nothing is killed."""
    found = {}
    for entry in ENTRIES:
        folder = tmp_path_factory.mktemp(f"calm-{entry}")
        found[entry] = undisturbed(Trial(folder, str(folder / "ledger.db"), provider, entry))
    return found


@pytest.fixture
def begin(
    ledger: str, provider: RunningSimulator, calm: dict[str, Calm], tmp_path: Path
) -> Iterator[Callable[[str], Trial]]:
    """Begin a trial of an entry on a new ledger; what it leaves running is ended."""
    begun: list[Trial] = []

    def begin_one(entry: str) -> Trial:
        begun.append(Trial(tmp_path, ledger, provider, entry, calm[entry]))
        return begun[-1]

    yield begin_one
    for trial in begun:
        trial.end()
