"""The soak of `run --engine ray`: a two-node cluster on the loopback address whose workers, node and driver are killed.

`python -m tests.scale.soak --records 20000 --seeds 10` plays ten seeds and prints one line of JSON for each, then their sum.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from tests import postgres
from tests.ledgers import ask

from roadworthy.vet.process import RunningSimulator, start_simulator

PROJECT = Path(__file__).parents[2]
PICO = Decimal(10) ** 12
WORKERS = 4
CONCURRENCY = 16
STORE_BYTES = 80_000_000
TIMEOUT_S = 900.0
LOOPBACK = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_worker_prestart": "0",
    "RAY_raylet_start_wait_time_s": "180",  # a node may start on a machine that is busy
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_worker_niceness": "0",  # workers run as everything else does
}
# Faults that end an attempt without an answer cost a retry and, where it was sent, its worst case.
FAULTS = {"500": 0.01, "reset": 0.005, "fenced": 0.02}
APP = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt
app = App("soak", ledger={ledger!r}, settings={settings!r})
small = Model("openai:small", price=Price(input="0.50", output="1.50"), max_output_tokens=64)
class Note(BaseModel):
    id: str
    text: str
@app.step(models=[small])
def mood(note: Note) -> Prompt[str]:
    return Prompt("Glad or sad?", note.text)
"""
SETTINGS = {
    "lease_s": 12.0,
    "backoff_base_s": 0.02,
    "retry_budget_burst": 1_000,
    "breaker_failures": 50,
    "patience_s": 60.0,
    "work_drain_s": 5.0,
}
CAP_HOLDS = "ALTER TABLE budget ADD CONSTRAINT cap_holds CHECK (limit_pico IS NULL OR spent_pico + reserved_pico <= limit_pico)"
BUSY = """SELECT lease.owner, lease.pid, count(*) FROM attempt JOIN lease ON lease.owner = attempt.owner
WHERE attempt.state = 'intent' AND lease.ended_at IS NULL GROUP BY lease.owner, lease.pid ORDER BY lease.owner"""
DONE = "SELECT count(*) FROM record WHERE outcome <> 'pending'"
DIED = "the process that sent it died%"


@dataclass
class Found:
    """What a seed came to."""

    seed: int
    records: int
    kills: list[str] = field(default_factory=list)
    late: int = 0  # kills that came after the run had ended
    statuses: list[int] = field(default_factory=list)
    lost: int = 0
    paid_again: int = 0
    in_flight: int = 0
    in_flight_uncharged: int = 0
    requests: int = 0
    attempts: int = 0
    spent_usd: str = ""
    bill_usd: str = ""
    budget_usd: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Over(Exception):
    """The run ended in order before it could be disturbed."""


class Nodes:
    """A head and a second node, each with a worker pool of its own; the second one can be lost and comes back."""

    def __init__(self, provider: str) -> None:
        os.environ.update(LOOPBACK)
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - it reads the environment when it is imported

        node: dict[str, Any] = {
            "node_ip_address": "127.0.0.1",
            "num_cpus": WORKERS,
            "object_store_memory": STORE_BYTES,
        }
        self._node = node
        self._provider = provider
        os.environ["OPENAI_BASE_URL"] = provider
        self._cluster: Any = Cluster(
            initialize_head=True, head_node_args={**node, "include_dashboard": False}
        )
        self._second = self._cluster.add_node(**node)

    @property
    def address(self) -> str:
        """Where a driver joins."""
        return str(self._cluster.address)

    def lose_one(self) -> None:
        """End the second node's processes with SIGKILL, each by its own id."""
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = None

    def whole(self) -> None:
        """Have two nodes again."""
        if self._second is None:
            # Its workers have the environment of whoever starts it.
            os.environ["OPENAI_BASE_URL"] = self._provider
            self._second = self._cluster.add_node(**self._node)

    def close(self) -> None:
        """End every process of the cluster."""
        self._cluster.shutdown()


