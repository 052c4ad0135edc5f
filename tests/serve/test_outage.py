"""A service outlives its provider's outages: nobody is there who would run a command again."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests import postgres
from tests.ledgers import change
from tests.serve.conftest import Build, maker
from tests.serve.counter import Counter

QUICK = {
    "patience_s": 0.5,
    "breaker_open_s": 0.1,
    "breaker_open_cap_s": 0.5,
    "throttle_floor_s": 0.05,
    "backoff_base_s": 0.02,
    "backoff_cap_s": 0.05,
}


@pytest.mark.parametrize(
    ("kind", "why"),
    [("503", "no answer for"), ("quota", "quota"), ("404_model", "gone")],
)
def test_work_goes_on_by_itself_after_a_lane_was_closed(file_build: Build, kind: str, why: str) -> None:
    """An outage longer than patience, or an account that is topped up, would stop a service until it is restarted."""
    counter = file_build({"what a day": "glad", "oh no": "sad"}, **QUICK)
    counter.sim.script({"faults": {kind: 1.0}, "in_a_row_max": 0})
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "what a day"})
    counter.call("POST", "/v1/records/feel", {"id": "n2", "text": "oh no"})
    found = _until(counter, "n1", "reason", why)
    assert found["waiting_for"] == "provider"
    asked = len(counter.sim.requests())
    time.sleep(2.0)
    again = len(counter.sim.requests()) - asked
    assert 0 < again <= 12, "it is tried, and with one request at a time"
    counter.sim.script({"faults": {}})
    for key in ("n1", "n2"):
        _until(counter, key, "outcome", "accepted")


def _until(counter: Counter, key: str, field: str, wanted: str) -> dict[str, str]:
    """The record, once a field of it begins to hold these words."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        found: dict[str, str] = counter.call("GET", f"/v1/records/{key}").json
        if wanted in str(found[field]):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_a_service_that_was_taken_for_dead_ends(postgres_server: postgres.Server, tmp_path: Path) -> None:
    """It may write nothing any more: it would say for ever that it is ready, and answer 503 to every record."""
    with ExitStack() as running:
        ledger = postgres_server.new_database()
        counter = maker(running, tmp_path, ledger)({"what a day": "glad"})
        assert counter.call("GET", "/readyz").status == 200
        change(ledger, "UPDATE lease SET ended_at = 1")
        process = counter.process
        assert process is not None
        assert process.wait(20) == 3
        assert "taken for dead" in counter.stop()
