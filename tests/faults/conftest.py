"""The bench of the fault matrix, as a fixture."""

from pathlib import Path

import pytest
from tests.faults.bench import Bench


@pytest.fixture
def bench(ledger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A folder, a ledger and an environment; a test that asks for it runs on every kind of ledger."""
    return Bench(tmp_path, ledger, monkeypatch)
