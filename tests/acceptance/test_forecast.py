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


@pytest.mark.timeout(120)
def test_a_long_input_is_estimated_from_a_sample_and_says_so(calm: Bench) -> None:
    """`plan` on a million records would take a quarter of an hour, or would give an estimate for a count."""
    whole = json.loads(calm.call("plan", APP, "messages.jsonl", "--json").stdout)
    assert (whole["records"], whole["looked_at"], whole["to_ask"]) == (3080, 3080, 3080)

    few = {"ROADWORTHY_PLAN_RECORDS_MAX": "200"}
    part = json.loads(calm.call("plan", APP, "messages.jsonl", "--json", **few).stdout)
    assert (part["records"], part["looked_at"], part["to_ask"]) == (3080, 200, 3080)
    assert abs(part["input_tokens"] / whole["input_tokens"] - 1) < 0.05
    likely = Decimal(whole["cost_usd"]["likely"])
    assert Decimal(part["cost_usd"]["low"]) <= likely <= Decimal(part["cost_usd"]["high"])
    assert "200 were looked at" in calm.call("plan", APP, "messages.jsonl", **few).stdout.replace(
        "of which ", ""
    )

    calm.run(APP, "messages.jsonl", "--limit", "1540")
    half = json.loads(calm.call("plan", APP, "messages.jsonl", "--json", **few).stdout)
    assert half["answered"] + half["to_ask"] == 3080
    assert abs(half["to_ask"] - 1540) < 4 * 3080 * (0.25 / 200) ** 0.5, (
        "four standard errors of a share of 200"
    )

    drawn = few | {"ROADWORTHY_PLAN_ATTEMPTS_MAX": "200"}
    less = json.loads(calm.call("plan", APP, "messages.jsonl", "--json", **drawn).stdout)
    assert half["sampled"] == 1540
    assert 100 <= less["sampled"] <= 400, "about 200 attempts, and each record has one or a few"
    likely = Decimal(half["cost_usd"]["likely"])
    assert Decimal(less["cost_usd"]["low"]) <= likely <= Decimal(less["cost_usd"]["high"])