@dataclass
class Soak:
    """One cluster, one Postgres server and one provider for all seeds."""

    nodes: Nodes
    server: postgres.Server
    sim: RunningSimulator

    def play(
        self,
        seed: int,
        records: int,
        *,
        workers_killed: int = 3,
        driver_killed: bool = True,
        latency_ms: float = 60.0,
    ) -> Found:
        """One seed: a run from its first record to its last, with kills in the middle of it."""
        found, chance, began = Found(seed, records), random.Random(seed), time.monotonic()
        self.nodes.whole()
        self.sim.reset()
        self.sim.script({"latency_ms": latency_ms})
        folder = Path(tempfile.mkdtemp(prefix=f"soak-{seed}-"))
        try:
            trial = Trial(folder, self.server.new_database(), self, records)
            kills = ["worker"] * workers_killed + ["node"] + ["driver"] * driver_killed
            chance.shuffle(kills)
            places = sorted(chance.uniform(0.1, 0.85) for _ in kills)
            trial.start()
            for kill, place in zip(kills, places, strict=True):
                trial.kill(kill, int(place * records), chance, found)
            found.statuses.append(trial.wait())
            trial.judge(found)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        found.seconds = round(time.monotonic() - began, 1)
        return found


class Trial:
    """One ledger and the driver that works on it."""

    def __init__(self, folder: Path, ledger: str, soak: Soak, records: int) -> None:
        self.folder, self.ledger, self.soak = folder, ledger, soak
        (folder / "soak.py").write_text(APP.format(ledger=ledger, settings=SETTINGS))
        with (folder / "notes.jsonl").open("w") as notes:
            for number in range(records):
                notes.write(json.dumps({"id": str(number), "text": f"note {number}"}) + "\n")
        worst = Decimal("0.001")  # far above any one request's worst case
        self.cap = Decimal(records) * Decimal("0.00005") + worst * WORKERS * CONCURRENCY
        self.driver: subprocess.Popen[bytes] | None = None
        self.watched = False
        self.seen: set[int] = set()

    def start(self) -> None:
        """Give the command; always the same one."""
        words = ["run", "soak.py", "notes.jsonl", "--engine", "ray", "--workers", str(WORKERS), "--json"]
        given = ["--concurrency", str(CONCURRENCY), "--budget-usd", str(self.cap)]
        self.driver = subprocess.Popen(
            [sys.executable, "-m", "roadworthy", *words, *given],
            cwd=self.folder,
            env={
                **os.environ,
                **LOOPBACK,
                "RAY_ADDRESS": self.soak.nodes.address,
                "OPENAI_BASE_URL": self.soak.sim.url,
            },
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "said").open("ab"),
        )

    def kill(self, kill: str, at: int, chance: random.Random, found: Found) -> None:
        """End a worker, a node or the driver with SIGKILL, once so many records are done and calls are on the wire."""
        try:
            self._until(at)
            busy = self._until_busy()
        except Over:
            found.late += 1
            return
        self.seen |= {
            int(row[0]) for row in ask(self.ledger, "SELECT id FROM attempt WHERE state = 'intent'")
        }
        if kill == "node":
            self.soak.nodes.lose_one()
        elif kill == "driver":
            assert self.driver is not None
            self.driver.kill()
            found.statuses.append(self.driver.wait())
            self.start()
        else:
            owner, pid, _count = chance.choice(busy)
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
            del owner
        found.kills.append(f"{kill} at {at} with {sum(int(row[2]) for row in busy)} on the wire")

    def wait(self) -> int:
        """The driver's status."""
        assert self.driver is not None
        try:
            return self.driver.wait(TIMEOUT_S)
        finally:
            self.driver.kill()

    def judge(self, found: Found) -> None:
        """What is lost, paid again or on nobody's books."""
        log = self.soak.sim.requests()
        (accepted,) = ask(self.ledger, "SELECT count(*) FROM record WHERE outcome = 'accepted'")[0]
        found.lost = found.records - int(accepted)
        kept = ask(
            self.ledger,
            "SELECT attempt.key, count(*) FROM attempt JOIN reply ON reply.attempt_id = attempt.id GROUP BY attempt.key HAVING count(*) > 1",
        )
        rows = ask(
            self.ledger, "SELECT key, state, count(*), sum(cost_pico) FROM attempt GROUP BY key, state"
        )
        unseen = sum(int(count) for _key, state, count, _cost in rows if state == "unknown")
        clean = Counter(row.body for row in log if row.fault in {"", "fenced"})
        again = sum(times - 1 for times in clean.values())
        # Each surplus of a request that got through must be an attempt whose ending nobody saw.
        found.paid_again = len(kept) + max(0, again - unseen)
        died = ask(
            self.ledger, f"SELECT id, cost_pico, reserved_pico FROM attempt WHERE detail LIKE '{DIED}'"
        )
        found.in_flight = len(died)
        found.in_flight_uncharged = sum(cost != reserved for _id, cost, reserved in died)
        found.attempts = int(ask(self.ledger, "SELECT count(*) FROM attempt WHERE state <> 'unsent'")[0][0])
        found.requests = len(log)
        spent, reserved = ask(
            self.ledger, "SELECT sum(spent_pico), sum(reserved_pico) FROM budget WHERE scope LIKE 'job:%'"
        )[0]
        bill = sum((row.cost_usd or Decimal(0) for row in log), Decimal(0))
        found.spent_usd, found.bill_usd, found.budget_usd = (
            str(Decimal(spent) / PICO),
            str(bill),
            str(self.cap),
        )
        settled = ask(self.ledger, "SELECT sum(cost_pico) FROM attempt WHERE state = 'settled'")[0][0]
        checks = {
            f"{found.lost} records are lost": found.lost != 0,
            f"{found.paid_again} recorded replies were paid again": found.paid_again != 0,
            f"{found.in_flight_uncharged} in flight are not charged": found.in_flight_uncharged != 0,
            "nothing was in flight at any kill": not died,
            f"{found.late} kills came too late": len(found.kills) < 2,
            f"spent {found.spent_usd} of {self.cap}": Decimal(spent) / PICO > self.cap,
            f"{reserved} are still promised": int(reserved) != 0,
            f"the bill {bill} is above the books {found.spent_usd}": bill > Decimal(spent) / PICO,
            f"settled {settled} is above the bill {bill}": Decimal(settled) / PICO > bill,
            f"{found.requests} requests, {found.attempts} attempts": found.requests > found.attempts,
            f"the last status is {found.statuses[-1:]}": found.statuses[-1:] != [0],
        }  # fmt: skip
        found.wrong += [said for said, wrong in checks.items() if wrong]
        if found.wrong:
            found.wrong.append((self.folder / "said").read_text()[-3000:])

    def _until(self, wanted: int) -> None:
        """Wait until so many records are done; the cap is watched at every commit from the first moment on."""
        ends = time.monotonic() + TIMEOUT_S
        while time.monotonic() < ends:
            with suppress(psycopg.errors.UndefinedTable):
                if not self.watched:
                    with psycopg.connect(self.ledger, autocommit=True) as server:
                        server.execute(CAP_HOLDS)
                    self.watched = True
                if int(ask(self.ledger, DONE)[0][0]) >= wanted:
                    return
            self._alive()
            time.sleep(0.05)
        raise AssertionError(f"{wanted} records were not done in {TIMEOUT_S} s: {self._said()}")

    def _until_busy(self) -> list[tuple[Any, ...]]:
        ends = time.monotonic() + TIMEOUT_S
        while time.monotonic() < ends:
            if busy := ask(self.ledger, BUSY):
                return busy
            self._alive()
            time.sleep(0.005)
        raise AssertionError("nothing is on the wire")

    def _alive(self) -> None:
        assert self.driver is not None
        if self.driver.poll() == 0:
            raise Over
        assert self.driver.poll() is None, f"the driver ended with {self.driver.returncode}: {self._said()}"

    def _said(self) -> str:
        return (self.folder / "said").read_text()[-3000:]


