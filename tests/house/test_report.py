"""What `report` says of money and of reasons."""

from tests.house.conftest import Build
from tests.house.house import APP, STEP, letter


def test_report_and_run_say_the_same_cap(file_build: Build) -> None:
    """A script that reads both would take a job under the app's cap for one without any."""
    house = file_build([letter(1)])
    ran = house.json("run", STEP, "in.jsonl")
    assert house.json("report", APP)["budget_usd"] == ran["budget_usd"] == "5"
    ran = house.json("run", STEP, "in.jsonl", "--budget-usd", "2")
    assert house.json("report", APP)["budget_usd"] == ran["budget_usd"] == "2"
