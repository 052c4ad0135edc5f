"""What a Prometheus server may scrape: counts of what happened in this process, and where the app stands in the ledger.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for what only grows. No label holds what
a record or a model said: models, endings, entries, routes and outcomes are named by the app and by Roadworthy.
"""

from __future__ import annotations

import shutil
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from roadworthy._errors import LedgerUnavailable
from roadworthy._events import AttemptEnded, Checked, Event, RecordEnded, RequestEnded, Retried
from roadworthy._quick import quick
from roadworthy.call.price import usd
from roadworthy.keep.alarms import standing_alarms
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Row, Transaction, as_float, as_int, as_text
from roadworthy.learn.claim import Claim

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_LEDGER_EVERY_S: Final = 5.0


@quick(frozen=True, slots=True)
class Watched:
    """What is looked at when somebody scrapes.

    Attributes:
        store: the ledger; read at most every 5 s, because counting its records takes a while where they are many.
        app: the app's name.
        account: the account of the app's budget now.
        lanes: (name, whether it takes requests) of every lane.
        claims: the certificates.
        folder: where the ledger's file lies; None for a database server, which watches its own disks.
    """

    store: Ledger
    app: str
    account: Callable[[], str]
    lanes: Callable[[], Iterable[tuple[str, bool]]]
    claims: Callable[[Transaction], list[Claim]]
    folder: Path | None = None


class Metrics:
    """A listener that counts, and the page that shows it.

    Args:
        watched: what is looked at beside.
        monotonic: seconds that only grow.
        now: seconds since 1970.
    """

    hears: Final = frozenset({AttemptEnded, Checked, RecordEnded, RequestEnded, Retried})

    def __init__(self, watched: Watched, monotonic: Callable[[], float], now: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._attempts = self._counts("attempts", "Attempts that ended.", "model", "ending")
        self._cost = self._counts("cost_usd", "What settled attempts cost, in US dollars.", "model")
        self._tokens = self._counts("tokens", "Tokens as billed.", "model", "direction")
        self._retries = self._counts("retries", "Requests that are sent again.", "model", "ending")
        self._checks = self._counts(
            "answers_checked", "Answers by what is wrong with them.", "model", "fault"
        )
        self._ended = self._counts(
            "records_ended", "Records that reached an outcome, or stand and wait.", "outcome", "reused"
        )
        self._requests = self._counts("http_requests", "Requests that were answered.", "route", "status")
        self._refused = self._counts("records_refused", "Records that were answered 429.")
        self._refused[()] = 0.0
        self._latency = self._spans("attempt_duration_seconds", "From sending to the last byte.", "model")
        self._waited = self._spans("http_request_duration_seconds", "From request to response.", "route")
        self.in_work = Gauge(
            "roadworthy_records_in_work", "Records that this process works on.", registry=self._registry
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(_Standing(watched, monotonic, now))

    def __call__(self, event: Event) -> None:
        """Count one event."""
        match event:
            case AttemptEnded():
                self._attempt(event)
            case RequestEnded(status, route, seconds):
                self._requests[route, str(status)] += 1
                if status == 429:
                    self._refused[()] += 1
                self._waited[route].add(seconds)
            case Checked(model, fault, _seconds):
                self._checks[model, fault] += 1
            case RecordEnded(_key, outcome, reused):
                self._ended[outcome, str(reused).lower()] += 1
            case Retried(model, ending, _seconds):
                self._retries[model, ending] += 1
            case _:
                pass

    def page(self) -> bytes:
        """The text that is scraped."""
        return generate_latest(self._registry)

    def _attempt(self, event: AttemptEnded) -> None:
        model = event.model
        self._attempts[model, event.ending] += 1
        self._cost[model,] += float(usd(event.cost_pico))
        self._latency[model].add(event.latency_s)
        for direction, tokens in (("input", event.input_tokens), ("output", event.output_tokens)):
            if tokens:
                self._tokens[model, direction] += tokens

    def _counts(self, name: str, help_: str, *labels: str) -> dict[tuple[str, ...], float]:
        counts: dict[tuple[str, ...], float] = defaultdict(float)
        self._registry.register(_Counts(f"roadworthy_{name}", help_, labels, counts))
        return counts

    def _spans(self, name: str, help_: str, label: str) -> dict[str, _Spans]:
        spans: dict[str, _Spans] = defaultdict(_Spans)
        self._registry.register(_Histogram(f"roadworthy_{name}", help_, label, spans))
        return spans


class _Counts(Collector):
    """What only grows, by labels: plain numbers until somebody scrapes. The library's own take locks on each record's way."""

    def __init__(
        self, name: str, help_: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], float]
    ) -> None:
        self._what = name, help_
        self._labels = labels
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The family."""
        family = CounterMetricFamily(*self._what, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


@dataclass(slots=True)
class _Spans:
    """Stretches of time: how many between two bounds, and all of them together."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(_LATENCY_S) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(_LATENCY_S, seconds)] += 1
        self.seconds += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """(bound, how many are not longer), as a histogram is scraped."""
        bounds = [*map(floatToGoString, _LATENCY_S), "+Inf"]
        return list(zip(bounds, accumulate(map(float, self.counts)), strict=True))


