"""One simulated provider for all of a file's tests."""

from collections.abc import Iterator

import pytest
from tests.wire.places import ANSWER, PLACES, PRICED, TEXT

from roadworthy.vet.process import RunningSimulator, start_simulator

MODELS = sorted({place.served for place in PLACES.values()} | {"gemini-2.5-flash", "claude-sonnet-4-6"})


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    """The provider, started once."""
    rows = [{"id": "T-1", "text": TEXT, "answers": dict.fromkeys(MODELS, ANSWER)}]
    with start_simulator(
        answers=rows, prices=dict.fromkeys(MODELS, PRICED), silence_s=8, trickle_s=0.05, in_a_row_max=0
    ) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> Iterator[RunningSimulator]:
    """The provider, with nothing wrong and an empty bill."""
    running.script({"faults": {}})
    running.reset()
    yield running
    running.script({"faults": {}})


@pytest.fixture
def root(simulator: RunningSimulator) -> str:
    """Its address, without `/v1`."""
    return simulator.url.removesuffix("/v1")
