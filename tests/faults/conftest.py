"""The bench of the fault matrix, as a fixture."""

from pathlib import Path

import pytest
from tests.faults.bench import Bench


@pytest.fixture
def bench(ledger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A folder, a ledger and an environment; a test that asks for it runs on every kind of ledger."""
    return Bench(tmp_path, ledger, monkeypatch)


@pytest.fixture
def file_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same on a ledger that is a file, for what only befalls files."""
    return Bench(tmp_path, str(tmp_path / "ledger.db"), monkeypatch)
