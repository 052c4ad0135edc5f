"""Forecasts in the ledger: what was said an input would cost, kept so that it can be held against what it did cost."""

from __future__ import annotations

from roadworthy._quick import quick
from roadworthy.keep.transaction import Transaction, as_float, as_int, as_text


@quick(frozen=True, slots=True, kw_only=True)
class KeptForecast:
    """One forecast; money in pico-dollars.

    Attributes:
        at: seconds since 1970, UTC.
        to_ask: records that something would be bought for.
        spent: what the job had cost by then; the figures are for what comes after.
        job_id: the job's number; 0 where it was never run.
    """

    entry: str
    job: str
    to_ask: int
    low: int
    likely: int
    high: int
    spent: int
    at: float = 0.0
    job_id: int = 0


def put_forecast(tx: Transaction, app: str, said: KeptForecast) -> None:
    """Keep what was said."""
    tx.add(
        "add_forecast",
        app=app,
        entry=said.entry,
        job=said.job,
        now=tx.now,
        to_ask=said.to_ask,
        low=said.low,
        likely=said.likely,
        high=said.high,
        spent=said.spent,
    )


def forecasts(tx: Transaction, app: str, count: int) -> list[KeptForecast]:
    """The newest forecasts of an app, newest first."""
    return [
        KeptForecast(
            entry=as_text(row[0]),
            job=as_text(row[1]),
            at=as_float(row[2]),
            to_ask=as_int(row[3]),
            low=as_int(row[4]),
            likely=as_int(row[5]),
            high=as_int(row[6]),
            spent=as_int(row[7]),
            job_id=as_int(row[8]),
        )
        for row in tx.rows("forecasts", app=app, count=count)
    ]
