"""A service as a process of its own, before a simulated provider, on every kind of ledger."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.serve.counter import Counter, answers

from roadworthy.vet.process import start_simulator

Build = Callable[..., Counter]


def maker(running: ExitStack, folder: Path, ledger: str) -> Build:
    """Makes counters that end with `running`."""

    def make(texts: Mapping[str, str] = {}, *words: str, latency_ms: int = 0, **settings: float) -> Counter:
        sim = running.enter_context(
            start_simulator(answers=answers(texts), text_field="text", prices={"small": "0.1,0.4"})
        )
        if latency_ms:
            sim.script({"latency_ms": latency_ms})
        counter = Counter(folder, ledger, sim)
        counter.write_app(settings)
        running.callback(counter.stop)
        if "later" not in words:
            counter.start(*words)
        return counter

    return make


@pytest.fixture
def build(tmp_path: Path, ledger: str) -> Iterator[Build]:
    """Makes a counter; the provider knows these texts and what mood they are in. On every kind of ledger."""
    with ExitStack() as running:
        yield maker(running, tmp_path, ledger)


@pytest.fixture
def file_build(tmp_path: Path) -> Iterator[Build]:
    """The same on a file."""
    with ExitStack() as running:
        yield maker(running, tmp_path, str(tmp_path / "shop.db"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    """One counter on a file for the tests of a module that do not disturb each other."""
    folder = tmp_path_factory.mktemp("shared")
    with ExitStack() as running:
        moods = {"what a day": "glad", "oh no": "sad", "hm": "?sad"}
        yield maker(running, folder, str(folder / "shop.db"))(moods)


@pytest.fixture(scope="module")
def shared_build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Makes counters on files that last for a whole module."""
    with ExitStack() as running:
        folder = tmp_path_factory.mktemp("shared")
        yield maker(running, folder, str(folder / "shop.db"))
