"""What was spent: by step, model and day; what was forecast against what it came to; what reuse saved."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

from roadworthy._quick import quick
from roadworthy.call.price import usd
from roadworthy.keep.attempts import scopes_of
from roadworthy.keep.forecasts import KeptForecast, forecasts
from roadworthy.keep.transaction import Transaction, as_int, as_text
from roadworthy.serve.console import chart
from roadworthy.serve.console.chart import Chart
from roadworthy.serve.console.view import RunRow, moment

_DAYS: Final = 30
_FORECASTS: Final = 100
_SHOWN: Final = 8


@quick(frozen=True, slots=True)
class Money:
    """The app's account of this period."""

    spent: Decimal
    reserved: Decimal
    limit: Decimal | None

    @property
    def share(self) -> float | None:
        """How much of the cap is spent or promised, 0 to 1."""
        return None if not self.limit else float(min(Decimal(1), (self.spent + self.reserved) / self.limit))


@quick(frozen=True, slots=True)
class Spent:
    """What was asked of a model, by one step or by all, and its share of everything."""

    step: str
    model: str
    attempts: int
    cost: Decimal
    tokens_in: int
    tokens_out: int
    cached: int
    share: float = 0.0


@quick(frozen=True, slots=True)
class Told:
    """A forecast beside what the job has cost since.

    Attributes:
        verdict: `below`, `within` or `above` its interval; `under way` while records are to be asked; `not run`.
    """

    entry: str
    job: str
    at: str
    to_ask: int
    low: Decimal
    likely: Decimal
    high: Decimal
    actual: Decimal
    verdict: str


@quick(frozen=True, slots=True)
class Saved:
    """Replies that came from the ledger, and about what they would have cost: each its job's mean attempt."""

    replies: int
    about: Decimal


def money(tx: Transaction, app: str, period: str) -> Money:
    """What is spent of the app's budget."""
    account = tx.account(scopes_of(app, period, 0)[1])
    limit = None if account.limit_pico is None else usd(account.limit_pico)
    return Money(usd(account.spent_pico), usd(account.reserved_pico), limit)


def by_step(tx: Transaction, app: str) -> list[Spent]:
    """What each step asked of each model, dearest first."""
    found = [
        Spent(as_text(row[0]), as_text(row[1]), as_int(row[2]), usd(as_int(row[3])), *map(as_int, row[4:]))
        for row in tx.rows("cost_by_step", app=app)
    ]
    return _shared(found)


def by_model(steps: list[Spent]) -> list[Spent]:
    """The same by model alone, dearest first."""
    found: dict[str, Spent] = {}
    for one in steps:
        held = found.get(one.model, Spent("", one.model, 0, Decimal(0), 0, 0, 0))
        found[one.model] = Spent(
            "",
            one.model,
            held.attempts + one.attempts,
            held.cost + one.cost,
            held.tokens_in + one.tokens_in,
            held.tokens_out + one.tokens_out,
            held.cached + one.cached,
        )
    return _shared(sorted(found.values(), key=lambda one: -one.cost))


def _shared(rows: list[Spent]) -> list[Spent]:
    total = sum((row.cost for row in rows), Decimal(0)) or Decimal(1)
    return [
        Spent(
            row.step,
            row.model,
            row.attempts,
            row.cost,
            row.tokens_in,
            row.tokens_out,
            row.cached,
            float(row.cost / total),
        )
        for row in rows
    ]


def by_day(tx: Transaction, app: str) -> list[tuple[str, int, Decimal]]:
    """(day, attempts, cost), oldest first."""
    rows = tx.rows("cost_by_day", app=app, count=_DAYS)
    day_one = dt.date(1970, 1, 1)
    return [
        ((day_one + dt.timedelta(days=as_int(day))).isoformat(), as_int(count), usd(as_int(cost)))
        for day, count, cost in reversed(rows)
    ]


def days_chart(days: list[tuple[str, int, Decimal]]) -> Chart | None:
    """A column a day; None for a single one."""
    if len(days) < 2:
        return None
    return chart.columns(
        [(day[5:], float(cost), f"{day}: {cost:f} USD, {count} attempts") for day, count, cost in days],
        told=f"USD by day, from {days[0][0]} to {days[-1][0]}",
        x_name="day (UTC)",
        words=lambda dollars: f"{dollars:.3g}",
    )


def told(tx: Transaction, app: str) -> list[Told]:
    """The newest forecast of each job, newest first."""
    newest: dict[tuple[str, str], KeptForecast] = {}
    for one in forecasts(tx, app, _FORECASTS):
        newest.setdefault((one.entry, one.job), one)
    return [_told(tx, one) for one in list(newest.values())[:_SHOWN]]


def _told(tx: Transaction, one: KeptForecast) -> Told:
    actual = tx.account(f"job:{one.job_id}").spent_pico - one.spent if one.job_id else 0
    verdict = "below" if actual < one.low else "above" if actual > one.high else "within"
    if not one.job_id:
        verdict = "not run"
    elif any(as_text(outcome) == "pending" for outcome, *_ in tx.rows("fates", job_id=one.job_id)):
        verdict = "under way"
    return Told(
        one.entry,
        one.job,
        moment(one.at),
        one.to_ask,
        usd(one.low),
        usd(one.likely),
        usd(one.high),
        usd(actual),
        verdict,
    )


def saved(tx: Transaction, app: str, runs: list[RunRow]) -> Saved:
    """What the newest runs took from the ledger instead of buying it."""
    prices = {
        as_int(job): (as_int(count), as_int(cost)) for job, count, cost in tx.rows("job_prices", app=app)
    }
    replies = about = 0
    for run in runs:
        reused = int(run.did.get("reused", 0))
        count, cost = prices.get(run.job_id, (0, 0))
        replies += reused
        about += reused * cost // count if count else 0
    return Saved(replies, usd(about))
