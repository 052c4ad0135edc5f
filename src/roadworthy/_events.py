"""What is told while work goes on. An event is a fact that happened; nobody's behaviour depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordEnded:
    """A record reached an outcome, or stands and waits."""

    key: str
    outcome: str
    reused: bool


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """One attempt was settled."""

    model: str
    ending: str
    cost_pico: int
    latency_s: float


@dataclass(frozen=True, slots=True)
class LaneChanged:
    """A lane paused, closed or opened."""

    lane: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a person should know that stops nothing."""

    message: str


Event = RecordEnded | AttemptEnded | LaneChanged | Noted
Listener = Callable[[Event], None]


def silence(_event: Event) -> None:
    """The listener that hears nothing."""