@contextmanager
def soaking() -> Iterator[Soak]:
    """A cluster, a server and a provider, from their making to their end."""
    prices = {"small": "0.50,1.50"}
    with (
        postgres.running() as server,
        start_simulator(
            prices=prices, default_answer='{"value": "glad"}', latency_ms=60.0, faults=FAULTS
        ) as sim,
    ):
        nodes = Nodes(sim.url)
        print("the cluster is up", file=sys.stderr, flush=True)
        try:
            yield Soak(nodes, server, sim)
        finally:
            nodes.close()


def main() -> int:
    """Play seeds; status 1 where something did not hold."""
    reader = argparse.ArgumentParser(prog="python -m tests.scale.soak", description=__doc__)
    reader.add_argument("--records", type=int, default=20_000)
    reader.add_argument("--first", type=int, default=0)
    reader.add_argument("--seeds", type=int, default=10)
    given = reader.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the cluster's processes are ended then, too
    every = []
    with soaking() as soak:
        for seed in range(given.first, given.first + given.seeds):
            found = soak.play(seed, given.records)
            every.append(found)
            print(json.dumps(asdict(found)), flush=True)
    names = ("lost", "paid_again", "in_flight", "in_flight_uncharged", "requests", "attempts")
    print(
        json.dumps(
            {"seeds": len(every), **{name: sum(getattr(each, name) for each in every) for name in names}}
        )
    )
    return int(any(each.wrong for each in every))


if __name__ == "__main__":
    sys.exit(main())
