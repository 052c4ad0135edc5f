"""OpenTelemetry: spans and metrics to a receiver, over OTLP with HTTP and protobuf. Imported only where one is named.

Handing on never waits: a span goes into a queue of bounded length, from which a thread of the SDK's sends. A receiver
that is away costs spans, a line on standard error, and at the end `telemetry_close_s` at most; never a record.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from roadworthy._settings import Settings
from roadworthy.observe import names
from roadworthy.observe.trail import Span, Value

_SCOPE: Final = "roadworthy"
_SENDS_S: Final = 5
_KINDS: Final = {"request": SpanKind.SERVER, "call": SpanKind.CLIENT}
_OF_A_CALL: Final = (
    names.OPERATION,
    names.PROVIDER,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
)
_COUNTED: Final = (
    (names.USED_CACHE_READ, names.CACHE_READ_TOKENS),
    (names.USED_CACHE_WRITE, names.CACHE_WRITE_TOKENS),
    (names.USED_REASONING, names.REASONING_TOKENS),
)


class Telemetry:
    """Where spans go when they end.

    Args:
        app: the app's name.
        traces: the URL that traces are posted to.
        metrics: the URL that metrics are posted to.
        settings: how many spans wait at most, how long the end waits.
        trouble: told, once, that what was gathered cannot be delivered.
    """

    def __init__(
        self, app: str, traces: str, metrics: str, settings: Settings, trouble: Callable[[str], None]
    ) -> None:
        _hear_trouble(trouble)
        self._close_s = settings.telemetry_close_s
        self._resource = Resource.create(
            {"service.name": "roadworthy", "service.version": version("roadworthy"), names.APP: app}
        )
        self._scope = InstrumentationScope(_SCOPE, version("roadworthy"), names.SCHEMA_URL)
        most = max(1, settings.telemetry_queue_max)
        self._spans = BatchSpanProcessor(
            OTLPSpanExporter(traces, timeout=_SENDS_S, compression=Compression.Gzip),
            max_queue_size=most,
            max_export_batch_size=min(512, most),
            schedule_delay_millis=settings.telemetry_every_s * 1_000,
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(metrics, timeout=_SENDS_S, compression=Compression.Gzip),
            export_interval_millis=settings.telemetry_every_s * 1_000,
            export_timeout_millis=_SENDS_S * 1_000,
        )
        self._metrics = MeterProvider([reader], self._resource, shutdown_on_exit=False)
        meter = self._metrics.get_meter(_SCOPE, version("roadworthy"), names.SCHEMA_URL)
        self._duration = meter.create_histogram(
            names.DURATION,
            "s",
            "GenAI inference duration.",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS_S,
        )
        self._vectors_duration = meter.create_histogram(
            names.EMBEDDINGS_DURATION,
            "s",
            "GenAI client embeddings operation duration.",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS_S,
        )
        self._vectors_input = meter.create_histogram(
            names.EMBEDDINGS_INPUT,
            "{token}",
            "The number of input tokens used per embeddings operation.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS,
        )
        self._used = {
            name: meter.create_counter(name, "{token}", "Tokens used.")
            for name in (names.USED_INPUT, names.USED_OUTPUT, *(name for name, _ in _COUNTED))
        }
        self._cost = meter.create_counter(names.COST, "USD", "What settled attempts cost.")
        self._attempts = meter.create_counter(names.ATTEMPTS, "{attempt}", "Attempts that were settled.")
        self._records = meter.create_counter(names.RECORDS, "{record}", "Records that were worked on.")

    def __call__(self, span: Span) -> None:
        """Take a span that ended. Does not wait, and does not raise."""
        self._count(span)
        if span.sampled:
            self._spans.on_end(self._readable(span))

    def close(self) -> None:
        """Send what is left, for `telemetry_close_s` at most; what is not sent by then is lost."""
        ending = threading.Thread(target=self._shut_down, name="roadworthy-telemetry-end", daemon=True)
        ending.start()
        ending.join(self._close_s)

    def _shut_down(self) -> None:
        self._spans.shutdown()  # type: ignore[no-untyped-call] # the SDK leaves it untyped
        self._metrics.shutdown(timeout_millis=self._close_s * 1_000)

    def _readable(self, span: Span) -> ReadableSpan:
        """As the exporter takes it. It is made whole at the end, so that nothing is locked while a record is worked on."""
        flags = TraceFlags(TraceFlags.SAMPLED)
        context = SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=flags)
        parent = (
            SpanContext(span.trace_id, span.parent_id, is_remote=span.kind == "request", trace_flags=flags)
            if span.parent_id
            else None
        )
        own = str(span.attributes.get(names.PROVIDER, "")).startswith("roadworthy.")
        return ReadableSpan(
            span.name,
            context,
            parent,
            self._resource,
            span.attributes,
            [Event(name, attributes, at_ns) for name, at_ns, attributes in span.events],
            kind=SpanKind.INTERNAL if own else _KINDS.get(span.kind, SpanKind.INTERNAL),
            status=Status(StatusCode.ERROR) if span.error else Status(StatusCode.UNSET),
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )

    def _count(self, span: Span) -> None:
        found = span.attributes
        if span.kind == "record":
            self._records.add(1, _some(found, (names.ENTRY, names.OUTCOME, names.WAITING_FOR, names.REUSED)))
        if span.kind != "call" or found.get(names.REUSED):
            return
        self._measure(span, _some(found, _OF_A_CALL))
        paid = _some(found, (names.PROVIDER, names.REQUEST_MODEL))
        for _, _, told in span.events:
            if names.ATTEMPT in told:
                ending = {names.ENDING: told[names.ENDING]}
                self._attempts.add(1, paid | ending)
                self._cost.add(float(str(told[names.COST])), paid | ending)

    def _measure(self, span: Span, about: dict[str, Value]) -> None:
        """How long a call took and the tokens it used, as the conventions count its operation."""
        found = span.attributes
        took_s = (span.ended_ns - span.began_ns) / 1e9
        timed = about | _some(found, (names.ERROR_TYPE,))
        if found.get(names.OPERATION) == names.EMBEDDINGS:
            self._vectors_duration.record(took_s, timed)
            if names.INPUT_TOKENS in found:
                self._vectors_input.record(_whole(found[names.INPUT_TOKENS]), about)
            return
        self._duration.record(took_s, timed)
        modality = "text" if names.INPUT_TOKENS in found and not found.get(names.IMAGES) else "unknown"
        counted = about | {names.MODALITY: modality}
        self._used[names.USED_INPUT].add(_whole(found.get(names.INPUT_TOKENS)), counted)
        self._used[names.USED_OUTPUT].add(_whole(found.get(names.OUTPUT_TOKENS)), counted)
        for metric, attribute in _COUNTED:
            if attribute in found:
                self._used[metric].add(_whole(found[attribute]), counted)


class _Trouble(logging.Handler):
    """Hears the SDK's own complaints, and says the first one. They may name the receiver's address; that is left out."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        """One line, once."""
        if not self._told:
            self._told = True
            self._tell(
                f"traces and metrics are not delivered ({record.levelname.lower()} of {record.name.rpartition('.')[2]}); "
                "the work goes on without them. See to the receiver that OTEL_EXPORTER_OTLP_ENDPOINT names."
            )


def _hear_trouble(tell: Callable[[str], None]) -> None:
    heard = logging.getLogger("opentelemetry")
    heard.handlers = [_Trouble(tell)]
    heard.propagate = False


def _some(found: Mapping[str, Value], wanted: tuple[str, ...]) -> dict[str, Value]:
    return {name: found[name] for name in wanted if name in found}


def _whole(value: Value | None) -> int:
    return value if isinstance(value, int) else 0
