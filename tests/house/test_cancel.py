"""A run that is stopped from another process."""

import json
import time

import pytest
from tests.house.conftest import Build
from tests.house.house import APP, STEP, House, letter


def begun(house: House, requests: int) -> None:
    """Wait until the provider saw so many requests."""
    ends = time.monotonic() + 30
    while house.sim.bill().total.requests < requests:
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.timeout(90)
def test_a_cancelled_run_lets_come_back_what_is_on_the_wire(build: Build) -> None:
    """Cancelling would lose paid answers, take minutes, or not be told from an end."""
    house = build([letter(number) for number in range(1, 301)], latency_ms=400)
    house.environ["ROADWORTHY_CONCURRENCY"] = "8"
    running = house.start("run", STEP, "in.jsonl", "--json")
    begun(house, 20)
    asked = time.monotonic()
    said = house.json("cancel", APP, "--by", "somebody")
    assert len(said["cancelled"]) == 1
    out, err = running.communicate(timeout=30)
    assert time.monotonic() - asked < 20, "it looks every second, and a call takes half of one"
    found = json.loads(out)
    assert (running.returncode, found["stopped"], found["unknown"]) == (3, "cancelled", 0)
    assert "cancelled by somebody" in err
    assert found["accepted"] + found["pending"] == found["records"] == 300
    assert found["reserved_usd"] == "0"
    bought = house.sim.bill().total.requests
    assert bought == found["attempts"] < 300
    house.sim.script({"latency_ms": 0})
    again = house.json("run", STEP, "in.jsonl")
    assert (again["accepted"], again["stopped"]) == (300, "")
    assert house.sim.bill().total.requests == 300, "nothing was bought twice"
    assert house.json("cancel", APP)["cancelled"] == [], "no run is under way any more"


@pytest.mark.timeout(120)
def test_a_run_that_waits_for_a_provider_stops_within_the_grace(build: Build) -> None:
    """A run that sleeps through an outage of hours could not be stopped."""
    house = build([letter(number) for number in range(1, 31)], faults={"503": 1.0}, in_a_row_max=0)
    house.environ["ROADWORTHY_CANCEL_GRACE_S"] = "1"
    running = house.start("run", STEP, "in.jsonl", "--json")
    begun(house, 5)
    time.sleep(1)
    asked = time.monotonic()
    house.json("cancel", APP, "--job", str(house.folder / "in.jsonl"))
    out, err = running.communicate(timeout=30)
    found = json.loads(out)
    assert time.monotonic() - asked < 25
    assert (running.returncode, found["stopped"], found["failed"]) == (3, "cancelled", 0), err
    assert found["pending"] + found["waiting"].get("provider", 0) == 30
    assert "Traceback" not in err
    assert house.json("doctor", APP)["wrong"] == []


@pytest.mark.timeout(60)
def test_another_job_and_another_run_go_on(build: Build) -> None:
    """Cancelling one job would stop its neighbour, or the run that comes after."""
    house = build([letter(number) for number in range(1, 41)], latency_ms=300)
    running = house.start("run", STEP, "in.jsonl", "--json", "--concurrency", "4")
    begun(house, 4)
    house.put([letter(41)], "another.jsonl")
    assert house.call("run", STEP, "another.jsonl").returncode == 0
    assert house.json("cancel", APP, "--job", "another.jsonl")["cancelled"] == []
    out, err = running.communicate(timeout=40)
    assert running.returncode == 0, err
    assert json.loads(out)["accepted"] == 40


@pytest.mark.timeout(60)
def test_a_job_that_is_not_known_is_told_and_a_path_names_its_job(build: Build) -> None:
    """Whoever mistyped a name would read that no run is under way, while one goes on buying."""
    house = build([letter(number) for number in range(1, 201)], latency_ms=300)
    running = house.start("run", STEP, "in.jsonl", "--json", "--concurrency", "4")
    begun(house, 4)
    done = house.call("cancel", APP, "--job", "in.jsnl")
    assert done.returncode == 2, done.stdout
    assert "has no job 'in.jsnl'" in done.stderr
    assert f"{house.folder / 'in.jsonl'} (sort)" in done.stderr
    assert len(house.json("cancel", APP, "--job", "in.jsonl")["cancelled"]) == 1
    out, err = running.communicate(timeout=40)
    assert (running.returncode, json.loads(out)["stopped"]) == (3, "cancelled"), err
