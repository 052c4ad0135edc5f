"""Shops on every kind of ledger."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.certificate.shop import Shop, answers, notes

from roadworthy.vet.process import start_simulator

Build = Callable[..., Shop]


@pytest.fixture
def build(tmp_path: Path, ledger: str) -> Iterator[Build]:
    """Makes a shop with so many notes; `moods` is what the provider says where it is not `glad`."""
    with ExitStack() as running:

        def make(count: int, step: str, moods: Mapping[str, str] = {}, **settings: float) -> Shop:
            given = notes(count)
            sim = running.enter_context(
                start_simulator(answers=answers(given, moods), text_field="text", prices={"small": "0.1,0.4"})
            )
            shop = Shop(tmp_path, ledger, sim)
            (tmp_path / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in given))
            shop.open(step, settings)
            return shop

        yield make
