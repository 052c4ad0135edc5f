"""Shops that learn, on every kind of ledger."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.certificate.shop import Shop

from roadworthy.vet.process import start_simulator

Build = Callable[..., Shop]
Said = tuple[str, float]  # the mood and how sure the model says it is


@pytest.fixture
def build(tmp_path: Path, ledger: str) -> Iterator[Build]:
    """Makes a shop whose provider says what is given for each id; the input is all of them."""
    with ExitStack() as running:

        def make(said: Mapping[str, Said], step: str, **settings: float) -> Shop:
            rows = [
                {"id": key, "text": text_of(key), "answers": {"small": {"mood": mood, "sure": sure}}}
                for key, (mood, sure) in said.items()
            ]
            sim = running.enter_context(
                start_simulator(answers=rows, text_field="text", prices={"small": "0.1,0.4"})
            )
            shop = Shop(tmp_path, ledger, sim)
            shop.open(step, settings)
            give(shop, said)
            return shop

        yield make


def text_of(key: str) -> str:
    """What a note says."""
    return f"this is note {key}"


def give(shop: Shop, keys: Iterable[str]) -> None:
    """Make these notes the input."""
    lines = [json.dumps({"id": key, "text": text_of(key)}) + "\n" for key in keys]
    (shop.folder / "in.jsonl").write_text("".join(lines))


def label(shop: Shop, moods: Mapping[str, str]) -> None:
    """Say what is right, from a file."""
    lines = [
        json.dumps({"key": key, "label": {"mood": mood, "sure": 1}}) + "\n" for key, mood in moods.items()
    ]
    (shop.folder / "labels.jsonl").write_text("".join(lines))
    shop.call("label", "shop.py:feel", "labels.jsonl")
