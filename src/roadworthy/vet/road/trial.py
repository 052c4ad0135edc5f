"""One trial: a copy of the app, a ledger of its own and an input, run in a child as often as the stage likes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._failpoints import VARIABLE
from roadworthy._quick import quick
from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.transaction import as_int, as_text
from roadworthy.observe.soundness import contradictions
from roadworthy.observe.story import Story, stories
from roadworthy.vet.bill import LoggedRequest
from roadworthy.vet.naked.environ import environ_of
from roadworthy.vet.process import RunningSimulator
from roadworthy.vet.road.halt import Halt
from roadworthy.vet.road.warm import Warm

MEMORY_BYTES: Final = 16_000_000_000
FILE_BYTES: Final = 2_000_000_000
_SAID_BYTES: Final = 4_000
_PAGE: Final = 1_000
_OUTCOMES: Final = ("accepted", "rejected", "failed", "waiting", "pending")

# The app's own limits scaled to a provider that answers in milliseconds; what the app gives itself still wins.
QUICK: Final[Mapping[str, str]] = {
    "ROADWORTHY_BACKOFF_BASE_S": "0.02",
    "ROADWORTHY_THROTTLE_FLOOR_S": "0.05",
    "ROADWORTHY_BREAKER_OPEN_S": "0.2",
    "ROADWORTHY_RETRY_BUDGET_BURST": "100",
    "ROADWORTHY_PARK_PAUSE_S": "0.2",
    "ROADWORTHY_PATIENCE_S": "10",
}

Row = Mapping[str, Any]


@quick(frozen=True, slots=True)
class Attempt:
    """One row of the trial's ledger.

    Attributes:
        key: the record's key.
        state: `intent`, `settled`, `unknown` or `unsent`.
        cost_usd: None while it is open.
        provider_id: what the provider called its answer; "" where none came.
        finish: why the model stopped.
        reply: its words as they came; "" where none did.
    """

    id: int
    key: str
    step: str
    model: str
    state: str
    ending: str
    reserved_usd: Decimal
    cost_usd: Decimal | None
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float | None
    provider_id: str
    detail: str
    finish: str = ""
    reply: str = ""

    @property
    def booked_usd(self) -> Decimal:
        """What the books hold for it: what it cost, be it nothing; while it is open, what is reserved."""
        return self.reserved_usd if self.cost_usd is None else self.cost_usd


@quick(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one run of the command came to.

    Attributes:
        status: its exit status; minus the signal that ended it; None where it had to be ended.
        summary: what `--json` printed; empty where it printed nothing.
        rows: the output file's rows, in input order.
        requests: what the provider counted since the trial began.
        said: its last words on standard error.
        blocked: places outside that it tried to reach.
        peak_bytes: the most memory that it held; 0 where it did not end by itself.
        replies: what each record was answered last, by the trial's ledger, in the model's own words.
    """

    status: int | None
    summary: Mapping[str, Any]
    rows: tuple[Row, ...]
    requests: tuple[LoggedRequest, ...]
    said: str
    blocked: tuple[str, ...]
    seconds: float
    peak_bytes: int = 0
    replies: Mapping[str, str] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        """How many records have this outcome, by the summary; `waiting` for all that wait."""
        value = self.summary.get(outcome, 0)
        return sum(value.values()) if isinstance(value, Mapping) else int(value)

    @property
    def is_whole(self) -> bool:
        """Every record that was read is accounted for, once."""
        return bool(self.summary) and sum(map(self.count, _OUTCOMES)) == self.count("records")

    @property
    def fates(self) -> str:
        """How many ended how, in words."""
        return ", ".join(f"{self.count(name)} {name}" for name in _OUTCOMES if self.count(name)) or "nothing"

    @property
    def last_words(self) -> tuple[str, ...]:
        """The end of what a run that did not end by itself said."""
        told = self.said[-300:].strip()
        return (f"it said: {told}",) if told and self.status not in {0, 1} else ()

    def values(self) -> dict[str, Any]:
        """The accepted answers by key."""
        return {str(row["key"]): row["value"] for row in self.rows if row["outcome"] == "accepted"}

    @property
    def billed_usd(self) -> Decimal:
        """What the provider billed, as far as its prices are known."""
        return sum((row.cost_usd or Decimal(0) for row in self.requests if row.billed), Decimal(0))


