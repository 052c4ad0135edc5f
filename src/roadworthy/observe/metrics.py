"""What a Prometheus server may scrape: counts of what happened in this process, and where records stand in the ledger.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for what only grows. No label holds what
a record or a model said: models, endings, entries and outcomes are named by the app and by Roadworthy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from roadworthy._events import AttemptEnded, Event, LaneChanged, RecordEnded
from roadworthy.call.price import usd
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Row, Transaction, as_int, as_text

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_LEDGER_EVERY_S: Final = 5.0


class Metrics:
    """A listener that counts, and the page that shows it.

    Args:
        store: the ledger; read at most every 5 s, because counting its records takes a while where they are many.
        app: the app's name.
        account: the account of the app's budget now.
        clock: monotonic seconds.
    """

    def __init__(
        self, store: Ledger, app: str, account: Callable[[], str], clock: Callable[[], float]
    ) -> None:
        self._registry = registry = CollectorRegistry()
        self._attempts = Counter(
            "roadworthy_attempts", "Attempts that ended.", ["model", "ending"], registry=registry
        )
        self._cost = Counter(
            "roadworthy_cost_usd", "What settled attempts cost, in US dollars.", ["model"], registry=registry
        )
        self._latency = Histogram(
            "roadworthy_attempt_duration_seconds",
            "From sending to the last byte.",
            ["model"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._ended = Counter(
            "roadworthy_records_ended",
            "Records that reached an outcome, or stand and wait.",
            ["outcome", "reused"],
            registry=registry,
        )
        self._lanes = Gauge(
            "roadworthy_lane_up", "Whether a lane takes requests.", ["lane"], registry=registry
        )
        self.in_work = Gauge(
            "roadworthy_records_in_work", "Records that this process works on.", registry=registry
        )
        self.refused = Counter(
            "roadworthy_records_refused", "Records that were answered 429.", registry=registry
        )
        registry.register(_Standing(store, app, account, clock))

    def __call__(self, event: Event) -> None:
        """Count one event."""
        match event:
            case AttemptEnded(model, ending, cost_pico, latency_s):
                self._attempts.labels(model, ending).inc()
                self._cost.labels(model).inc(float(usd(cost_pico)))
                self._latency.labels(model).observe(latency_s)
            case RecordEnded(_key, outcome, reused):
                self._ended.labels(outcome, str(reused).lower()).inc()
            case LaneChanged(lane, state, _reason):
                self._lanes.labels(lane).set(state == "answers again")
            case _:
                pass

    def page(self) -> bytes:
        """The text that is scraped."""
        return generate_latest(self._registry)


class _Standing(Collector):
    """Where the app's records stand, what is spent of its budget, how many people are waited for."""

    def __init__(
        self, store: Ledger, app: str, account: Callable[[], str], clock: Callable[[], float]
    ) -> None:
        self._store, self._app, self._account, self._clock = store, app, account, clock
        self._read_at = -_LEDGER_EVERY_S
        self._fates: list[Row] = []
        self._money = (0, 0, 0)
        self._queue = 0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, from the last look at the ledger."""
        if self._clock() - self._read_at >= _LEDGER_EVERY_S:
            self._read_at = self._clock()
            self._store.read(self._look)
        records = GaugeMetricFamily(
            "roadworthy_records", "Records by where they stand.", labels=["entry", "outcome", "waiting_for"]
        )
        for entry, outcome, waiting_for, count in self._fates:
            records.add_metric([as_text(entry), as_text(outcome), as_text(waiting_for)], as_int(count))
        yield records
        money = GaugeMetricFamily(
            "roadworthy_budget_usd", "The app's budget of this period, in US dollars.", labels=["part"]
        )
        for part, amount in zip(("spent", "reserved", "limit"), self._money, strict=True):
            money.add_metric([part], float(usd(amount)))
        yield money
        queue = GaugeMetricFamily("roadworthy_reviews_open", "Questions that wait for a person.")
        queue.add_metric([], self._queue)
        yield queue

    def _look(self, tx: Transaction) -> None:
        self._fates = tx.rows("app_fates", app=self._app)
        account = tx.account(self._account())
        self._money = (account.spent_pico, account.reserved_pico, account.limit_pico or 0)
        row = tx.row("queue_length", app=self._app)
        self._queue = 0 if row is None else as_int(row[0])