class _Histogram(Collector):
    """Stretches of time by one label."""

    def __init__(self, name: str, help_: str, label: str, spans: Mapping[str, _Spans]) -> None:
        self._what = name, help_
        self._label = label
        self._spans = spans

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The family."""
        family = HistogramMetricFamily(*self._what, labels=[self._label])
        for label, spans in self._spans.items():
            family.add_metric([label], spans.buckets(), spans.seconds)
        yield family


class _Standing(Collector):
    """Where the app's records stand, its money, who is waited for, its certificates, its lanes and its disk."""

    def __init__(self, watched: Watched, monotonic: Callable[[], float], now: Callable[[], float]) -> None:
        self._watched, self._monotonic, self._now = watched, monotonic, now
        self._read_at = -_LEDGER_EVERY_S
        self._fates: list[Row] = []
        self._money = (0, 0, 0)
        self._queue = (0, 0.0)
        self._alarms: dict[tuple[str, str], int] = {}
        self._claims: list[Claim] = []
        self._bytes = 0
        self._up = True

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, from the last look at the ledger. One that is away leaves the page with what was seen last."""
        if self._monotonic() - self._read_at >= _LEDGER_EVERY_S:
            self._read_at = self._monotonic()
            try:
                self._watched.store.read(self._look)
                self._bytes, self._up = self._watched.store.bytes(), True
            except LedgerUnavailable:
                self._up = False
        records = _family("records", "Records by where they stand.", "entry", "outcome", "waiting_for")
        for entry, outcome, waiting_for, count in self._fates:
            records.add_metric([as_text(entry), as_text(outcome), as_text(waiting_for)], as_int(count))
        yield records
        money = _family("budget_usd", "The app's budget of this period, in US dollars.", "part")
        for part, amount in zip(("spent", "reserved", "limit"), self._money, strict=True):
            money.add_metric([part], float(usd(amount)))
        yield money
        yield _one("reviews_open", "Questions that wait for a person.", self._queue[0])
        waited = self._now() - self._queue[1] if self._queue[1] else 0.0
        yield _one("review_oldest_seconds", "How long the oldest of them has waited.", max(0.0, waited))
        yield from self._quality()
        lanes = _family(
            "lane_up", "Whether a lane takes requests: it is not closed, its breaker not open.", "lane"
        )
        for lane, up in self._watched.lanes():
            lanes.add_metric([lane], up)
        yield lanes
        yield _one("ledger_up", "Whether the ledger could be read.", self._up)
        yield from self._disk()

    def _quality(self) -> Iterator[GaugeMetricFamily]:
        alarms = _family("alarms", "Alarms and warnings that nobody has cleared.", "step", "kind")
        for (step, kind), count in self._alarms.items():
            alarms.add_metric([step, kind], count)
        yield alarms
        certified = _family("certified", "Whether answers that are accepted now are certified.", "step")
        bound = _family(
            "error_share_at_most", "The certificate's bound on wrong ones among the accepted.", "step"
        )
        promised = _family("error_share_promised", "The step's `max_error`.", "step")
        for claim in self._claims:
            certified.add_metric([claim.step], claim.is_certified)
            bound.add_metric([claim.step], claim.epoch.share_at_most)
            promised.add_metric([claim.step], claim.epoch.max_error)
        yield from (certified, bound, promised)

    def _disk(self) -> Iterator[GaugeMetricFamily]:
        yield _one("ledger_bytes", "The room that the ledger takes.", self._bytes)
        if self._watched.folder is not None:
            usage = shutil.disk_usage(self._watched.folder)
            yield _one("ledger_disk_free_bytes", "Free room on the ledger's disk.", usage.free)
            yield _one("ledger_disk_bytes", "The size of the ledger's disk.", usage.total)

    def _look(self, tx: Transaction) -> None:
        app = self._watched.app
        self._fates = tx.rows("app_fates", app=app)
        account = tx.account(self._watched.account())
        self._money = (account.spent_pico, account.reserved_pico, account.limit_pico or 0)
        length, oldest = tx.row("queue_length", app=app), tx.row("oldest_review", app=app)
        self._queue = (
            0 if length is None else as_int(length[0]),
            0.0 if oldest is None or oldest[0] is None else as_float(oldest[0]),
        )
        self._claims = self._watched.claims(tx)
        self._alarms = {}
        for alarm in standing_alarms(tx, app):
            of_kind = (alarm.step, alarm.kind)
            self._alarms[of_kind] = self._alarms.get(of_kind, 0) + 1


def _family(name: str, help_: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"roadworthy_{name}", help_, labels=list(labels))


def _one(name: str, help_: str, value: float) -> GaugeMetricFamily:
    family = _family(name, help_)
    family.add_metric([], value)
    return family
