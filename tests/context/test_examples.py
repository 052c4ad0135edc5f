"""The examples, run as their pages say, against recorded answers."""

import pytest
from examples.__main__ import NAMES, filled, page


@pytest.mark.parametrize("name", NAMES)
def test_an_example_does_what_its_page_shows(name: str) -> None:
    """A reader would see another input, context, prompt, answer, check or cost than the page says."""
    assert filled(name) == page(name).read_text(encoding="utf-8")
