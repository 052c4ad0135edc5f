"""Fixtures for real input through the real command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.bench import PRICES, RECORDED, SHARED, Bench, messages
from tests.acceptance.small import APP, notes

from roadworthy.vet.process import start_simulator


@pytest.fixture
def banking(tmp_path: Path) -> Iterator[Bench]:
    """Banking77 with 10 % faults of mixed kinds."""
    if not RECORDED.is_file():
        pytest.skip(f"the shared data is not at {SHARED}; set ROADWORTHY_SHARED_DATA")
    options: dict[str, Any] = {"answers": str(RECORDED), "wrap": "intent", "prices": PRICES, "silence_s": 5.0}
    with start_simulator(seed=7, latency_ms=20.0, faults="mixed:0.10", **options) as sim:
        messages(tmp_path)
        yield Bench(tmp_path, sim)


@pytest.fixture
def calm(tmp_path: Path) -> Iterator[Bench]:
    """Banking77 without faults."""
    if not RECORDED.is_file():
        pytest.skip(f"the shared data is not at {SHARED}; set ROADWORTHY_SHARED_DATA")
    options: dict[str, Any] = {"answers": str(RECORDED), "wrap": "intent", "prices": PRICES}
    with start_simulator(seed=7, latency_ms=20.0, **options) as sim:
        messages(tmp_path)
        yield Bench(tmp_path, sim)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small app, and an input of three notes."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "in.jsonl").write_text(notes("note 0", "note 1", "note 2"))
    return tmp_path
