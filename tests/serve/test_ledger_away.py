"""A service whose ledger is away for a while, which no other process would put right."""

import sqlite3
import threading
import time
from contextlib import closing

import psycopg
import pytest
from tests.serve.conftest import Build


def test_an_answer_that_came_while_the_ledger_was_away_is_kept(file_build: Build) -> None:
    """It would be lost though it is paid for, its money reserved and its record without end until a restart."""
    counter = file_build(
        {"what a day": "glad"}, latency_ms=1_000, record_deadline_s=3.0, ledger_busy_s=0.3, park_pause_s=0.1
    )
    note = {"id": "n1", "text": "what a day"}
    asking = threading.Thread(target=counter.call, args=("POST", "/v1/records/feel", note))
    asking.start()
    while not counter.sim.requests():
        time.sleep(0.02)
    with closing(sqlite3.connect(counter.ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(2.5)
        other.execute("ROLLBACK")
    asking.join()
    ends = time.monotonic() + 15
    while (found := counter.call("GET", "/v1/records/n1").json)["outcome"] != "accepted":
        assert time.monotonic() < ends, found
        time.sleep(0.1)
    assert len(counter.sim.requests()) == 1, "it is not bought again"
    assert counter.ask("SELECT state, ending FROM attempt") == [("settled", "ok")]
    assert counter.ask("SELECT reserved_pico FROM budget WHERE reserved_pico <> 0") == []
    assert found["attempts"] == 1


@pytest.mark.parametrize("ledger", ["postgres"], indirect=True)
@pytest.mark.parametrize("promise", ["", ", max_error=0.1"], ids=["none", "a promise"])
def test_an_answer_that_came_while_the_server_was_away_is_kept(build: Build, promise: str) -> None:
    """On Postgres it would be lost though it is paid for, its money reserved and its record without end until a restart."""
    counter = build(
        {"what a day": "glad"}, "later", latency_ms=1_000, record_deadline_s=3.0, park_pause_s=0.1
    )
    counter.environ["ROADWORTHY_LEASE_S"] = "20"
    app = counter.folder / "shop.py"
    app.write_text(app.read_text().replace(', confidence="field:sure", review_below=0.5', promise))
    counter.start()
    note = {"id": "n1", "text": "what a day"}
    asking = threading.Thread(target=counter.call, args=("POST", "/v1/records/feel", note))
    asking.start()
    while not counter.sim.requests():
        time.sleep(0.02)
    with psycopg.connect(counter.ledger, autocommit=True) as other:
        away_until = time.monotonic() + 2.5
        while time.monotonic() < away_until:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roadworthy'"
            )
            time.sleep(0.01)
    asking.join()
    ends = time.monotonic() + 15
    while (found := counter.call("GET", "/v1/records/n1").json).get("outcome") != "accepted":
        assert time.monotonic() < ends, found
        time.sleep(0.1)
    assert len(counter.sim.requests()) == 1, "it is not bought again"
    assert counter.ask("SELECT state, ending FROM attempt") == [("settled", "ok")]
    assert counter.ask("SELECT reserved_pico FROM budget WHERE reserved_pico <> 0") == []
    assert found["attempts"] == 1
