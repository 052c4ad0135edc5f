"""A counter before a simulated provider, and a receiver of traces."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.monitor.collector import Collector, collector
from tests.serve.counter import Counter, answers

from roadworthy.vet.process import start_simulator

Build = Callable[..., Counter]


@pytest.fixture
def receiver() -> Iterator[Collector]:
    """A receiver that listens."""
    with collector() as made:
        yield made


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Makes a counter on a file; `later` leaves the service unstarted."""
    with ExitStack() as running:

        def make(
            texts: Mapping[str, str] = {}, *words: str, environ: Mapping[str, str] = {}, **settings: float
        ) -> Counter:
            sim = running.enter_context(
                start_simulator(
                    answers=answers(texts),
                    text_field="text",
                    prices={"small": "0.1,0.4", "large": "1,4"},
                )
            )
            counter = Counter(tmp_path, str(tmp_path / "shop.db"), sim, dict(environ))
            counter.write_app(settings)
            running.callback(counter.stop)
            if "later" not in words:
                counter.start(*words)
            return counter

        yield make
