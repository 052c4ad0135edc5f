"""Workers that Ray places: a cluster of two nodes on the loopback address, killed at work, and Ray Data at both ends."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests import postgres
from tests.conftest import NO_SERVER
from tests.ledgers import ask
from tests.scale.soak import APP, LOOPBACK, SETTINGS, Soak, soaking

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")

DATASET = """
import json, sys
import ray, ray.data
from roadworthy.run.ray_data import results, run_dataset
ray.init(log_to_driver=False, logging_level=40, _node_ip_address="127.0.0.1")
ray.data.DataContext.get_current().enable_progress_bars = False
rows = ray.data.from_items([{"id": str(n), "text": f"note {n}"} for n in range(60)])
summary, status = run_dataset("soak.py", rows, job="from a dataset", workers=2, concurrency=8)
ray.init(log_to_driver=False, logging_level=40, _node_ip_address="127.0.0.1")
results("soak.py", job="from a dataset").write_parquet(sys.argv[1])
print(json.dumps({"status": status, "accepted": summary.accepted, "attempts": summary.attempts}))
"""


@pytest.fixture(scope="module")
def soak() -> Iterator[Soak]:
    """One cluster for these tests: to start it costs more than to use it."""
    if postgres.find_binary("initdb") is None:
        pytest.skip(NO_SERVER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", "")
        try:
            whole = ExitStack()
            running = whole.enter_context(soaking())
        except Exception as error:  # noqa: BLE001 - a raylet gives its agents 15 s, whatever it is told
            pytest.skip(f"Ray could not start a cluster on this machine: {error}")
        with whole:
            yield running


@pytest.mark.timeout(400)
def test_a_killed_worker_and_a_killed_node_cost_what_was_on_the_wire_and_nothing_else(soak: Soak) -> None:
    """A machine that dies would lose its records, or have what they cost paid again (issue: "must be shown")."""
    found = soak.play(1, 400, workers_killed=1, driver_killed=False, latency_ms=400.0)
    print(found)
    assert found.wrong == []
    assert (found.lost, found.paid_again, found.in_flight_uncharged) == (0, 0, 0)
    assert found.in_flight > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_driver_goes_on_when_it_is_started_again(soak: Soak) -> None:
    """The process that supervises would be what everything hangs on."""
    found = soak.play(2, 400, workers_killed=3, latency_ms=400.0)
    print(found)
    assert found.wrong == []


@pytest.mark.timeout(240)
def test_a_dataset_goes_in_and_comes_out(soak: Soak, tmp_path: Path) -> None:
    """Data that lies in a lake would have to be copied to a file first, and its results back."""
    from pyarrow import parquet  # noqa: PLC0415 - 100 ms

    ledger = soak.server.new_database()
    soak.sim.reset()
    (tmp_path / "soak.py").write_text(APP.format(ledger=ledger, settings=SETTINGS))
    done = subprocess.run(
        [sys.executable, "-c", DATASET, str(tmp_path / "out")],  # tasks have a folder of their own
        cwd=tmp_path,
        env={**os.environ, **LOOPBACK, "RAY_ADDRESS": soak.nodes.address, "OPENAI_BASE_URL": soak.sim.url},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["status"], said["accepted"]) == (0, 60)
    rows = parquet.read_table(tmp_path / "out").to_pylist()
    assert sorted(int(row["key"]) for row in rows) == list(range(60))
    assert {(row["outcome"], row["value"]) for row in rows} == {("accepted", '"glad"')}
    assert ask(ledger, "SELECT count(*) FROM line") == [(60,)]


def test_a_ledger_in_a_file_is_refused(tmp_path: Path) -> None:
    """Workers on other machines would each make a file of their own."""
    (tmp_path / "app.py").write_text(APP.format(ledger="here.db", settings=SETTINGS))
    (tmp_path / "in.jsonl").write_text('{"id": "1", "text": "a"}\n')
    done = subprocess.run(
        [sys.executable, "-m", "roadworthy", "run", "app.py", "in.jsonl", "--engine", "ray"],
        cwd=tmp_path,
        env={**os.environ, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 2
    assert "postgresql://" in done.stderr
