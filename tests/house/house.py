"""A ledger with something in it, and the commands that keep it in order, as processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ledgers import Rows, ask, holds

from roadworthy.vet.process import RunningSimulator

LEASE_S = 1.0
APP = Path(__file__).parent / "letters.py"
STEP = f"{APP}:sort"
CALL = """
import asyncio, sys
from letters import Letter, app, sort
found = asyncio.run(sort.result(Letter.model_validate_json(sys.argv[1])))
print(found.outcome, found.value.topic if found.value else found.reason)
"""


def letter(number: int, **given: str) -> dict[str, str]:
    """One letter; a sure answer is recorded for it."""
    return {"id": f"L{number}", "name": "somebody", "body": f"letter number {number}", **given}


def answers(letters: Sequence[Mapping[str, str]], **topics: str) -> list[dict[str, object]]:
    """What the provider says: topics by id, `?` first where it is not sure."""
    return [
        {
            "id": one["id"],
            "text": one["body"],
            "answers": {
                "small": {
                    "topic": topics.get(one["id"], "post").removeprefix("?"),
                    "sure": 0.1 if topics.get(one["id"], "").startswith("?") else 0.9,
                }
            },
        }
        for one in letters
    ]


@dataclass
class House:
    """A folder with an input, a ledger, and a simulated provider."""

    folder: Path
    sim: RunningSimulator
    ledger: str
    environ: dict[str, str] = field(default_factory=dict)

    def outlast_a_lease(self) -> None:
        """Wait until a process that is gone is known to be: on a file that is at once."""
        if "://" in self.ledger:
            time.sleep(LEASE_S + 0.5)

    def put(self, letters: Sequence[Mapping[str, str]], name: str = "in.jsonl") -> str:
        """Write an input."""
        (self.folder / name).write_text("".join(json.dumps(one) + "\n" for one in letters))
        return name

    def call(
        self,
        *words: str | Path,
        said: str = "",
        before: Callable[[], None] | None = None,
        prefix: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*prefix, sys.executable, "-m", "roadworthy", *map(str, words)],
            cwd=self.folder,
            env=self._environ(),
            input=said,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            preexec_fn=before,
        )

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "roadworthy", *map(str, words)],
            cwd=self.folder,
            env=self._environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, one: Mapping[str, str]) -> str:
        """Call the step from code, as a service does: what came of it, in words."""
        done = subprocess.run(
            [sys.executable, "-c", CALL, json.dumps(one)],
            cwd=APP.parent,
            env=self._environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def json(self, *words: str | Path, status: int = 0) -> dict[str, Any]:
        """A command's `--json`, once it ended as expected."""
        done = self.call(*words, "--json")
        assert done.returncode == status, (done.stdout[-500:], done.stderr[-2000:])
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a file that was written."""
        return [json.loads(line) for line in (self.folder / name).read_bytes().splitlines()]

    def ask(self, query: str) -> Rows:
        """Look into the ledger."""
        return ask(self.ledger, query)

    def holds(self, word: str) -> list[str]:
        """Where in the ledger these bytes are."""
        return holds(self.ledger, word)

    def _environ(self) -> dict[str, str]:
        own = {
            "OPENAI_BASE_URL": self.sim.url,
            "ROADWORTHY_LEDGER": self.ledger,
            "ROADWORTHY_LEASE_S": str(LEASE_S),
        }
        return {**os.environ, **own, **self.environ}
