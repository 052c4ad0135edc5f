"""`doctor` names what in a ledger contradicts itself, and what to do."""

import re
import signal
import time
import tomllib
from pathlib import Path

import pytest
from tests.house.conftest import Build
from tests.house.house import APP, STEP, letter
from tests.ledgers import change

from roadworthy.run.doctor import EXTRAS

DAMAGES = {
    "UPDATE budget SET spent_pico = spent_pico + 1 WHERE scope LIKE 'job:%'": "The account job:1",
    "UPDATE budget SET reserved_pico = 7 WHERE scope LIKE 'app:%'": "The account app:letters:",
    "UPDATE record SET cost_pico = cost_pico - 1 WHERE key = 'L3'": "The record L3 says 1 attempts",
    "UPDATE record SET attempts = 2 WHERE key = 'L4'": "The record L4 says 2 attempts",
    "INSERT INTO reply (attempt_id, ending, finish, served_model, text) VALUES (999, 'ok', 'stop', 'm', 'x')": "attempt 999",
    "DELETE FROM record WHERE key = 'L5'": "Line 5 of job 1 leads to a record that does not exist",
}


@pytest.mark.timeout(90)
def test_each_contradiction_is_named(build: Build) -> None:
    """Money or answers that do not add up would be taken for sound. One damage comes on top of the other."""
    house = build([letter(number) for number in range(1, 8)])
    house.json("run", STEP, "in.jsonl")
    assert house.json("doctor", APP)["wrong"] == []
    for damage, words in DAMAGES.items():
        change(house.ledger, damage)
        wrong = house.json("doctor", APP, status=1)["wrong"]
        assert any(words in line for line in wrong), (damage, wrong)
        assert all("Restore" in line or "Run" in line for line in wrong), "each says what to do"


@pytest.mark.timeout(60)
def test_what_a_dead_process_left_is_named_until_the_next_run(build: Build) -> None:
    """Reserved money of a process that is gone would be a riddle."""
    house = build([letter(number) for number in range(1, 31)], latency_ms=5000)
    house.environ["ROADWORTHY_LEASE_S"] = "2"
    running = house.start("run", STEP, "in.jsonl", "--json")
    ends = time.monotonic() + 30
    while house.sim.bill().total.requests < 8:
        assert time.monotonic() < ends
        time.sleep(0.02)
    assert house.json("doctor", APP)["wrong"] == [], "a process that lives is in order"
    running.send_signal(signal.SIGKILL)
    running.communicate()
    time.sleep(2.5 if "://" in house.ledger else 0)  # a server hears that a process is gone when it is silent
    (said,) = house.json("doctor", APP, status=1)["wrong"]
    assert "were on the wire of a process that is gone" in said
    house.sim.script({"latency_ms": 0})
    assert house.json("run", STEP, "in.jsonl")["accepted"] == 30
    assert house.json("doctor", APP)["wrong"] == []


def test_every_extra_is_told_with_what_it_installs() -> None:
    """A user would not learn which extra is missing, or a new one be forgotten."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = {
        extra: tuple(re.split(r"[\[><=;]", package)[0].strip() for package in packages)
        for extra, packages in project["optional-dependencies"].items()
    }
    assert declared == EXTRAS
