"""Stage `budget`: the cap holds, in the app's own accounts and on the provider's bill, and the forecast holds water."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Bar, Bars, Picture
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.trial import QUICK, Ran, Trial

_RECORDS: Final = 60
_SAMPLE: Final = 20
_SHARE: Final = 3
"""The cap that is tried is the cost without one, divided by this."""
_AT_ONCE: Final = 16
_STOPPED: Final = 3
_TOLERANCE: Final = Decimal("1.1")


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    yield _declared(bench)
    lines = [sample.line for sample in bench.take(bench.count(_RECORDS, least=30, most=2_000))]
    if not lines:
        yield not_tested("held", BUDGET.question, "The input holds no usable record.")
        return
    with bench.trial(lines) as trial:
        plan = _plan(trial, len(lines))
        free = trial.run()
        dearest = max((attempt.reserved_usd for attempt in trial.attempts()), default=Decimal(0))
    spent = Decimal(str(free.summary.get("job_cost_usd", "0")))
    if not spent:
        reason = f"Running the input costs nothing ({_fates(free)}), so no cap can be met."
        yield not_tested("held", BUDGET.question, reason)
        return
    yield from _forecast(bench, plan, spent, len(lines))
    yield _held(bench, lines, spent, spent * _SHARE + dearest * _AT_ONCE)


def _declared(bench: Bench) -> Finding:
    declared = bench.declared
    has_cap = bool(declared.budget_usd)
    return Finding(
        name="declared",
        promise="There is a cap on what the app can spend.",
        tried="what the app declares",
        times=1,
        happened=f"The app declares {declared.budget_usd} USD, {_PERIODS[declared.budget_period]}."
        if has_cap
        else "The app declares no cap: a loop, a mistake or a full inbox spends without end.",
        grade=Grade.PASS if has_cap else Grade.FAIL,
        reproduce=bench.again("budget"),
        advice="" if has_cap else f'Say the most that may be spent: App("{declared.app}", budget_usd=...).',
    )


_PERIODS: Final = {"total": "in all", "day": "a day", "month": "a month"}


def _plan(trial: Trial, count: int) -> dict[str, Any]:
    """The forecast after a paid sample; empty where the input is too small for one."""
    if count < 2 * _SAMPLE:
        return {}
    words = ["plan", trial.target, "input.jsonl", "--sample", str(_SAMPLE), "--json"]
    status, printed, _, _ = trial.give(words, QUICK)
    if status != 0 or not printed.strip():
        return {}
    said: dict[str, Any] = orjson.loads(printed.splitlines()[-1])
    return said


def _forecast(bench: Bench, plan: dict[str, Any], spent: Decimal, count: int) -> Iterator[Finding | Picture]:
    promise = "The run costs no more than the upper end of its forecast, give or take a tenth."
    if not plan:
        reason = (
            f"The input is too small: {count} records, and a forecast wants {2 * _SAMPLE} for its sample."
        )
        yield not_tested("forecast", promise, reason)
        return
    already = Decimal(plan["spent_usd"])
    low, likely, high = (already + Decimal(plan["cost_usd"][name]) for name in ("low", "likely", "high"))
    dearer = spent > high * _TOLERANCE
    where = "above" if spent > high else "below" if spent < low else "inside"
    yield Finding(
        name="forecast",
        promise=promise,
        tried=f"`plan --sample {_SAMPLE}`, then the run",
        times=count,
        happened=f"Forecast {likely:.6f} USD, from {low:.6f} to {high:.6f}; it cost {spent:.6f}, {where} the interval.",
        grade=Grade.FAIL if dearer else Grade.PASS,
        reproduce=bench.again("budget"),
        advice="Give each model a cap on its output, or take a larger sample." if dearer else "",
    )
    yield Bars(
        title="Forecast and cost",
        unit="USD",
        bars=(
            Bar(
                label="forecast",
                value=float(likely),
                low=float(low),
                high=float(high),
                text=f"{likely:.6f} USD ({low:.6f} to {high:.6f})",
            ),
            Bar(label="cost", value=float(spent), text=f"{spent:.6f} USD"),
        ),
    )


def _held(bench: Bench, lines: Sequence[bytes], spent: Decimal, enough: Decimal) -> Finding:
    cap = (spent / _SHARE).quantize(Decimal("1e-9"))
    with bench.trial(lines) as trial:
        ran = trial.run("--budget-usd", f"{cap:f}", "--concurrency", str(_AT_ONCE))
        again = trial.run("--budget-usd", f"{enough:f}")
    promise = "The provider's bill never exceeds the cap, however many requests are on the way at once."
    if not ran.requests:
        reason = (
            f"A third of what {len(lines)} records cost pays for no request at its worst: give more records."
        )
        return not_tested("held", promise, reason, tried="the input with a cap of a third of what it costs")
    booked = Decimal(str(ran.summary.get("job_cost_usd", "0")))
    held = ran.billed_usd <= cap and booked <= cap
    stopped = ran.status == _STOPPED and ran.summary.get("stopped") == "budget"
    resumed = again.status in {0, 1} and again.is_whole and not again.count("pending")
    if not held:
        happened = "More was spent than the cap allows."
    elif not stopped:
        happened = f"The run did not stop at the cap but ended with status {ran.status}."
    elif not resumed:
        happened = f"With a higher cap, the same command did not go on: status {again.status}."
    else:
        happened = "The bill stayed below the cap, the run stopped, and went on with a higher one."
    well = held and stopped and resumed
    unpriced = any(row.billed and row.cost_usd is None for row in ran.requests)
    return Finding(
        name="held",
        promise=promise,
        tried=f"the input with a cap of a third of what it costs, {_AT_ONCE} records at once; then with a higher one",
        times=len(lines),
        happened=happened,
        grade=Grade.PASS if well else Grade.FAIL,
        evidence=("the provider's prices for what a function asks are not known; the app's own accounts are",)
        if unpriced
        else (),
        measured=(
            f"cap {cap} USD, on the books {booked}, billed {ran.billed_usd}, {len(ran.requests)} requests",
        ),
        reproduce=bench.again("budget"),
        advice="" if well else "Ask models through steps alone: what is asked beside them has no cap.",
    )


def _fates(ran: Ran) -> str:
    return f"{ran.count('accepted')} accepted, status {ran.status}"


BUDGET: Final = Stage("budget", "Budget", "Does the cap hold, and the forecast?", _trial)
