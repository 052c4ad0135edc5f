"""One input, one ledger, one provider: the command that is killed and given again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.crash import tickets
from tests.crash.app import PRICES
from tests.crash.harness import (
    AT_END,
    AT_REST,
    Calm,
    Evidence,
    Invariant,
    gather,
    is_clean,
    open_attempts,
    results,
    violations,
)
from tests.ledgers import ask

from roadworthy.vet.options import Options
from roadworthy.vet.process import RunningSimulator

PROJECT = Path(__file__).parents[2]
APP = Path(__file__).with_name("app.py")
COUNT = 60
CAP_USD = "1"
TIMEOUT_S = 60
LEASE_S = 3
# The same limits, scaled to a provider that answers in milliseconds.
QUICK = {
    "ROADWORTHY_BACKOFF_BASE_S": "0.02",
    "ROADWORTHY_THROTTLE_FLOOR_S": "0.02",
    "ROADWORTHY_BREAKER_OPEN_S": "0.1",
    "ROADWORTHY_RETRY_BUDGET_BURST": "100",
    "ROADWORTHY_INTAKE_BATCH": "16",
    "ROADWORTHY_LEASE_S": str(LEASE_S),
}
FAULTS = {"500": 0.04, "429_bare": 0.04, "reset": 0.03, "cut": 0.03, "html_200": 0.02, "fenced": 0.05}
LATENCY_MS = 15.0
SIMULATOR: Options = {
    "answers": tickets.rows(COUNT),
    "prices": PRICES,
    "seed": 11,
    "latency_ms": LATENCY_MS,
    "latency_spread": 0.5,
    "faults": FAULTS,
    "silence_s": 0.3,
}
PENDING = "SELECT count(*) FROM record WHERE outcome = 'pending'"
EARLY = {"lease_written", "lease_committed", "reap_written", "reap_committed", "run_begun_written"}
BEFORE_INTAKE = {"run_begun_committed", "intake_written"}
LATE = {
    "output_written", "output_replaced", "run_ended_written", "run_ended_committed", "goodbye_written",
    "goodbye_committed",
}  # fmt: skip
RUNS_OPEN = "SELECT count(*) FROM run WHERE ended_at IS NULL"


@dataclass(slots=True)
class Trial:
    """One ledger and the command that works on it.

    Attributes:
        entry: `triage`, a step, or `handle`, a workflow.
        in_flight: the attempts that were open at the kills so far.
        at_rest: what did not hold in the ledger of a process that had just been killed.
    """

    folder: Path
    ledger: str
    sim: RunningSimulator
    entry: str
    calm: Calm | None = None
    in_flight: frozenset[int] = frozenset()
    at_rest: list[str] = field(default_factory=list)
    deaths: int = 0
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sim.reset()
        self.sim.script({"faults": FAULTS, "latency_ms": LATENCY_MS})
        tickets.write(self.folder / "tickets.jsonl", COUNT)

    def start(self, failpoint: str = "", variant: str = "", *options: str) -> subprocess.Popen[bytes]:
        """Start the command; the same one each time, whatever is armed."""
        module = ["tests.crash.child", variant] if variant else ["roadworthy"]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "ROADWORTHY_"))}
        environ = kept | QUICK | {
            "OPENAI_BASE_URL": self.sim.url,
            "ROADWORTHY_LEDGER": self.ledger,
            "ROADWORTHY_FAILPOINT": failpoint,
            "CRASH_EFFECTS": str(self.folder / "effects"),
            "CRASH_CENSUS": str(self.folder / "census.json"),
            "PYTHONPATH": str(PROJECT),
        }  # fmt: skip
        words = ["-m", *module, "run", f"{APP}:{self.entry}", "tickets.jsonl", "-o", "out.jsonl", "--json"]
        given = options or ("--concurrency", "8", "--budget-usd", CAP_USD)
        process = subprocess.Popen(
            [sys.executable, *words, *given],
            cwd=self.folder,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "said").open("wb"),
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        """End what is still running; it would go on asking the provider of the next trial."""
        for process in self.started:
            process.kill()
            process.wait(TIMEOUT_S)

    def run(self, variant: str = "", *options: str, status: int = 0) -> None:
        """Give the command and let it run to its end."""
        process = self.start("", variant, *options)
        assert process.wait(TIMEOUT_S) == status, self.said()

    def kill(self, failpoint: str, variant: str = "", *options: str) -> None:
        """Give the command with a point armed; it must die there, at work."""
        process = self.start(failpoint, variant, *options)
        try:
            ended = process.wait(TIMEOUT_S)
        finally:
            process.kill()
        assert ended == -signal.SIGKILL, (
            f"the kill at {failpoint} did not land: status {ended}. {self.said()}"
        )
        self.note_death(failpoint.partition(":")[0])

    def note_death(self, point: str) -> None:
        """Note what the dead process left, and that it was at work when it died."""
        self.deaths += 1
        open_now = open_attempts(self.ledger)
        self.in_flight |= open_now
        busy = len(open_now) + int(ask(self.ledger, PENDING)[0][0])
        if point in LATE:
            unended = int(ask(self.ledger, RUNS_OPEN)[0][0])
            after = {"run_ended_committed", "goodbye_written", "goodbye_committed"}
            assert bool(unended) == (point not in after), f"{point}: {unended} runs had not ended"
        elif point not in EARLY | BEFORE_INTAKE:
            assert busy, f"the kill at {point} landed on an idle process"
        self._look_at_output()
        self.at_rest += [
            f"after the kill at {point}: {said}" for said in violations(self.evidence(), AT_REST)
        ]

    def evidence(self, *, output: bool = False, cap_usd: str = CAP_USD) -> Evidence:
        """What is known now."""
        return gather(
            self.ledger,
            self.sim.requests(),
            self.entry,
            COUNT,
            in_flight=self.in_flight,
            cap_pico=int(Decimal(cap_usd) * 10**12),
            calm=self.calm,
            effects=effects(self.folder / "effects"),
            output=read_output(self.folder / "out.jsonl") if output else None,
        )

    def violations(self, invariants: tuple[Invariant, ...] = AT_END, cap_usd: str = CAP_USD) -> list[str]:
        """Everything that did not hold, at the kills and now."""
        return self.at_rest + violations(self.evidence(output=True, cap_usd=cap_usd), invariants)

    def said(self) -> str:
        """The last words of the last process."""
        return (self.folder / "said").read_text()[-2000:]

    def wait_until(self, holds: Any, seconds: float = 30.0) -> None:
        """Wait until `holds()`, for `seconds` at most."""
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, "it did not come to that"
            time.sleep(0.01)

    def _look_at_output(self) -> None:
        place = self.folder / "out.jsonl"
        if place.exists() and len(read_output(place)) != len(tickets.lines(COUNT)):
            self.at_rest.append("the output file holds a part of the rows")


def undisturbed(trial: Trial) -> Calm:
    """Run without kills, count the passes of every point, and take down what comes of it."""
    trial.run("census")
    seen = trial.evidence(output=True)
    assert violations(seen, AT_END) == []
    passes = json.loads((trial.folder / "census.json").read_text())
    return Calm(results(seen.lines), sum(is_clean(row) for row in seen.log), passes)


def counts_on_arrival(sim: RunningSimulator) -> bool:
    """Whether the provider counts a request whose client is gone before it could answer.

    Without that, what was in flight at a kill is on nobody's books, and giving its money back looks right.
    """
    sim.reset()
    sim.script({"faults": {}, "latency_ms": 400})
    body = json.dumps(
        {"model": "small", "messages": [{"role": "user", "content": "Are you counting?"}]}
    ).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", sim.port), timeout=5) as client:
        client.sendall(head + body)
        time.sleep(0.1)
    time.sleep(0.5)
    return len(sim.requests()) == 1


def effects(place: Path) -> list[tuple[str, str]]:
    """(record key, idempotency key) of each time the side effect ran."""
    if not place.exists():
        return []
    return [(line.split()[0], line.split()[2]) for line in place.read_text().splitlines()]


def read_output(place: Path) -> list[dict[str, Any]]:
    """The rows of an output file; a torn one is a violation of its own."""
    return [json.loads(line) for line in place.read_text().splitlines()]
