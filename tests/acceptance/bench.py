"""Real input through the real command line, over real sockets, against the simulated provider."""

import gzip
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.vet.process import RunningSimulator

PROJECT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ROADWORTHY_SHARED_DATA", PROJECT.parent / "shared" / "data"))
RECORDED = SHARED / "banking77" / "recorded_test_3080.jsonl.gz"
APP = PROJECT / "examples" / "banking77" / "banking77.py"
PRICES = {"gpt-3.5": "0.50,1.50", "gpt-4": "30,60"}
TIMEOUT_S = 240


@dataclass(frozen=True)
class Bench:
    """A folder with an input, a simulated provider, and the command line."""

    folder: Path
    sim: RunningSimulator

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command: the simulated provider, and nothing of this machine's."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OPENAI_", "ROADWORTHY_"))
        }
        return {**kept, "OPENAI_BASE_URL": self.sim.url, "ROADWORTHY_SHARED_DATA": str(SHARED)}

    def command(self, *words: str | Path) -> list[str]:
        """A command line."""
        return [sys.executable, "-m", "roadworthy", *map(str, words)]

    def call(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def run(self, *words: str | Path, status: int = 0, **environ: str) -> dict[str, Any]:
        """`roadworthy run ... --json`: its object, once the status is as expected."""
        done = self.call("run", *words, "--json", **environ)
        assert done.returncode == status, done.stderr[-3000:] + done.stdout[-500:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def start(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, ledger: str, query: str) -> list[tuple[Any, ...]]:
        """Look into a ledger."""
        connection = sqlite3.connect(self.folder / ledger)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of an output file."""
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


def messages(folder: Path, limit: int | None = None) -> Path:
    """The Banking77 messages as an input file."""
    place = folder / "messages.jsonl"
    with gzip.open(RECORDED, "rt", encoding="utf-8") as rows, place.open("w", encoding="utf-8") as out:
        for number, row in enumerate(map(json.loads, rows)):
            if limit is None or number < limit:
                out.write(json.dumps({"id": row["id"], "text": row["text"]}) + "\n")
    return place


def recorded() -> dict[str, dict[str, str]]:
    """The recorded answers: id -> model -> intent."""
    with gzip.open(RECORDED, "rt", encoding="utf-8") as rows:
        return {row["id"]: row["answers"] for row in map(json.loads, rows)}
