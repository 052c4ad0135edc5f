"""Stage `budget`: the cap holds, in the app's own accounts and on the provider's bill."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Picture
from roadworthy.vet.road.stage import Stage

_RECORDS: Final = 40


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    declared = bench.declared
    has_cap = bool(declared.budget_usd)
    yield Finding(
        name="declared",
        promise="There is a cap on what the app can spend.",
        tried="what the app declares",
        times=1,
        happened=f"The app declares {declared.budget_usd} USD per {declared.budget_period}."
        if has_cap
        else "The app declares no cap: a loop, a mistake or a full inbox spends without end.",
        grade=Grade.PASS if has_cap else Grade.FAIL,
        reproduce=bench.again("budget"),
        advice="" if has_cap else f'Say the most that may be spent: App("{declared.app}", budget_usd=...).',
    )
    lines = [sample.line for sample in bench.take(bench.count(_RECORDS, least=4))]
    if not lines:
        yield not_tested("held", BUDGET.question, "The input holds no usable record.")
        return
    with bench.trial(lines) as trial:
        free = trial.run()
    spent = Decimal(str(free.summary.get("cost_usd", "0")))
    if not spent:
        yield not_tested("held", BUDGET.question, "Running the input costs nothing, so no cap can be met.")
        return
    cap = (spent / 3).quantize(Decimal("1e-9"))
    with bench.trial(lines) as trial:
        ran = trial.run("--budget-usd", f"{cap:f}", "--concurrency", "16")
    held = ran.billed_usd <= cap
    stopped = ran.status == 3 and ran.summary.get("stopped") == "budget"
    yield Finding(
        name="held",
        promise="The provider's bill never exceeds the cap, however many requests are on the way at once.",
        tried="the input with a cap of a third of what it costs, 16 records at once",
        times=len(lines),
        happened=("The bill stayed below the cap" if held else "The bill went above the cap")
        + (" and the run stopped, resumable." if stopped else f"; the run ended with status {ran.status}."),
        grade=Grade.PASS if held and stopped else Grade.FAIL,
        measured=(f"cap {cap} USD, billed {ran.billed_usd} USD, {len(ran.requests)} requests",),
        reproduce=bench.again("budget"),
        advice="" if held else "Reserve the worst case of a request before it is sent.",
    )


BUDGET: Final = Stage("budget", "Budget", "Does the cap hold?", _trial)
