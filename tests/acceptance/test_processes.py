"""Several processes on one ledger: one budget, each record taken once, and a stopped process that wakes too late."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.acceptance.test_budget import peak
from tests.ledgers import ask

from roadworthy.vet.process import RunningSimulator, start_simulator

PICO = Decimal(10) ** 12
PRICES = {"small": "0.50,1.50"}
APP = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt
app = App("many", settings={"lease_s": 1.5, "patience_s": 5})
small = Model("openai:small", price=Price(input="0.50", output="1.50"), max_output_tokens=64)
class Note(BaseModel):
    id: str
    text: str
@app.step(models=[small])
def mood(note: Note) -> Prompt[str]:
    return Prompt("Glad or sad?", note.text)
"""
TICKS = "SELECT opened_tick, settled_tick, reserved_pico, cost_pico FROM attempt WHERE state <> 'unsent'"
CAP_HOLDS = "ALTER TABLE budget ADD CONSTRAINT cap_holds CHECK (limit_pico IS NULL OR spent_pico + reserved_pico <= limit_pico)"


class Crowd:
    """Processes of one app on one ledger."""

    def __init__(self, folder: Path, ledger: str, sim: RunningSimulator) -> None:
        self.folder = folder
        self.ledger = ledger
        self.sim = sim
        (folder / "many.py").write_text(APP)

    def notes(self, count: int) -> Path:
        """An input of so many records."""
        place = self.folder / "notes.jsonl"
        place.write_text(
            "".join(json.dumps({"id": str(n), "text": f"note {n}"}) + "\n" for n in range(count))
        )
        return place

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "roadworthy", words[0], "many.py", *words[1:], "--json"],
            cwd=self.folder,
            env={**os.environ, "OPENAI_BASE_URL": self.sim.url, "ROADWORTHY_LEDGER": self.ledger},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, query: str, wanted: int, seconds: float = 30) -> None:
        """Wait until a count in the ledger is so high."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            try:
                if ask(self.ledger, query)[0][0] >= wanted:
                    return
            except Exception:  # noqa: BLE001 - the ledger's tables may not be there yet
                time.sleep(0.05)
            time.sleep(0.02)
        pytest.fail(f"{query} never came to {wanted}")


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """(status, what it printed, what it said)."""
    try:
        out, err = process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"a process did not end: {err[-2000:]}")
    return process.returncode, json.loads(out) if out.strip() else {}, err


@contextmanager
def crowd(folder: Path, ledger: str, **script: Any) -> Iterator[Crowd]:
    """Processes to be, and their provider."""
    with start_simulator(prices=PRICES, default_answer='{"value": "glad"}', **script) as sim:
        yield Crowd(folder, ledger, sim)


@pytest.mark.timeout(180)
def test_four_processes_share_one_budget(tmp_path: Path, ledger: str) -> None:
    """Processes that each believe in the room they saw would together spend more than the cap (P2, P3, C4)."""
    with crowd(tmp_path, ledger, latency_ms=150.0) as many:
        many.notes(1)
        probe = many.start("run", "notes.jsonl", "--job", "probe")
        assert ended(probe)[0] == 0
        worst = ask(ledger, "SELECT max(reserved_pico) FROM attempt")[0][0]
        if "://" in ledger:
            with psycopg.connect(ledger, autocommit=True) as server:
                server.execute(CAP_HOLDS)
        cap = (Decimal(worst) * 50 / PICO).quantize(Decimal("0.000000001"))
        place = many.notes(1_000)
        crew = [many.start("work", "--concurrency", "50", "--wait", "30") for _ in range(3)]
        many.until("SELECT count(*) FROM lease WHERE ended_at IS NULL", 3)
        words = ("run", place.name, "--job", "shared", "--budget-usd", str(cap), "--concurrency", "50")
        found = [ended(process) for process in [many.start(*words), *crew]]
        log = many.sim.requests()
        bill = many.sim.bill().total
    assert [status for status, _, _ in found] == [3, 3, 3, 3], [said[-500:] for _, _, said in found]
    of_job = f"{TICKS} AND run_id IN (SELECT run.id FROM run JOIN job ON job.id = run.job_id WHERE job.name = 'shared')"
    attempts = ask(ledger, of_job)
    most = peak(attempts)
    spent = sum(Decimal(cost) for _, _, _, cost in attempts) / PICO
    print(f"{cap=} {most=} {spent=} attempts={len(attempts)} billed={bill.cost_usd}")
    if (
        "://" not in ledger
    ):  # there the constraint has watched each commit; ticks of several processes overlap
        assert most <= cap
    assert spent > cap - Decimal(worst) / PICO, "the cap is used up to within one worst case"
    assert bill.cost_usd is not None
    assert bill.cost_usd <= cap + Decimal(worst) / PICO, "the bill of the job and of the one probe"
    endings = ask(ledger, "SELECT owner, state, ending, count(*) FROM attempt GROUP BY owner, state, ending")
    print(endings)
    sent = sum(count for _, state, _, count in endings if state != "unsent")
    assert len(log) <= sent, "an attempt is at most one request"
    paid = ask(ledger, "SELECT key FROM attempt WHERE state = 'settled' AND cost_pico > 0")
    assert len(paid) == len(set(paid)), "a reply was bought twice"
    assert len(ask(ledger, "SELECT DISTINCT owner FROM attempt")) >= 3, (
        "the probe and at least two of the four"
    )


@pytest.mark.timeout(120)
def test_workers_take_different_records(tmp_path: Path, ledger: str) -> None:
    """Two workers would do the same record's work, or one would wait for what nobody does."""
    with crowd(tmp_path, ledger, latency_ms=60.0) as many:
        place = many.notes(300)
        first = many.start("run", place.name, "--concurrency", "8")
        many.until("SELECT count(*) FROM attempt", 20)
        helpers = [many.start("work", "--concurrency", "8", "--wait", "1") for _ in range(2)]
        status, summary, said = ended(first)
        ends = [ended(helper) for helper in helpers]
        bodies = [row.body for row in many.sim.requests()]
    assert status == 0, said
    assert [end[0] for end in ends] == [0, 0], [end[2] for end in ends]
    assert (summary["accepted"], summary["pending"]) == (300, 0)
    assert len(bodies) == len(set(bodies)) == 300
    assert ask(ledger, "SELECT count(*) FROM record WHERE owner IS NOT NULL") == [(0,)]


