"""What is told while work goes on. An event is a fact that happened; nobody's behaviour depends on it.

A listener is called where the fact happened, in the task that works on the record, so what belongs together can be
told by the order of the events and by the task's own context (see `observe/trail.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roadworthy._quick import quick


@quick(frozen=True, slots=True)
class RequestBegan:
    """A request to the service is being answered.

    Attributes:
        traceparent: the caller's own, W3C Trace Context; "" where it sent none.
    """

    method: str
    traceparent: str


@quick(frozen=True, slots=True)
class RequestEnded:
    """It was answered.

    Attributes:
        route: the pattern of its path, without what stands in its places; "" where no route answered.
    """

    status: int
    route: str = ""
    seconds: float = 0.0


@quick(frozen=True, slots=True)
class RecordBegan:
    """Work on a record begins.

    Attributes:
        record: its number in the ledger.
        run: the number of the run.
    """

    record: int
    run: int
    key: str
    entry: str


@quick(frozen=True, slots=True)
class RecordEnded:
    """A record reached an outcome, or stands and waits.

    Attributes:
        spent_pico: what the run has spent by now, in pico-dollars.
    """

    key: str
    outcome: str
    reused: bool
    waiting_for: str = ""
    spent_pico: int = 0


@quick(frozen=True, slots=True)
class StepBegan:
    """A step's question is about to be asked."""

    step: str


@quick(frozen=True, slots=True)
class StepEnded:
    """Its verdict: `accept`, `review`, `hold`, `fail`, or what stopped it."""

    verdict: str


@quick(frozen=True, slots=True)
class CallBegan:
    """One model is asked: the reply comes from the ledger, from another's flight, or is bought.

    Attributes:
        rank: its place on the ladder; above 0 is a fallback.
        question: what is asked, `ask.question.Question`; the ground floor knows no more of it than that it is there.
        version: the prompt's version.
    """

    model: str
    rank: int
    lane: str
    output_cap: int
    version: str
    question: object = None


@quick(frozen=True, slots=True)
class CallEnded:
    """What came of it: a reply's ending, or why there is none.

    Attributes:
        text: the reply; None where there is none.
    """

    ending: str
    reused: bool = False
    text: str | None = None


@quick(frozen=True, slots=True)
class Retried:
    """The same request is sent again after a pause."""

    model: str
    ending: str
    seconds: float


@quick(frozen=True, slots=True)
class Checked:
    """An answer was checked; `fault` is the kind of the first fault, "" where it is valid."""

    model: str
    fault: str
    seconds: float


@quick(frozen=True, slots=True)
class AttemptEnded:
    """One attempt was settled.

    Attributes:
        attempt: its number in the ledger.
        input_tokens: as billed, cached included; None where the provider reported none.
        output_tokens: as billed, reasoning included.
    """

    model: str
    ending: str
    cost_pico: int
    latency_s: float
    attempt: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    finish: str = ""
    served_model: str = ""
    provider_id: str = ""


@quick(frozen=True, slots=True)
class LaneChanged:
    """A lane paused, closed or opened."""

    lane: str
    state: str
    reason: str


@quick(frozen=True, slots=True)
class Noted:
    """Something a person should know that stops nothing.

    Attributes:
        plain: the same without the words of a provider or a record, for a log; "" where the message has none.
    """

    message: str
    plain: str = ""


Event = (
    RequestBegan
    | RequestEnded
    | RecordBegan
    | RecordEnded
    | StepBegan
    | StepEnded
    | CallBegan
    | CallEnded
    | Retried
    | Checked
    | AttemptEnded
    | LaneChanged
    | Noted
)
Listener = Callable[[Event], None]
SPANS: Final = frozenset({RecordBegan, StepBegan, StepEnded, CallBegan, CallEnded, Checked})
"""What is told of every record for the sake of traces: not made where nobody hears it."""


def silence(_event: Event) -> None:
    """The listener that hears nothing."""


def hears(listener: Listener, kind: type) -> bool:
    """Whether a listener is told of events of a kind: who does not say what it `hears` hears everything."""
    return listener is not silence and kind in getattr(listener, "hears", (kind,))


def hears_spans(listener: Listener) -> bool:
    """Whether a listener is told of `SPANS`: who does not say what it `hears` hears everything."""
    return listener is not silence and not SPANS.isdisjoint(getattr(listener, "hears", SPANS))
