"""A simulated provider that counts a request when it has answered it: wrong on purpose, for the negative controls."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from tests.crash.app import PRICES

from roadworthy.vet.bill import Account, LoggedRequest
from roadworthy.vet.command import sim
from roadworthy.vet.process import RunningSimulator

PROJECT = Path(__file__).parents[2]


@contextmanager
def late_provider(answers: Path) -> Iterator[RunningSimulator]:
    """The same provider in a process of its own, but for when it counts."""
    prices = [f"--price={model}={price}" for model, price in PRICES.items()]
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.late", "--with-parent", f"--answers={answers}", *prices],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            cwd=PROJECT,
        )
        with RunningSimulator(process, words, None) as running:
            assert process.stdout is not None
            running.url = str(orjson.loads(process.stdout.readline())["url"])
            yield running


def count_late() -> None:
    """Show a request only once its response was handed to the network whole."""
    honest = Account.rows

    def rows(self: Account, after: int = 0, most: int | None = None) -> list[LoggedRequest]:
        return [row for row in honest(self, after, most) if row.written]

    Account.rows = rows  # type: ignore[method-assign] # wrong on purpose


if __name__ == "__main__":
    count_late()
    sim(prog_name="sim")
