"""The demo on a stage and a browser before it, once for all tests that look."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.browser.eyes import Eyes, browsing, chromium, find_browser
from tests.browser.stage import CANDIDATE, JUDGED, Stage, staged

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The demo with a candidate whose differences wait for people."""
    find_browser()
    with staged(tmp_path_factory.mktemp("browser") / "oakpeg") as made:
        made.command(*CANDIDATE, *JUDGED)
        with made.served():
            yield made


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium; for one file, because Playwright keeps an event loop running in the thread that started it."""
    with chromium() as started:
        yield started


@pytest.fixture
def eyes(browser: "Browser", stage: Stage) -> Iterator[Eyes]:
    """A new page before the demo."""
    with browsing(browser, stage.url) as seen:
        yield seen
