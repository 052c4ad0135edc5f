"""Fixtures for keeping house."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.house.house import House, answers

from roadworthy.vet.process import start_simulator

Build = Callable[..., House]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Makes a house whose provider knows these letters; topics by id."""
    with ExitStack() as running:

        def make(
            letters: Sequence[Mapping[str, str]], topics: Mapping[str, str] = {}, **options: Any
        ) -> House:
            sim = running.enter_context(
                start_simulator(
                    answers=answers(letters, **topics),
                    text_field="text",
                    prices={"small": "0.1,0.4"},
                    **options,
                )
            )
            house = House(tmp_path, sim)
            house.put(letters)
            return house

        yield make
