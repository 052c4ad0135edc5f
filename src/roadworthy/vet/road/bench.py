"""The bench: the app under test with everything a stage needs to try it."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final, TypeVar, Unpack

import orjson

from roadworthy._quick import quick
from roadworthy.vet.options import Options
from roadworthy.vet.process import RunningSimulator
from roadworthy.vet.road.declared import Declared
from roadworthy.vet.road.halt import Halt
from roadworthy.vet.road.learned import Learned
from roadworthy.vet.road.provider import fork_simulator
from roadworthy.vet.road.trial import Trial
from roadworthy.vet.road.warm import Warm

T = TypeVar("T")
MINUTES: Final = 3.0
"""The effort that stages state their numbers for."""
LATENCY_MS: Final = 3.0
"""Of the simulated provider where a stage does not ask for another: short, so that many trials fit."""


@quick(frozen=True, slots=True)
class Sample:
    """One usable record of the team's input.

    Attributes:
        key: as the app names it.
        body: cleaned, as JSON.
    """

    key: str
    body: Any

    @property
    def line(self) -> bytes:
        """The record as a line of JSON Lines."""
        return orjson.dumps(self.body)


class Memo:
    """What is found out once for all stages, whichever asks first; the others wait for it."""

    def __init__(self) -> None:
        self._turns: dict[str, threading.Lock] = {}
        self._found: dict[str, Any] = {}
        self._turn = threading.Lock()

    def once(self, name: str, find: Callable[[], T]) -> T:
        """What `find` returned the first time that this name was asked for."""
        with self._turn:
            turn = self._turns.setdefault(name, threading.Lock())
        with turn:
            if name not in self._found:
                self._found[name] = find()
            found: T = self._found[name]
            return found


@quick(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every stage is given. `opening.open_bench` makes it.

    Attributes:
        app: the app as the user named it.
        input: the input as the user named it.
        declared: what the app declares.
        samples: usable records of the input, first of each key, in the order that the seed gives them.
        seed: all chance comes from it.
        minutes: the effort; `count` scales numbers with it.
        answers: where the simulated provider's answers come from, in words.
        labels: right answers by key, as far as the team has them.
        live_usd: what asking the real provider may cost; "" for never asking it.
        options: of the simulated provider, for a stage that starts its own.
        notes: what the test rests on and cannot see.
        command: the command line that does the whole test again.
        learned: what the team's own ledger taught.
        warm: the processes that fork the runs.
        memo: what one stage found out and others need.
        halt: ends what the stages run.
    """

    app: str
    input: str
    declared: Declared
    samples: tuple[Sample, ...]
    seed: int
    minutes: float
    answers: str
    options: Options
    sim: RunningSimulator
    folder: Path
    target: str
    passed: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    live_usd: str = ""
    notes: tuple[str, ...] = ()
    command: str = ""
    learned: Learned = field(default_factory=Learned)
    warm: tuple[Warm, ...] = ()
    memo: Memo = field(default_factory=Memo)
    halt: Halt = field(default_factory=Halt)

    def count(self, base: int, *, least: int = 1, most: int | None = None) -> int:
        """A number of trials or records for this effort: `base` at the default of three minutes."""
        found = max(least, round(base * self.minutes / MINUTES))
        return found if most is None else min(found, most)

    def take(self, count: int) -> tuple[Sample, ...]:
        """So many records, or all there are."""
        return self.samples[:count]

    def again(self, stage: str) -> str:
        """The command that drives one stage again."""
        return f"{self.command} --only {stage}"

    @contextmanager
    def trial(
        self,
        lines: Sequence[bytes],
        script: Mapping[str, object] | None = None,
        *,
        sim: RunningSimulator | None = None,
    ) -> Iterator[Trial]:
        """A trial with its own copy of the app, its own ledger and a provider that has forgotten everything.

        Args:
            lines: the input, a line each.
            script: how the provider behaves; see `Script.changed`. Without it, well.
            sim: another provider than the bench's own.
        """
        chosen = sim or self.sim
        calm: dict[str, object] = {"seed": self.seed, "faults": {}, "latency_ms": LATENCY_MS}
        calm |= {"latency_spread": 0.0, "in_a_row_max": 2, "first": 0, "last": 0, "revoked": [], "models": {}}
        chosen.script({**calm, **(script or {})})
        chosen.reset()
        with tempfile.TemporaryDirectory(prefix="roadworthy-trial-", ignore_cleanup_errors=True) as place:
            folder = Path(place) / "app"
            shutil.copytree(self.folder, folder, symlinks=True)
            trial = Trial(
                folder, self.target, self.declared.app, chosen, self.passed, self.folder, self.warm, self.halt
            )
            trial.write(lines)
            yield trial

    @contextmanager
    def twin(self) -> Iterator[Bench]:
        """The same bench with a simulated provider of its own, so that two stages can be driven side by side."""
        with fork_simulator(self.warm, self.options) as sim:
            yield replace(self, sim=sim)

    @contextmanager
    def provider(self, **changes: Unpack[Options]) -> Iterator[RunningSimulator]:
        """Another simulated provider, with other options."""
        options: Options = {**self.options, **changes}
        with fork_simulator(self.warm, options) as sim:
            yield sim
