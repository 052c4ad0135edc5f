"""The demo on a stage and a browser before it, once for all tests that look."""

from collections.abc import Iterator

import pytest
from tests.browser.eyes import Eyes, browsing, find_browser
from tests.browser.stage import CANDIDATE, JUDGED, Stage, staged


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The demo with a candidate whose differences wait for people."""
    find_browser()
    with staged(tmp_path_factory.mktemp("browser") / "oakpeg") as made:
        made.command(*CANDIDATE, *JUDGED)
        with made.served():
            yield made


@pytest.fixture
def eyes(stage: Stage) -> Iterator[Eyes]:
    """A browser before it."""
    with browsing(stage.url) as seen:
        yield seen
