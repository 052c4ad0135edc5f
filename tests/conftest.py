"""What every test may ask for."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from tests import postgres

from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import Ledger, open_ledger

settings.register_profile("untimed", deadline=None)  # how fast is a benchmark's question
settings.load_profile("untimed")
QUICK = replace(DEFAULTS, lease_s=1.0)
NO_SERVER = "no Postgres server here: install Debian's package postgresql"

# A shell starts what it puts into the background with interrupts ignored, and every child of ours would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_FOREIGN = ("OPENAI_", "ROADWORTHY_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "AZURE_", "AWS_")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads a real key or writes a ledger where it was started."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) and name != "ROADWORTHY_SHARED_DATA":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A Postgres server for this session of tests."""
    if postgres.find_binary("initdb") is None:
        pytest.skip(NO_SERVER)
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new ledger's place, as `ROADWORTHY_LEDGER` takes it; a test that asks for it runs on every kind."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def store(ledger: str) -> Iterator[Ledger]:
    """A new ledger, opened."""
    opened = open_ledger(ledger, QUICK)
    yield opened
    opened.close()
