"""One to four worker processes on one ledger: records a second, and the share of their time that goes into the ledger.

`python -m benchmarks.workers` prints one line of JSON for each number of processes and each kind of ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import postgres
from tests.ledgers import ask

from roadworthy._settings import DEFAULTS
from roadworthy.accept.intake import read_records
from roadworthy.accept.source import Source
from roadworthy.keep.intake import take_in
from roadworthy.keep.jobs import begin_run, end_run, open_job
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.run.load import load
from roadworthy.vet.process import start_simulator

PROJECT = Path(__file__).parents[1]
LATENCY_MS = 100.0
CONCURRENCY = 128
BATCH = 256
APP = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt
app = App("workers")
small = Model("openai:small", price=Price(input="0.50", output="1.50"), max_output_tokens=64)
class Note(BaseModel):
    id: str
    text: str
@app.step(models=[small])
def mood(note: Note) -> Prompt[str]:
    return Prompt("Glad or sad?", note.text)
"""
# In the worker: how long its transactions and its looks take, told when it ends.
TIMED = """
import atexit, json, os, sys, time
from roadworthy.keep import postgres, store
spent = {"writes_s": 0.0, "reads_s": 0.0, "transactions": 0}
def timed(kind, name, into):
    real = getattr(kind, name)
    def call(self, *given):
        began = time.perf_counter()
        try:
            return real(self, *given)
        finally:
            spent[into] += time.perf_counter() - began
            spent["transactions"] += into == "writes_s"
    setattr(kind, name, call)
for kind in (postgres.PostgresStore, store.SqliteStore):
    timed(kind, "_run", "writes_s")
    timed(kind, "read", "reads_s")
def tell():
    spent["cpu_s"] = sum(os.times()[:2])
    open(os.environ["WORKER_SPENT"], "w").write(json.dumps(spent))
atexit.register(tell)
from roadworthy.__main__ import main
main()
"""
STARTED = "SELECT count(*) FROM lease WHERE ended_at IS NULL"
SPAN = "SELECT min(opened_at), max(opened_at + latency_s), count(*), count(DISTINCT owner) FROM attempt WHERE state = 'settled'"


def prepare(folder: Path, ledger: str, records: int) -> Ledger:
    """Take an input in and hold it: nobody may begin before this ledger is closed."""
    (folder / "workers_app.py").write_text(APP)
    with (folder / "notes.jsonl").open("w") as notes:
        for number in range(records):
            notes.write(
                json.dumps({"id": str(number), "text": f"note {number}: the parcel is late again"}) + "\n"
            )
    entry = load(str(folder / "workers_app.py")).entry()
    store = open_ledger(ledger, DEFAULTS)
    job = store.write_now(lambda tx: open_job(tx, "workers", entry.name, "notes"))
    run = store.write_now(lambda tx: begin_run(tx, job, store.owner))
    source = Source.from_path(folder / "notes.jsonl", DEFAULTS)
    items = read_records(source, schema=entry.record_schema, key=entry.key, settings=DEFAULTS)
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            store.write_now(lambda tx: take_in(tx, job_id=job, run_id=run, batch=batch, owner=store.owner))  # noqa: B023 - at once
            batch = []
    if batch:
        store.write_now(lambda tx: take_in(tx, job_id=job, run_id=run, batch=batch, owner=store.owner))
    store.write_now(lambda tx: end_run(tx, run, 0, "{}"))
    return store


def _bytes(ledger: str) -> int:
    """How much room a ledger takes."""
    if "://" in ledger:
        return int(ask(ledger, "SELECT pg_database_size(current_database())")[0][0])
    return sum(file.stat().st_size for file in Path(ledger).parent.glob(f"{Path(ledger).name}*"))


def measure(ledger: str, kind: str, processes: int, records: int) -> dict[str, object]:
    """So many workers work one input off."""
    with (
        tempfile.TemporaryDirectory(prefix="workers-") as name,
        start_simulator(
            prices={"small": "0.50,1.50"},
            default_answer='{"value": "glad"}',
            latency_ms=LATENCY_MS,
            latency_spread=0.3,
        ) as sim,
    ):
        folder = Path(name)
        place = ledger or str(folder / "ledger.db")
        holder = prepare(folder, place, records)
        load_before = os.getloadavg()[0]
        crew = [
            subprocess.Popen(  # noqa: S603
                [
                    sys.executable,
                    "-c",
                    TIMED,
                    "work",
                    "workers_app.py",
                    "--concurrency",
                    str(CONCURRENCY),
                    "--wait",
                    "1",
                    "--json",
                ],
                cwd=folder,
                env={
                    **os.environ,
                    "OPENAI_BASE_URL": sim.url,
                    "ROADWORTHY_LEDGER": place,
                    "WORKER_SPENT": str(folder / f"spent-{number}"),
                    "ROADWORTHY_LANE_CONCURRENCY_START": str(CONCURRENCY),
                },
                stdout=subprocess.DEVNULL,
            )
            for number in range(processes)
        ]
        while ask(place, STARTED)[0][0] < processes + 1:
            time.sleep(0.1)
        holder.close()
        began = time.monotonic()
        statuses = [worker.wait(600) for worker in crew]
        wall_s = time.monotonic() - began
        assert set(statuses) == {0}, statuses
        first, last, settled, owners = ask(place, SPAN)[0]
        span_s = float(last) - float(first)
        size = _bytes(place)
        spent = [json.loads((folder / f"spent-{number}").read_text()) for number in range(processes)]
    of_all = span_s * processes
    return {
        "ledger": kind,
        "processes": processes,
        "records": settled,
        "took_part": owners,
        "span_s": round(span_s, 2),
        "wall_s": round(wall_s, 2),
        "records_a_second": round(settled / span_s, 1),
        "cpu_ms_a_record": round(1_000 * sum(each["cpu_s"] for each in spent) / settled, 3),
        "share_writing": round(sum(each["writes_s"] for each in spent) / of_all, 3),
        "share_reading": round(sum(each["reads_s"] for each in spent) / of_all, 3),
        "changes_a_transaction": round(2 * settled / sum(each["transactions"] for each in spent), 1),
        "ledger_bytes_a_record": round(size / settled),
        "load_before": round(load_before, 1),
        "load_after": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure every number of processes on both kinds of ledger."""
    reader = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    reader.add_argument("--records", type=int, default=4_000)
    reader.add_argument("--processes", type=int, nargs="*", default=[1, 2, 3, 4])
    reader.add_argument("--ledger", choices=["sqlite", "postgres"], nargs="*", default=["sqlite", "postgres"])
    given = reader.parse_args()
    with postgres.running(durable=True) as server:
        for kind in given.ledger:
            for count in given.processes:
                place = server.new_database() if kind == "postgres" else ""
                print(json.dumps(measure(place, kind, count, given.records)), flush=True)


if __name__ == "__main__":
    main()
