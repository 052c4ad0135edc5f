"""A record's story as a trace: what happened in order, and the attempts as bars on one line of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadworthy._quick import quick
from roadworthy.call.ending import TREATMENT
from roadworthy.call.reply import Ending
from roadworthy.observe.story import Story, Tried
from roadworthy.serve.console.view import lasted, marked, moment


@quick(frozen=True, slots=True)
class Span:
    """One attempt on the line of time.

    Attributes:
        left, width: shares of the line, 0 to 100.
        began: how long after the first attempt.
        meaning: what its ending means and what was done; `judged` what today's checks say of the reply.
    """

    tried: Tried
    left: float
    width: float
    began: str
    took: str
    meaning: str
    judged: str


@quick(frozen=True, slots=True)
class Trace:
    """A story, ready to be written out.

    Attributes:
        spans: by question.
        total: how long the attempts took together, from the first to the last.
        source: the fields of the record in pieces, each with whether the answer quotes it.
    """

    story: Story
    spans: Mapping[int, tuple[Span, ...]]
    total: str
    source: tuple[tuple[str, list[tuple[str, bool]]], ...]
    events: tuple[tuple[str, str, str], ...]


def trace_of(
    story: Story, judged: Mapping[int, str], source: list[tuple[str, list[tuple[str, bool]]]]
) -> Trace:
    """The trace of a story.

    Args:
        judged: what today's checks say of a reply, in words, by attempt.
        source: see `Trace`.
    """
    began = min((tried.at for tried in story.attempts), default=0.0)
    ended = max((tried.at + (tried.latency_s or 0.0) for tried in story.attempts), default=began)
    whole = max(ended - began, 0.001)
    spans: dict[int, tuple[Span, ...]] = {}
    for question in story.questions:
        spans[question.id] = tuple(
            Span(
                tried,
                round(100 * (tried.at - began) / whole, 1),
                round(max(1.0, 100 * (tried.latency_s or 0.0) / whole), 1),
                f"+{tried.at - began:.2f} s",
                "" if tried.latency_s is None else f"{tried.latency_s:.2f} s",
                _meaning(tried),
                judged.get(tried.id, ""),
            )
            for tried in story.attempts
            if tried.question_id == question.id
        )
    events = tuple((moment(at), kind, words) for at, kind, words in story.events)
    return Trace(story, spans, lasted(ended - began) if story.attempts else "", tuple(source), events)


def _meaning(tried: Tried) -> str:
    if tried.state == "intent" or not tried.ending:
        return "on the wire"
    treatment = TREATMENT[Ending(tried.ending)]
    return f"{treatment.meaning} {treatment.done}"


def source_of(body: Any, answer: object) -> list[tuple[str, list[tuple[str, bool]]]]:
    """The fields of a record that hold something, each in pieces with whether the answer quotes them."""
    parts = body if isinstance(body, dict) else {"text": body}
    return [(name, marked(value, answer)) for name, value in parts.items()]
