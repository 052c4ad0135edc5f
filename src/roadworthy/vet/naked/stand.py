"""The stand: a function under test in its child process, the simulated provider, and one exact fault at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Final, Self

import orjson

from roadworthy._quick import quick
from roadworthy._settings import DEFAULTS
from roadworthy.vet.bill import LoggedRequest
from roadworthy.vet.kind import Kind
from roadworthy.vet.naked.call import Call, State
from roadworthy.vet.naked.process import Cage, Process
from roadworthy.vet.process import RunningSimulator

EFFORT_MINUTES: Final = 3.0
"""The effort that stages state their numbers for."""
LATENCY_MS: Final = 3.0
LEFT_OUT: Final = (
    ".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
    "*.db", "*.db-wal", "*.db-shm", "*.db-*", "*.db.*",
)  # fmt: skip
"""Of the function's folder: what is not copied, as the road test of an app does it."""


@quick(frozen=True, slots=True)
class Tried:
    """One call under one fault.

    Attributes:
        call: how it ended.
        wanted: what the same record gives when nothing is wrong, as JSON text.
        rows: the requests that it sent.
        fault: what the provider was told to do.
    """

    call: Call
    wanted: str
    rows: tuple[LoggedRequest, ...]
    fault: str = ""

    @property
    def is_right(self) -> bool:
        """The same answer as when nothing is wrong."""
        return self.call.state is State.RETURNED and self.call.value == self.wanted

    @property
    def is_wrong(self) -> bool:
        """It passed something else off as an answer."""
        return not self.is_right and not self.call.gave_up

    @property
    def met(self) -> int:
        """How many of its requests met the fault."""
        return sum(self.fault in row.fault.split("+") for row in self.rows)

    @property
    def billed(self) -> int:
        """How many of its requests were paid for."""
        return sum(row.billed for row in self.rows)

    def text(self) -> str:
        """What happened, in a sentence."""
        said = "gave the right answer" if self.is_right else self.call.text()
        return f"It sent {len(self.rows)} requests and {said}."


@quick(kw_only=True)
class Stand:
    """What every stage is given. `open_stand` makes it.

    Attributes:
        target: the function as the user named it.
        input: the input as the user named it.
        records: the input's records, in the order that the seed gives them.
        cage: how its child is made; the folder in there is the pristine copy.
        command: the command line that does the whole test again.
        silence_s: a function whose provider says nothing is to be back within this long.
    """

    target: str
    input: str
    records: tuple[object, ...]
    seed: int
    minutes: float
    sim: RunningSimulator
    cage: Cage
    command: str = ""
    notes: tuple[str, ...] = ()
    silence_s: float = DEFAULTS.vet_silence_s
    blocked: set[str] = field(default_factory=set)
    printed: bytes = b""
    _process: Process | None = None
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _next: int = 0
    _wanted: dict[bytes, str] = field(default_factory=dict)
    _refused: dict[bytes, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """The stand itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child and throw its folder away."""
        self.renew()

    def count(self, base: int, *, least: int = 1) -> int:
        """A number of calls for this effort: `base` at the default of three minutes."""
        return max(least, round(base * self.minutes / EFFORT_MINUTES))

    def again(self, stage: str) -> str:
        """The command that drives one stage again."""
        return f"{self.command} --only {stage}"

    def script(self, **change: object) -> None:
        """The provider behaves well, but for what is named."""
        calm: dict[str, object] = {"seed": self.seed, "faults": {}, "latency_ms": LATENCY_MS, "models": {}}
        calm |= {
            "latency_spread": 0.0,
            "in_a_row_max": 0,
            "first": 0,
            "last": 0,
            "revoked": [],
            "watched": [],
        }
        self.sim.script({**calm, **change})

    def renew(self) -> None:
        """End the child; the next call starts another one, in a folder as it was given."""
        if self._process is not None:
            self._process.close()
            self.blocked.update(self._process.blocked)
            self.printed += self._process.words.kept
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._folder = None

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A copy of the function's folder that several children may share."""
        with tempfile.TemporaryDirectory(prefix="roadworthy-stand-", ignore_cleanup_errors=True) as place:
            yield _copied(self.cage.folder, Path(place))

    def child(self, folder: Path) -> Process:
        """A child in `folder`. The caller closes it."""
        return Process(replace(self.cage, folder=folder, place=_moved(self.cage, folder)))

    def draw(self) -> object:
        """The next record. When all have been drawn, a new child in a new folder begins with the first one again."""
        if self._next == len(self.records):
            self._next = 0
            self.renew()
        self._next += 1
        return self.records[self._next - 1]

    def call(
        self, records: Sequence[object], *, together: int = 1, wait_s: float | None = None
    ) -> list[Call]:
        """Call the function in the child that stays from one trial to the next."""
        if self._process is None:
            self._folder = tempfile.TemporaryDirectory(prefix="roadworthy-stand-", ignore_cleanup_errors=True)
            self._process = self.child(_copied(self.cage.folder, Path(self._folder.name)))
        calls = self._process.call(records, together=together, wait_s=wait_s)
        if any(call.state in {State.HUNG, State.DIED} for call in calls):
            self.renew()
        return calls

    def wanted(self, records: Sequence[object]) -> list[str]:
        """What the function says of each record when nothing is wrong, told in a child and a folder apart."""
        missing = [record for record in records if _key(record) not in self._wanted]
        if missing:
            self.script()
            with self.folder() as place, self.child(place) as process:
                for record, call in zip(missing, process.call(missing), strict=True):
                    self._wanted[_key(record)] = "" if call.gave_up else call.value
                    if call.gave_up:
                        self._refused[_key(record)] = call.text()
                self.blocked.update(process.blocked)
            self.sim.reset()
        return [self._wanted[_key(record)] for record in records]

    def refusals(self, records: Sequence[object]) -> list[str]:
        """Of those records that get no answer when nothing is wrong: how the call ended."""
        self.wanted(records)
        return [self._refused[_key(record)] for record in records if _key(record) in self._refused]

    def tried(
        self, fault: Kind, *, lasting: bool = False, record: object = None, wait_s: float | None = None
    ) -> Tried:
        """Call the function once while the provider does this to its first request, or to each one."""
        record = self.draw() if record is None else record
        [wanted] = self.wanted([record])
        self.sim.reset()
        self.script(faults={str(fault): 1}, last=0 if lasting else 1)
        [call] = self.call([record], wait_s=wait_s)
        rows = tuple(self.sim.requests())
        if lasting:  # what a function remembers of a provider that is closed is no part of the next trial
            self.renew()
        return Tried(call, wanted, rows, str(fault))


def _key(record: object) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # lone surrogates
        return repr(record).encode("utf-8", "surrogatepass")


def _copied(source: Path, to: Path) -> Path:
    there = to / "work"
    shutil.copytree(source, there, symlinks=True)
    return there


def _moved(cage: Cage, folder: Path) -> str:
    return str(folder / Path(cage.place).name) if cage.place.endswith(".py") else cage.place


def passed_on(passed: Mapping[str, str]) -> tuple[str, ...]:
    """A note of what the function sees of this environment."""
    return (f"The function sees {', '.join(passed)} of this environment.",) if passed else ()