@pytest.mark.timeout(120)
def test_a_process_that_was_stopped_too_long_writes_nothing(tmp_path: Path, ledger: str) -> None:
    """A process that wakes after it was taken for dead would settle what is charged already (D5)."""
    with crowd(tmp_path, ledger, latency_ms=80.0) as many:
        place = many.notes(200)
        sleeper = many.start("run", place.name, "--concurrency", "4")
        many.until("SELECT count(*) FROM attempt", 12)
        sleeper.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        on_the_wire = ask(ledger, "SELECT count(*) FROM attempt WHERE state = 'intent'")[0][0]
        assert on_the_wire > 0, "it was stopped while it did nothing"
        if "://" not in ledger:
            # The kernel knows that it lives, so on SQLite nobody takes its work; it goes on as if nothing was.
            sleeper.send_signal(signal.SIGCONT)
            assert ended(sleeper)[0] == 0
            assert ask(ledger, "SELECT count(*) FROM attempt WHERE state = 'unknown'") == [(0,)]
            return
        status, summary, said = ended(many.start("run", place.name))
        assert status == 0, said
        assert (summary["accepted"], summary["pending"]) == (200, 0)
        before = ask(ledger, "SELECT id, state, cost_pico FROM attempt ORDER BY id")
        sleeper.send_signal(signal.SIGCONT)
        late, _, words = ended(sleeper)
    assert late == 3, words
    # Stopped between two transactions it was taken for dead; within one, the server has ended its session.
    assert "taken for dead" in words or "the connection is lost" in words
    assert ask(ledger, "SELECT id, state, cost_pico FROM attempt ORDER BY id") == before
    assert ask(ledger, "SELECT count(*) FROM attempt WHERE state = 'unknown'") == [(on_the_wire,)]
