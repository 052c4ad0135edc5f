"""What every test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadworthy._settings import DEFAULTS
from roadworthy.keep.store import SqliteStore

_FOREIGN = ("OPENAI_", "ROADWORTHY_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "AZURE_", "AWS_")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads a real key or writes a ledger where it was started."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) and name != "ROADWORTHY_SHARED_DATA":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new ledger's place, as `ROADWORTHY_LEDGER` takes it; a test that asks for it runs on every kind."""
    assert request.param == "sqlite"
    return str(tmp_path / "ledger.db")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A new ledger."""
    opened = SqliteStore(tmp_path / "ledger.db", DEFAULTS)
    yield opened
    opened.close()
