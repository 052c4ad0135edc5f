"""Fixtures for keeping house."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.house.house import House, answers

from roadworthy.vet.process import start_simulator

Build = Callable[..., House]


@pytest.fixture
def build(tmp_path: Path, ledger: str) -> Iterator[Build]:
    """Makes a house whose provider knows these letters; topics by id. On every kind of ledger."""
    with _building(tmp_path, ledger) as make:
        yield make


@pytest.fixture
def file_build(tmp_path: Path) -> Iterator[Build]:
    """The same for tests that handle the ledger's file."""
    with _building(tmp_path, str(tmp_path / "letters.db")) as make:
        yield make


@contextmanager
def _building(folder: Path, ledger: str) -> Iterator[Build]:
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
            house = House(folder, sim, ledger)
            house.put(letters)
            return house

        yield make
