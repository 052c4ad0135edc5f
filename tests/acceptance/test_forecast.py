"""The forecast, against what the run then costs."""

import json
from decimal import Decimal

import pytest
from tests.acceptance.bench import APP, Bench


@pytest.mark.timeout(200)
def test_the_actual_cost_lies_in_the_interval_and_near_the_likely_figure(calm: Bench) -> None:
    """`plan` would promise a cost that the run does not keep."""
    before = calm.call("plan", APP, "messages.jsonl", "--json")
    assert json.loads(before.stdout)["to_ask"] == 3080
    assert calm.sim.bill().total.requests == 0, "a plan without a sample costs nothing"

    plan = json.loads(calm.call("plan", APP, "messages.jsonl", "--sample", "50", "--json").stdout)
    assert (plan["sampled"], plan["answered"], plan["to_ask"]) == (50, 50, 3030)
    asked = calm.sim.bill().total.requests
    run = calm.run(APP, "messages.jsonl")
    spent = Decimal(plan["spent_usd"])
    low, likely, high = (spent + Decimal(plan["cost_usd"][name]) for name in ("low", "likely", "high"))
    actual = Decimal(run["job_cost_usd"])
    assert low <= actual <= high
    assert abs(likely / actual - 1) <= Decimal("0.15")
    assert calm.sim.bill().total.requests == asked + run["attempts"], "the sample's answers are used again"
    print(f"{low=} {likely=} {high=} {actual=}")
