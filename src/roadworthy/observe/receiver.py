"""Whether anybody receives traces: named by the environment, as every OpenTelemetry program is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roadworthy._events import Event, Listener, Noted
from roadworthy._settings import Settings
from roadworthy.observe.trail import Span, Trail

EVERYTHING = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
METRICS = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
OFF = "OTEL_SDK_DISABLED"


def receiver(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Where traces and metrics are posted; None where nobody is named, or OpenTelemetry is switched off.

    Source: opentelemetry.io/docs/specs/otel/protocol/exporter (endpoints of signals are taken as they are; to the one
    for all of them `v1/traces` and `v1/metrics` are added).
    """
    base = environ.get(EVERYTHING, "").strip().rstrip("/")
    traces = environ.get(TRACES, "").strip() or (f"{base}/v1/traces" if base else "")
    metrics = environ.get(METRICS, "").strip() or (f"{base}/v1/metrics" if base else "")
    if environ.get(OFF, "").strip().lower() == "true" or not (traces and metrics):
        return None
    return traces, metrics


def listen(
    tell: Listener, app: str, environ: Mapping[str, str], settings: Settings
) -> tuple[Listener, Callable[[], None] | None]:
    """`tell`, and beside it whoever hands traces on, where somebody receives them; and what ends that.

    A receiver that is named wrongly, or an extra that is not installed, is told and costs no record.
    """
    follows = getattr(tell, "follows", False)
    found = receiver(environ)
    if found is None:
        return (_joined(tell, Trail(_dropped)) if follows else tell), None
    try:
        from roadworthy.observe.telemetry import Telemetry  # noqa: PLC0415 - an extra, and heavy
    except ImportError:
        tell(Noted("traces are not sent: that takes the extra `otel`, pip install 'roadworthy[otel]'"))
        return (_joined(tell, Trail(_dropped)) if follows else tell), None
    telemetry = Telemetry(app, *found, settings, lambda words: tell(Noted(words)))
    trail = Trail(telemetry, share=settings.telemetry_share, content=bool(settings.telemetry_content))
    return _joined(tell, trail), telemetry.close


class Several:
    """Listeners that hear the same, in order; one that names what it `hears` is told of nothing else.

    Attributes:
        follows: whether one of them needs the trail for its ids.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)
        self._of_kind: dict[type, tuple[Listener, ...]] = {}

    def add(self, listener: Listener) -> None:
        """One more, who hears from now on."""
        self._listeners.append(listener)
        self._of_kind.clear()

    @property
    def follows(self) -> bool:
        """Whether one of them needs the trail."""
        return any(getattr(one, "follows", False) for one in self._listeners)

    def __call__(self, event: Event) -> None:
        """Tell whoever hears it."""
        kind = type(event)
        found = self._of_kind.get(kind)
        if found is None:
            found = tuple(one for one in self._listeners if kind in getattr(one, "hears", (kind,)))
            self._of_kind[kind] = found
        for listener in found:
            listener(event)


def _joined(tell: Listener, trail: Trail) -> Listener:
    """Both of them. A listener hears of an end while its span is open still."""

    def both(event: Event) -> None:
        tell(event)
        trail(event)

    return both


def _dropped(_span: Span) -> None:
    """Nobody receives traces; the trail is there for ids alone."""