@quick(slots=True)
class Trial:
    """A folder with a copy of the app, an input and a ledger. `Bench.trial` makes it.

    Attributes:
        target: the app as the command names it, inside the folder.
        passed: variables that the app sees besides the dummies.
        origin: the folder that it is a copy of.
        warm: fork the runs, each one in its turn, so that no two runs in a row have the same order of sets; without
            any, each run starts an interpreter of its own.
        halt: ends a run before its time.
    """

    folder: Path
    target: str
    app: str
    sim: RunningSimulator
    passed: Mapping[str, str] = field(default_factory=dict)
    origin: Path = Path()
    warm: Sequence[Warm] = ()
    halt: Halt = field(default_factory=Halt)
    runs: int = 0

    @property
    def ledger(self) -> Path:
        """The trial's own ledger."""
        return self.folder / "trial.db"

    def write(self, lines: Sequence[bytes], name: str = "input.jsonl") -> None:
        """Write the input, a line each."""
        (self.folder / name).write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in lines))

    def run(
        self,
        *options: str,
        settings: Mapping[str, str] | None = None,
        failpoint: str = "",
        census: Path | None = None,
        timeout_s: float = 120.0,
        input_: str = "input.jsonl",
        stdin: int | None = None,
    ) -> Ran:
        """Give the command `roadworthy run APP INPUT` and wait for its end.

        Args:
            options: more of the command's options, such as `--budget-usd`.
            settings: environment names and values over `QUICK`.
            failpoint: where the process is killed, `NAME:COUNT`.
            census: where the passes of every failpoint are counted instead.
            timeout_s: it is ended after so many seconds, and its status is None.
            input_: the input's name in the trial's folder; `-` for standard input.
            stdin: the open file that it reads as its standard input.
        """
        out = self.folder / "out.jsonl"
        out.unlink(missing_ok=True)
        words = ["run", self.target, input_, "-o", str(out), "--json", *options]
        began = time.monotonic()
        more = {VARIABLE: failpoint} if failpoint else {}
        status, printed, said, notes = self.give(
            words, {**QUICK, **(settings or {}), **more}, census=census, timeout_s=timeout_s, stdin=stdin
        )
        return Ran(
            status=status,
            summary=_json(printed),
            rows=_rows(out),
            requests=tuple(self.sim.requests()),
            said=said,
            blocked=tuple(str(note["blocked"]) for note in notes if "blocked" in note),
            seconds=time.monotonic() - began,
            peak_bytes=max((int(note["peak_bytes"]) for note in notes if "peak_bytes" in note), default=0),
            replies={attempt.key: attempt.reply for attempt in self.attempts() if attempt.reply},
        )

    def give(
        self,
        words: Sequence[str],
        settings: Mapping[str, str],
        *,
        census: Path | None = None,
        timeout_s: float = 120.0,
        stdin: int | None = None,
    ) -> tuple[int | None, bytes, str, list[Mapping[str, Any]]]:
        """Give any command in the child: (status, what it printed, its last words, its notes)."""
        self.runs += 1
        home = self.folder / f"home-{self.runs}"
        home.mkdir()
        notes = home / "notes.jsonl"
        task = home / "task.json"
        port = self.sim.port
        told = {"port": port, "url": self.sim.url, "notes": str(notes), "words": list(words)}
        told |= {"memory_bytes": MEMORY_BYTES, "file_bytes": FILE_BYTES, "census": str(census or "")}
        task.write_bytes(orjson.dumps(told))
        environ = environ_of(self.sim.url, home, home.name, os.environ, self.passed)
        environ |= {"ROADWORTHY_LEDGER": str(self.ledger), **settings}
        printed, spoken = home / "printed", home / "said"
        warm = None if census or not self.warm else self.warm[self.runs % len(self.warm)]
        if warm is not None and warm.is_ready():
            environ["PYTHONHASHSEED"] = warm.hash_seed
            order = {
                "environ": environ,
                "cwd": str(self.folder),
                "printed": str(printed),
                "said": str(spoken),
            }
            status = warm.run({**order, "task": told}, stdin, timeout_s, self.halt)
        else:
            status = self._cold(task, environ, (printed, spoken), stdin, timeout_s)
        words_said = spoken.read_bytes()[-_SAID_BYTES:].decode("utf-8", "replace")
        return status, printed.read_bytes(), words_said, list(_lines(notes))

    def _cold(
        self,
        task: Path,
        environ: Mapping[str, str],
        streams: tuple[Path, Path],
        stdin: int | None,
        timeout_s: float,
    ) -> int | None:
        """A run in an interpreter of its own."""
        with streams[0].open("wb") as printed, streams[1].open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 - the command is ours; what it loads is the user's own code
                [sys.executable, "-m", "roadworthy.vet.road.child", str(task)],
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=printed,
                stderr=said,
                cwd=self.folder,
                env=environ,
                start_new_session=True,
            )
            with self.halt.holding(partial(_end, process)):
                return _wait(process, timeout_s)

    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt in the trial's ledger, in order; none where there is no ledger yet."""
        if not self.ledger.exists():
            return ()
        store = open_ledger(str(self.ledger), DEFAULTS)
        try:
            found: list[Attempt] = []
            after = 0
            while page := store.read(
                lambda tx: tx.rows("export_attempts", app=self.app, job_id=0, after=after, count=_PAGE)  # noqa: B023 - read at once
            ):
                found += [_attempt(row) for row in page]
                after = found[-1].id
            return tuple(found)
        finally:
            store.close()

    def stories(self, keys: Sequence[str]) -> dict[str, Story | None]:
        """What `why` tells of each of these records: its newest story; None where there is none."""
        if not self.ledger.exists():
            return dict.fromkeys(keys)
        store = open_ledger(str(self.ledger), DEFAULTS)
        try:
            told = {key: store.read(lambda tx: stories(tx, self.app, key)) for key in keys}  # noqa: B023 - read at once
            return {key: found[0] if found else None for key, found in told.items()}
        finally:
            store.close()

    def contradictions(self) -> tuple[str, ...]:
        """What in the trial's ledger contradicts itself; a ledger that cannot be read is one, too."""
        if not self.ledger.exists():
            return ()
        try:
            store = open_ledger(str(self.ledger), DEFAULTS)
        except (WrongUse, LedgerUnavailable) as error:
            return (str(error),)
        try:
            # What a killed process left open is not a contradiction: the next run takes it over.
            return tuple(store.read(lambda tx: contradictions(tx, lambda _owner: True)))
        finally:
            store.close()


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """Its exit status; None where it was not back in time and was ended. What it started ends with it."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)
        process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _json(printed: bytes) -> Mapping[str, Any]:
    """The last line that is an object: an app may print before it."""
    for line in reversed(printed.splitlines()):
        with suppress(orjson.JSONDecodeError):
            said = orjson.loads(line)
            if isinstance(said, dict):
                return said
    return {}


def _rows(place: Path) -> tuple[Row, ...]:
    return tuple(_lines(place))


def _lines(place: Path) -> list[Mapping[str, Any]]:
    if not place.exists():
        return []
    found = []
    for line in place.read_bytes().splitlines():
        with suppress(orjson.JSONDecodeError):
            found.append(orjson.loads(line))
    return found


def _attempt(row: tuple[Any, ...]) -> Attempt:
    def usd(pico: Any) -> Decimal:
        return Decimal(as_int(pico)).scaleb(-12)

    return Attempt(
        id=as_int(row[0]),
        key="" if row[3] is None else as_text(row[3]),
        step="" if row[5] is None else as_text(row[5]),
        model=as_text(row[6]),
        state=as_text(row[9]),
        ending="" if row[10] is None else as_text(row[10]),
        reserved_usd=usd(row[11]),
        cost_usd=None if row[12] is None else usd(row[12]),
        input_tokens=row[13],
        output_tokens=row[14],
        latency_s=row[18],
        provider_id="" if row[19] is None else as_text(row[19]),
        detail="" if row[20] is None else as_text(row[20]),
        finish="" if row[21] is None else as_text(row[21]),
        reply="" if row[22] is None else as_text(row[22]),
    )
