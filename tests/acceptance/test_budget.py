"""A cap holds at every moment, strands no money, and a later run with more goes on."""

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.acceptance.bench import APP, Bench

PICO = Decimal(10) ** 12


def peak(rows: list[tuple[Any, ...]]) -> Decimal:
    """The most that was ever spent + reserved, replayed from every attempt's opening and settlement."""
    changes = [(opened, reserved) for opened, _, reserved, _ in rows]
    changes += [(settled, cost - reserved) for _, settled, reserved, cost in rows if settled is not None]
    level = most = 0
    for _tick, change in sorted(changes):
        level += change
        most = max(most, level)
    return Decimal(most) / PICO


TICKS = "SELECT opened_tick, settled_tick, reserved_pico, cost_pico FROM attempt"


@pytest.mark.timeout(300)
def test_a_third_of_the_forecast_stops_the_run_and_more_money_finishes_it(calm: Bench) -> None:
    """A run would overspend, stop with money left, or buy answers again when it goes on (P2, P3)."""
    found = json.loads(calm.call("plan", APP, "messages.jsonl", "--sample", "50", "--json").stdout)
    cap = (Decimal(found["cost_usd"]["likely"]) / 3).quantize(Decimal("0.000001"))
    first = calm.run(APP, "messages.jsonl", "--budget-usd", str(cap), status=3)
    spent = calm.sim.bill().total.cost_usd
    assert spent is not None
    assert spent <= Decimal(first["job_cost_usd"]) <= cap
    assert peak(calm.ask("banking77.db", TICKS)) <= cap
    assert first["reserved_usd"] == "0"
    print(f"{cap=} {spent=} left={cap - spent}")

    second = calm.run(APP, "messages.jsonl", "--budget-usd", "100", "-o", "out.jsonl")
    assert (second["records"], second["pending"], second["waiting"]) == (3080, 0, {})
    assert second["reused"] >= first["accepted"] - 50
    bodies = [row.body for row in calm.sim.requests()]
    assert len(bodies) == len(set(bodies)), "a request was sent twice without a fault"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("times", "attempts_min"), [("1.05", 1), ("3", 6)])
def test_a_small_cap_is_used_up_to_within_one_worst_case(calm: Bench, times: str, attempts_min: int) -> None:
    """Reservations would strand money: sixty-four workers would share a cap that is good for one."""
    calm.run(APP, "messages.jsonl", ROADWORTHY_LEDGER="probe.db")
    worst = Decimal(
        calm.ask("probe.db", "SELECT max(reserved_pico) FROM attempt WHERE model = 'openai:gpt-3.5'")[0][0]
    )
    cap = (worst * Decimal(times) / PICO).quantize(Decimal("0.000000001"))
    summary = calm.run(APP, "messages.jsonl", "--budget-usd", str(cap), status=3)
    spent = Decimal(summary["job_cost_usd"])
    assert cap - worst / PICO <= spent <= cap
    assert summary["attempts"] >= attempts_min
    assert peak(calm.ask("banking77.db", TICKS)) <= cap
    print(f"{cap=} {spent=} worst={worst / PICO} attempts={summary['attempts']}")
