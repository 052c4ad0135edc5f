"""Stage `budget`: the cap holds, in the app's own accounts and on the provider's bill, and the forecast holds water."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Bar, Bars, Picture
from roadworthy.vet.road.priced import Priced, held, interval, priced
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.trial import Ran

_RECORDS: Final = 60
_SHARE: Final = 3
"""The cap that is tried is the cost without one, divided by this, where requests fit under it."""
_AT_ONCE: Final = 16
_STOPPED: Final = 3
_FIT: Final = 3
"""Requests at their worst that the cap must hold."""
_ABOVE: Final = Decimal("1.3")
"""The records must cost so many times the cap, or it is not met."""
_HELD_MAX: Final = 600
_HELD: Final = "The provider's bill never exceeds the cap, however many requests are on the way at once."


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    yield _declared(bench)
    if not bench.samples:
        yield not_tested("held", _HELD, "The input holds no usable record.")
        return
    found = priced(bench)
    reserved = [attempt.reserved_usd for attempt in found.attempts if attempt.reserved_usd]
    if not found.spent_usd or not reserved:
        reason = f"Running the input costs nothing ({_fates(found.ran)}), so no cap can be met."
        yield not_tested("held", _HELD, reason)
        return
    yield held(found, bench.again("budget"))
    if not found.wrong:
        yield _bars(found)
    yield _held(bench, found.spent_usd / found.count, reserved)


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


def _bars(found: Priced) -> Bars:
    low, likely, high = interval(found.plan)
    said = f"{likely:.6f} USD ({low:.6f} to {high:.6f})"
    return Bars(
        title="Forecast and cost",
        unit="USD",
        bars=(
            Bar(label="forecast", value=float(likely), low=float(low), high=float(high), text=said),
            Bar(label="cost", value=float(found.spent_usd), text=f"{found.spent_usd:.6f} USD"),
        ),
        note="The line is the forecast's 95 % interval.",
    )


def _held(bench: Bench, a_record: Decimal, reserved: Sequence[Decimal]) -> Finding:
    # What a request can cost at most must fit under the cap a few times, or nothing is ever asked.
    cap = max(a_record * bench.count(_RECORDS, least=30, most=2_000) / _SHARE, _FIT * min(reserved))
    cap = cap.quantize(Decimal("1e-9"))
    wanted = math.ceil(cap * _SHARE / a_record)
    lines = [sample.line for sample in bench.take(min(wanted, _HELD_MAX))]
    if len(lines) * a_record < cap * _ABOVE:
        reason = (
            f"A cap that pays for {_FIT} requests at their worst is more than {len(lines)} records cost: "
            "give more records."
        )
        return not_tested(
            "held", _HELD, reason, tried="what a request is reserved beside what a record costs"
        )
    enough = a_record * len(lines) * _SHARE + max(reserved) * _AT_ONCE
    with bench.trial(lines) as trial:
        ran = trial.run("--budget-usd", f"{cap:f}", "--concurrency", str(_AT_ONCE))
        again = trial.run("--budget-usd", f"{enough:f}")
    booked = Decimal(str(ran.summary.get("job_cost_usd", "0")))
    stays = ran.billed_usd <= cap and booked <= cap
    stopped = ran.status == _STOPPED and ran.summary.get("stopped") == "budget"
    resumed = again.status in {0, 1} and again.is_whole and not again.count("pending")
    if not stays:
        happened = "More was spent than the cap allows."
    elif not stopped:
        happened = f"The run did not stop at the cap but ended with status {ran.status}."
    elif not resumed:
        happened = f"With a higher cap, the same command did not go on: status {again.status}."
    else:
        happened = "The bill stayed below the cap, the run stopped, and went on with a higher one."
    well = stays and stopped and resumed
    unpriced = any(row.billed and row.cost_usd is None for row in ran.requests)
    return Finding(
        name="held",
        promise=_HELD,
        tried=f"records with a cap below what they cost, {_AT_ONCE} at once; then with a higher one",
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
