"""Trust: from labels, how likely an answer is wrong, and how likely it may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from roadworthy._quick import quick


class Gauge(Protocol):
    """What a score of doubt has meant so far. `learn.calibration` fits them."""

    def chance(self, score: float) -> float:
        """The chance that an answer with this score of doubt (0 to 1, higher is worse) is wrong."""


@quick(frozen=True, slots=True)
class Trust:
    """What a step has learned of its models' answers.

    Attributes:
        cap: an answer whose chance of being wrong is above it is not accepted.
        gauges: by model; a model without one has not been judged by labels, and its answers are not accepted.
    """

    cap: float
    gauges: Mapping[str, Gauge]

    def doubt(self, model: str, confidence: float | None) -> float | None:
        """The chance that a model's answer is wrong; None where no label says anything of that model.

        Args:
            confidence: what the step's source says of the answer; None where the step names no source.
        """
        gauge = self.gauges.get(model)
        return None if gauge is None else gauge.chance(0.0 if confidence is None else 1 - confidence)
