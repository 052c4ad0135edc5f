"""What `report` says of money and of reasons."""

from decimal import Decimal

import pytest
from tests.house.conftest import Build
from tests.house.house import APP, STEP, letter

from roadworthy.observe.report import each


def test_report_and_run_say_the_same_cap(file_build: Build) -> None:
    """A script that reads both would take a job under the app's cap for one without any."""
    house = file_build([letter(1)])
    ran = house.json("run", STEP, "in.jsonl")
    assert house.json("report", APP)["budget_usd"] == ran["budget_usd"] == "5"
    ran = house.json("run", STEP, "in.jsonl", "--budget-usd", "2")
    assert house.json("report", APP)["budget_usd"] == ran["budget_usd"] == "2"


@pytest.mark.parametrize(
    ("spent", "count", "said"),
    [
        ("0.0000027", 1, "0.00000270"),
        ("1", 3, "0.333333"),
        ("12.5", 1, "12.500000"),
        ("0.01", 30_000, "0.000000333"),
        ("0", 4, "0.000000"),
    ],
)
def test_a_small_cost_keeps_its_digits(spent: str, count: int, said: str) -> None:
    """A step that costs a tenth more than it did would look the same, or free."""
    assert each(Decimal(spent), count) == said


def test_lines_that_are_rejected_for_one_reason_are_one_reason(file_build: Build) -> None:
    """The commonest mistake of an input would stand below any that happened twice, once for every line."""
    good, unnamed = letter(1), [letter(number) for number in range(2, 9)]
    for one in unnamed:
        del one["name"]
    house = file_build([good, *unnamed, letter(9, body="")])
    house.json("run", STEP, "in.jsonl")
    (outcome, reason, count), *_ = house.json("report", APP)["grounds"]
    assert (outcome, count) == ("rejected", 7)
    assert "in.jsonl, line 2: " in reason
    told = house.call("report", APP).stdout
    assert "7 rejected, such as: in.jsonl, line 2: " in " ".join(told.split())
