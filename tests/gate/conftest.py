"""Trials on every kind of ledger."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.certificate.shop import notes
from tests.gate.trial import Trial

from roadworthy.vet.process import start_simulator

Build = Callable[..., Trial]


@pytest.fixture
def build(tmp_path: Path, ledger: str) -> Iterator[Build]:
    """Makes a trial with so many notes: what `small` and `big` say of each where it is not `glad`."""
    with ExitStack() as running:

        def make(count: int, small: Mapping[str, str], big: Mapping[str, str]) -> Trial:
            given = notes(count)
            answers = [
                {
                    "id": one["id"],
                    "text": one["text"],
                    "answers": {
                        name: {"mood": said.get(one["id"], "glad"), "sure": sure}
                        for name, said, sure in (("small", small, 0.9), ("big", big, 0.8))
                    },
                }
                for one in given
            ]
            prices = {"small": "0.1,0.4", "big": "0.1,0.4"}
            sim = running.enter_context(start_simulator(answers=answers, text_field="text", prices=prices))
            trial = Trial(tmp_path, ledger, sim)
            (tmp_path / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in given))
            trial.write("shop.py", "small")
            trial.write("better.py", "big")
            return trial

        yield make
