"""A folder with an app and its documents, on every kind of ledger, and the command line."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.ledgers import Rows, ask

TIMEOUT_S = 120


@dataclass(frozen=True)
class Desk:
    """A folder, a ledger, and the commands over both."""

    folder: Path
    ledger: str

    def write(self, name: str, text: str) -> None:
        """A file in the folder."""
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "roadworthy", *words],
            cwd=self.folder,
            env={**os.environ, "ROADWORTHY_LEDGER": self.ledger},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def json(self, *words: str, status: int = 0) -> dict[str, Any]:
        """A command's object, once its status is as expected."""
        done = self.call(*words, "--json")
        assert done.returncode == status, done.stderr[-3000:] + done.stdout[-1000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def rows(self, name: str = "out.jsonl") -> list[dict[str, Any]]:
        """The rows of an output file."""
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def ask(self, query: str) -> Rows:
        """Look into the ledger."""
        return ask(self.ledger, query)


@pytest.fixture
def desk(tmp_path: Path, ledger: str) -> Desk:
    """An empty folder and a new ledger."""
    return Desk(tmp_path, ledger)
