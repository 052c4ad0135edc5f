"""One input, one ledger, one provider: a run with batches that is killed and given again, and what must hold."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.crash import tickets
from tests.ledgers import ask

from roadworthy.vet.process import RunningSimulator

PROJECT = Path(__file__).parents[2]
APP = Path(__file__).with_name("app.py")
PICO = Decimal(10) ** 12
PRICES = {"small": "0.1,0.4", "large": "1,4"}
PROVIDERS = ("openai", "openai-responses", "anthropic", "gemini")
TIMEOUT_S = 1_200
# The same limits, scaled to a provider that is done in a second instead of a day.
QUICK = {
    "ROADWORTHY_BATCH_POLL_S": "0.05",
    "ROADWORTHY_BATCH_POLL_CAP_S": "0.2",
    "ROADWORTHY_BATCH_UNSEEN_S": "0.5",
    "ROADWORTHY_BATCH_SLICE": "20",
    "ROADWORTHY_LEASE_S": "1",
}
_FOREIGN = ("OPENAI_", "ROADWORTHY_", "ANTHROPIC_", "GEMINI_", "GOOGLE_")
ENDED = {"accepted", "rejected", "failed", "review"}


@dataclass(slots=True)
class Trial:
    """One ledger and the command that works on it.

    Attributes:
        calls_max: calls in a batch at most.
    """

    folder: Path
    ledger: str
    sim: RunningSimulator
    provider: str
    count: int
    calls_max: int = 100
    more: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tickets.write(self.folder / "tickets.jsonl", self.count)

    def command(self, *words: str, failpoint: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Give any command of the app, and wait for its end."""
        root = self.sim.url.removesuffix("/v1")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        places = {
            "OPENAI_BASE_URL": self.sim.url,
            "ANTHROPIC_BASE_URL": root,
            "GOOGLE_GEMINI_BASE_URL": root,
            "BATCH_PROVIDER": self.provider,
            "ROADWORTHY_LEDGER": self.ledger,
            "ROADWORTHY_FAILPOINT": failpoint,
            "ROADWORTHY_BATCH_CALLS_MAX": str(self.calls_max),
            "PYTHONPATH": str(PROJECT),
        }
        return subprocess.run(
            [sys.executable, "-m", "roadworthy", *words],
            cwd=self.folder,
            env=kept | QUICK | places | self.more | environ,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def run(self, *options: str, status: int = 0, failpoint: str = "") -> dict[str, Any]:
        """Give the run command and let it come to its end: its summary."""
        words = (
            "run",
            str(APP),
            "tickets.jsonl",
            "-o",
            "out.jsonl",
            "--batch",
            "--json",
            "--budget-usd",
            "5",
        )
        done = self.command(*words, *options, failpoint=failpoint)
        assert done.returncode == status, done.stderr[-3_000:]
        summary: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return summary

    def kill(self, failpoint: str, *options: str) -> None:
        """Give the run command with a point armed; it must die there, and the books must cover the bill then."""
        self.run(*options, status=-signal.SIGKILL, failpoint=failpoint)
        books = ask(self.ledger, "SELECT coalesce(sum(coalesce(cost_pico, reserved_pico)), 0) FROM attempt")[
            0
        ][0]
        bill = self.sim.bill().total.cost_usd
        assert bill is not None
        assert Decimal(books) / PICO >= bill, f"after {failpoint} the books hold {books}, the bill is {bill}"

    def told(self, summary: dict[str, Any]) -> str:
        """The figures of a run, for whoever writes them down."""
        batches, rows = self.sim.batches(), self.sim.requests()
        return (
            f"{self.provider}: {summary['records']} records, {summary['accepted']} accepted, {summary['waiting']} waiting; "
            f"{len(batches)} batches with {sum(len(batch['custom_ids']) for batch in batches)} calls, "
            f"{sum(row.billed for row in rows)} billed, {sum(row.status >= 400 for row in rows)} failed; "
            f"cost {summary['job_cost_usd']} USD, bill {self.sim.bill().total.cost_usd}; last run {summary['seconds']} s"
        )

    def violations(self) -> list[str]:
        """What does not hold of a run that came to its end."""
        return [
            *self._fates(),
            *self._values(),
            *self._money(),
            *self._batches(),
        ]

    def _fates(self) -> list[str]:
        rows = ask(
            self.ledger,
            "SELECT line.number, record.outcome, coalesce(record.waiting_for, '') FROM line "
            "JOIN record ON record.id = line.record_id ORDER BY line.number",
        )
        lines = len(tickets.lines(self.count))
        said = [] if len(rows) == lines else [f"{len(rows)} lines are in the ledger, {lines} in the input"]
        return said + [f"line {n} is {out} {what}" for n, out, what in rows if (what or out) not in ENDED]

    def _values(self) -> list[str]:
        """Accepted answers are right, and every ticket that a model answers well is accepted."""
        texts = tickets.text_by_key(self.count)
        rows = ask(
            self.ledger,
            "SELECT record.key, record.outcome, record.value FROM line JOIN record ON record.id = line.record_id "
            "WHERE line.kind = 'first'",
        )
        said = []
        for key, outcome, value in rows:
            if key not in texts:
                continue
            if outcome == "accepted":
                fault = tickets.wrong("triage", key, json.loads(value), texts[key])
                said += [f"{key}: {fault}"] if fault else []
            elif key != "TWIN" and tickets.WAYS[int(key[1:]) % len(tickets.WAYS)] != "reviewed":
                said.append(f"{key} is {outcome}, and a model answers it well")
        return said

    def _money(self) -> list[str]:
        """What the ledger says it cost is the provider's bill, and nothing is promised any more."""
        cost, unknown, left = ask(
            self.ledger,
            "SELECT coalesce(sum(cost_pico), 0), sum(CASE WHEN state = 'unknown' THEN 1 ELSE 0 END), "
            "sum(CASE WHEN state = 'intent' THEN 1 ELSE 0 END) FROM attempt",
        )[0]
        bill = self.sim.bill().total.cost_usd
        said = (
            []
            if Decimal(cost) / PICO == bill
            else [f"the ledger says {Decimal(cost) / PICO}, the bill {bill}"]
        )
        said += [f"{unknown} attempts are unknown"] if unknown else []
        said += [f"{left} attempts are open"] if left else []
        for scope, spent, held in ask(self.ledger, "SELECT scope, spent_pico, reserved_pico FROM budget"):
            if (spent, held) != (cost, 0):
                said.append(f"{scope} says {spent} spent and {held} reserved, its attempts come to {cost}")
        records = ask(self.ledger, "SELECT sum(cost_pico), sum(attempts) FROM record")[0]
        attempts = ask(self.ledger, "SELECT count(*) FROM attempt")[0][0]
        if records != (cost, attempts):
            said.append(f"records say {records}, their attempts {(cost, attempts)}")
        return said

    def _batches(self) -> list[str]:
        """Each batch of the provider is one of the ledger, no call is in two of them, no answer was bought twice."""
        there = self.sim.batches()
        known = {row[0] for row in ask(self.ledger, "SELECT provider_id FROM batch")}
        said = [f"{batch['id']} is in no row of the ledger" for batch in there if batch["id"] not in known]
        ids = Counter(name for batch in there for name in batch["custom_ids"])
        said += [f"call {name} was submitted {times} times" for name, times in ids.items() if times > 1]
        bought = Counter((row.model, row.body) for row in self.sim.requests() if row.billed)
        said += [f"{asked} was bought {times} times" for asked, times in bought.items() if times > 1]
        said += [f"request {row.n} went past the batches" for row in self.sim.requests() if not row.batched][
            :3
        ]
        left = ask(self.ledger, "SELECT count(*) FROM batch WHERE ended_at IS NULL")[0][0]
        words = ask(self.ledger, "SELECT count(*) FROM batch_call WHERE body IS NOT NULL")[0][0]
        said += [f"{left} batches are open"] if left else []
        return said + ([f"the words of {words} calls are still kept"] if words else [])
