"""What an app has learned, in one state: by step the threshold, the examples and the student."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, replace
from typing import Any

import orjson

from roadworthy._quick import quick
from roadworthy.accept.record import Json
from roadworthy.decide.trust import Gauge, Trust
from roadworthy.keep.states import State
from roadworthy.learn.calibration import Isotonic, Platt


@quick(frozen=True, slots=True)
class StepLearned:
    """What a state holds of one step.

    Attributes:
        since: the number of the state that first held just this. It names how the step's answers come about, so an
            epoch begins with it and goes on where the state goes back to it.
        trust: the threshold and what it stands on; None where nothing is proved.
        examples: numbers of records whose corrections later prompts show. The words stay with the records.
        student: the number of the student that answers first; 0 for none.
        other: what else a part of Roadworthy keeps here, as it is.
    """

    since: int = 0
    trust: Trust | None = None
    examples: tuple[int, ...] = ()
    student: int = 0
    other: Mapping[str, Json] = field(default_factory=dict)

    def is_as(self, other: StepLearned) -> bool:
        """Whether answers come about in the same way under both."""
        return replace(self, since=0) == replace(other, since=0)


NOTHING = StepLearned()


@quick(frozen=True, slots=True)
class Learned:
    """One state's content.

    Attributes:
        number: the state's.
        steps: by name; a step that is not here has learned nothing.
    """

    number: int = 0
    steps: Mapping[str, StepLearned] = field(default_factory=dict)

    def of(self, step: str) -> StepLearned:
        """What is learned of a step."""
        return self.steps.get(step, NOTHING)

    def untrusting(self) -> Learned:
        """The same without thresholds: what was learned of one version's doubts says nothing of another's."""
        return replace(self, steps={name: replace(step, trust=None) for name, step in self.steps.items()})

    @classmethod
    def read(cls, state: State) -> Learned:
        """The content of a state of the ledger."""
        held = orjson.loads(state.content)
        return cls(state.number, {name: _step(given) for name, given in held.get("steps", {}).items()})

    def text(self) -> str:
        """The content as JSON text."""
        steps = {name: _plain(learned) for name, learned in sorted(self.steps.items())}
        return orjson.dumps({"steps": steps}).decode()

    def advanced(self, changes: Mapping[str, StepLearned]) -> Learned:
        """The next state: `changes` by step; what is not changed keeps its `since`."""
        number = self.number + 1
        steps = dict(self.steps)
        for name, change in changes.items():
            if not change.is_as(self.of(name)):
                steps[name] = replace(change, since=number)
        return Learned(number, steps)


def _plain(learned: StepLearned) -> dict[str, Any]:
    found: dict[str, Any] = {
        "since": learned.since,
        "examples": list(learned.examples),
        "student": learned.student,
    }
    if learned.trust is not None:
        gauges = {model: _plain_gauge(gauge) for model, gauge in sorted(learned.trust.gauges.items())}
        found["trust"] = {"cap": learned.trust.cap, "gauges": gauges}
    return {**learned.other, **found}


def _step(given: dict[str, Any]) -> StepLearned:
    rest = dict(given)
    since, examples, student = rest.pop("since"), tuple(rest.pop("examples")), rest.pop("student")
    trust = rest.pop("trust", None)
    if trust is not None:
        trust = Trust(trust["cap"], {model: _gauge(gauge) for model, gauge in trust["gauges"].items()})
    return StepLearned(since, trust, examples, student, rest)


def _plain_gauge(gauge: Gauge) -> dict[str, Any]:
    assert isinstance(gauge, Isotonic | Platt)
    return {"kind": type(gauge).__name__.lower(), **asdict(gauge)}


def _gauge(given: dict[str, Any]) -> Gauge:
    kind = given["kind"]
    if kind == "platt":
        return Platt(given["bias"], given["slope"])
    return Isotonic(tuple(given["starts"]), tuple(given["chances"]))
