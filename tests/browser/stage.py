"""What the console is tried on: the shipped demo with a promise, people's rulings, a candidate, and a service in front."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.ledgers import Rows, ask

from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.reviews import Waiter, open_reviews
from roadworthy.keep.rulings import choose, rule
from roadworthy.keep.transaction import Transaction
from roadworthy.vet.process import RunningSimulator, start_simulator

PRICES = {"gpt-5-nano": "0.05,0.40", "gpt-5": "1.25,10"}
APP = "triage"
CANDIDATE = ("learn", "triage.py", "--candidate", "better.py", "--sample", "150", "--margin", "0.05")
JUDGED = ("--field", "queue")
SHIPPED = "review_below=0.6,"
PROMISED = "review_below=0.6, max_error=0.05, audit_share=0.15,"
LADDER = 'models=["openai:gpt-5-nano", "openai:gpt-5"]'


@dataclass
class Stage:
    """A folder with the demo's app, its ledger, a simulated provider and the service."""

    folder: Path
    sim: RunningSimulator
    url: str = ""

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment of a command."""
        return {
            **os.environ,
            "OPENAI_BASE_URL": self.sim.url,
            "OPENAI_API_KEY": "nobody's",
            "ROADWORTHY_LEDGER": str(self.folder / "triage.db"),
        }

    def command(self, *words: str) -> str:
        """What a command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "roadworthy", *words],
            cwd=self.folder,
            env=self.surroundings,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout[-800:], done.stderr[-2000:])
        return done.stdout

    def ask(self, query: str) -> Rows:
        """Look into the ledger."""
        return ask(str(self.folder / "triage.db"), query)

    def truth(self) -> dict[str, Any]:
        """What is right of each message, by its key, as the shipped example says."""
        lines = (self.folder / "answers.jsonl").read_text("utf-8").splitlines()
        return {row["id"]: row["label"] for row in map(json.loads, lines) if "label" in row}

    def before_the_first(self, kind: str) -> str:
        """The desk before the oldest open question of a kind: how many audits come first is drawn for each ledger."""
        query = f"SELECT min(id) - 1 FROM review WHERE kind = '{kind}' AND ruling IS NULL"
        number = self.ask(query)[0][0]
        assert number is not None, f"no {kind} waits"
        return f"/desk?after={number}"

    def people(self, *kinds: str, most: int = 10_000, leave: int = 0) -> int:
        """A person who knows the truth rules on what waits: on the newest `most` of these kinds but the oldest `leave`."""
        store, truth, ruled = open_ledger(str(self.folder / "triage.db"), DEFAULTS), self.truth(), 0
        try:
            waiting = store.read(lambda tx: open_reviews(tx, APP, 0, 10_000, "ann"))
            fitting = [one for one in waiting if one.kind in kinds and one.suggestion and one.key in truth]
            for waiter in fitting[leave:][-most:]:
                ruled += _rule(store, waiter, truth[waiter.key])
        finally:
            store.close()
        return ruled

    @contextmanager
    def served(self) -> Iterator[str]:
        """The service; its address."""
        process = subprocess.Popen(
            [sys.executable, "-m", "roadworthy", "serve", "triage.py", "--port", "0", "--json"],
            cwd=self.folder,
            env=self.surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate(timeout=20)[1][-2000:]
            self.url = str(json.loads(line)["url"])
            yield self.url
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=30)
            finally:
                process.kill()


def _rule(store: Ledger, waiter: Waiter, truth: dict[str, Any]) -> bool:
    said = json.loads(waiter.suggestion or "null")
    if waiter.kind == "gate":
        right = [name for name in ("a", "b") if said[name] and said[name]["queue"] == truth["queue"]]
        ruling = "both" if len(right) == 2 else right[0] if right else "neither"
        return store.write_now(lambda tx: choose(tx, waiter.id, ruling, "ann"))
    if said["queue"] == truth["queue"]:
        return store.write_now(lambda tx: rule(tx, waiter.id, "right", None, "ann"))
    correction = json.dumps({**said, "queue": truth["queue"]})

    def wrong(tx: Transaction) -> bool:
        return rule(tx, waiter.id, "wrong", correction, "ann", "the queue is another one")

    return store.write_now(wrong)


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """The demo, run; its app promises at most 5 % wrong and has a candidate that asks the larger model alone."""
    folder.mkdir(parents=True, exist_ok=True)
    app = files("roadworthy.vet.demo").joinpath("triage.py").read_text("utf-8")
    assert SHIPPED in app
    assert LADDER in app
    app = app.replace(SHIPPED, PROMISED)
    (folder / "triage.py").write_text(app, "utf-8")
    (folder / "better.py").write_text(app.replace(LADDER, 'models=["openai:gpt-5"]'), "utf-8")
    with ExitStack() as running:
        done = subprocess.run(
            [sys.executable, "-m", "roadworthy", "demo", "--dir", str(folder)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        sim = running.enter_context(
            start_simulator(answers=str(folder / "answers.jsonl"), prices=PRICES, seed=1)
        )
        yield Stage(folder, sim)
