"""Stage `load`: records arrive at their own pace, whether or not the app keeps up."""

from __future__ import annotations

import fcntl
import os
import termios
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from roadworthy._quick import quick
from roadworthy.vet.road.cause import remembered
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Chart, Figure, Line, Table
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.steady import UNSTEADY_ALL, unsteady

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench
    from roadworthy.vet.road.picture import Picture
    from roadworthy.vet.road.trial import Ran

_RECORDS: Final = 90
_TOGETHER: Final = 8
_LATENCY_MS: Final = 100.0
_SHARE: Final = 0.6
"""The wanted rate, as a share of what a provider with this latency lets so many records at once reach."""
_FACTORS: Final = (1, 2)
_NAMES: Final = ("wanted", "twice")
_START_S: Final = 60.0
_LOOK_S: Final = 0.01
_QUEUE: Final = 32
_PIPE_BYTES: Final = 4_096
_MEMORY_MORE: Final = 1.25
_MEMORY_FLOOR_BYTES: Final = 50_000_000
_STREAMED: Final = {"ROADWORTHY_INTAKE_BATCH": "1", "ROADWORTHY_QUEUE_MAX": str(_QUEUE)}
_SHOWN: Final = 5


@quick(frozen=True, slots=True)
class Leg:
    """What became of records that arrived at one rate.

    Attributes:
        rate: records a second.
        ran: the run.
        late_s: how far the arrival of the last record fell behind its time, because the app took no more in.
        waits_s: from the time that a record was due until the answer to its last request, for each, shortest first; empty
            where requests cannot be told apart.
    """

    rate: float
    ran: Ran
    late_s: float
    waits_s: tuple[float, ...] = ()


class Feed:
    """Writes lines into a pipe, each at its own time, and waits where the pipe is full: an open loop with a door."""

    def __init__(self, lines: Sequence[bytes], rate: float) -> None:
        self._lines = lines
        self._rate = rate
        self.late_s = 0.0
        self.due: list[float] = []
        self.reads, self._writes = os.pipe()
        with suppress(OSError):  # a bound on what lies between the two; without it the kernel's own holds
            fcntl.fcntl(self._writes, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody reads any more; the writer ends."""
        os.close(self.reads)
        self._thread.join()

    def _write(self) -> None:
        with suppress(OSError):  # the reader ended before the lines did; its status tells
            os.write(self._writes, self._lines[0] + b"\n")
            self._until_read()
            began = time.monotonic()
            now = time.time()
            self.due = [now + number / self._rate for number in range(len(self._lines))]
            for number, line in enumerate(self._lines[1:], 1):
                due = began + number / self._rate
                time.sleep(max(0.0, due - time.monotonic()))
                os.write(self._writes, line + b"\n")
                self.late_s = time.monotonic() - due
        os.close(self._writes)

    def _until_read(self) -> None:
        """Starting up is not load: the clock runs from when the first line was taken in."""
        ends = time.monotonic() + _START_S
        waiting = array("i", [1])
        while waiting[0] and time.monotonic() < ends:
            fcntl.ioctl(self.reads, termios.FIONREAD, waiting)
            time.sleep(_LOOK_S)


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    samples = bench.take(bench.count(_RECORDS, least=8))
    if len(samples) < _TOGETHER:
        yield not_tested(
            "wanted",
            LOAD.question,
            f"The input holds fewer than {_TOGETHER} usable records, which is no load.",
        )
        return
    lines = [sample.line for sample in samples]
    with bench.trial(lines) as trial:
        alone = trial.run("--concurrency", "1")
    requests = max(1.0, len(alone.requests) / len(lines))
    wanted = _SHARE * _TOGETHER / (_LATENCY_MS / 1000 * requests)
    legs = [_drive(bench, lines, wanted * factor) for factor in _FACTORS]
    for name, leg, factor in zip(_NAMES, legs, _FACTORS, strict=True):
        yield _answered(bench, name, factor, alone, leg)
    yield bounded(legs, bench.again("load"))
    yield from _pictures(legs)
    yield _table(legs, len(lines))


def _pictures(legs: Sequence[Leg]) -> Iterator[Figure | Chart]:
    """How long a record waits for its answer when records come at their own pace."""
    waited = [leg for leg in legs if leg.waits_s]
    if not waited:
        return
    calm = waited[0].waits_s
    yield Figure(
        title="19 of 20 records have their answer within",
        value=f"{calm[int(len(calm) * 0.95)]:.2g} s",
        note=f"of which the provider takes {_LATENCY_MS / 1000:g} s; {waited[0].rate:.0f} records a second arrive",
        measured=True,
    )
    yield Chart(
        title="How soon records have their answer",
        across="seconds since a record was due",
        up="% of records",
        lines=tuple(
            Line(
                label=f"{leg.rate:.0f} records a second",
                points=(
                    (0.0, 0.0),
                    *((wait, 100 * (n + 1) / len(leg.waits_s)) for n, wait in enumerate(leg.waits_s)),
                ),
            )
            for leg in waited
        ),
        note=f"The provider takes {_LATENCY_MS:.0f} ms a request; {_TOGETHER} records are worked on at once.",
    )


def _table(legs: Sequence[Leg], count: int) -> Table:
    return Table(
        title="Arrivals at their own pace",
        head=("arrivals a second", "the whole run", "last record waited at the door", "most memory"),
        rows=tuple(
            (
                f"{leg.rate:.1f}",
                f"{leg.ran.seconds:.1f} s for {count}",
                f"{leg.late_s:.2f} s",
                f"{leg.ran.peak_bytes / 1e6:.0f} MB",
            )
            for leg in legs
        ),
        note=f"The provider takes {_LATENCY_MS:.0f} ms; {_TOGETHER} records are worked on at once. Starting up is in the run.",
        measured=True,
    )


def _drive(bench: Bench, lines: Sequence[bytes], rate: float) -> Leg:
    with bench.trial(lines, {"latency_ms": _LATENCY_MS}) as trial, Feed(lines, rate) as feed:
        options = ("--job", "load", "--concurrency", str(_TOGETHER))
        ran = trial.run(*options, input_="-", stdin=feed.reads, settings=_STREAMED)
        keys = [sample.key for sample in bench.take(len(lines))]
        return Leg(rate, ran, feed.late_s, _waits(keys, feed.due, ran))


def _waits(keys: Sequence[str], due: Sequence[float], ran: Ran) -> tuple[float, ...]:
    last: dict[str, float] = {}
    for row in ran.requests:
        if row.question is not None:
            last[row.question] = row.at + _LATENCY_MS / 1000
    # The first line waits for the process to start, which is not load.
    pairs = list(zip(keys, due, strict=False))[1:]
    found = [last[key] - at for key, at in pairs if key in last]
    return tuple(sorted(found)) if len(found) > len(pairs) / 2 else ()


def _answered(bench: Bench, name: str, factor: int, alone: Ran, leg: Leg) -> Finding:
    """Every record that arrived fares as it does when nothing else is going on."""
    before, after = _fates(alone), _fates(leg.ran)
    before = {key: fate for key, fate in before.items() if key not in unsteady(bench)}
    lost = [key for key in before if key not in after]
    other = [key for key in before if key in after and after[key] != before[key]]
    ended = leg.ran.status in {0, 1} and leg.ran.is_whole
    good = ended and not lost and not other
    promise = "What arrives is answered, however fast it arrives: none is lost, and none gets another answer."
    if good and not before:
        return not_tested(name, promise, UNSTEADY_ALL)
    if not ended:
        happened = f"The run ended with status {leg.ran.status}: {leg.ran.said[-200:]}"
    elif good:
        happened = f"All {len(before)} records arrived, and each fared as it does alone."
    else:
        happened = (
            f"Of {len(before)} records {len(lost)} were lost and {len(other)} fared otherwise than alone."
        )
    return Finding(
        name=name,
        promise=promise,
        tried=f"arrivals at {factor} x the wanted rate, which is {_SHARE:.0%} of what the provider's pace allows",
        times=len(before),
        happened=happened,
        grade=Grade.PASS if good else Grade.FAIL,
        evidence=tuple(f"lost: {key}" for key in lost[:_SHOWN])
        + tuple(f"{key}: {_said(before[key])} became {_said(after[key])}" for key in other[:_SHOWN]),
        measured=(f"{leg.rate:.1f} records a second arrived; {leg.ran.seconds:.1f} s in all",),
        reproduce=bench.again("load"),
        advice=""
        if good
        else "Keep nothing in memory that several records share, and let Roadworthy alone decide how many run at once.",
        clues=() if good or lost or not ended else remembered(bench, alone, leg.ran, other),
    )


def _fates(ran: Ran) -> dict[str, tuple[str, Any]]:
    return {str(row["key"]): (str(row["outcome"]), row["value"]) for row in ran.rows}


def _said(fate: tuple[str, Any]) -> str:
    return f"{fate[0]} {fate[1]!r}"[:120]


def bounded(legs: Sequence[Leg], again: str) -> Finding:
    """The same records in half of the time take no more memory."""
    promise = "Overload slows the intake; it does not grow memory."
    calm, *others = (leg.ran.peak_bytes for leg in legs)
    if not calm or not all(others):
        return not_tested("memory", promise, "The memory of the runs could not be read: a run was cut short.")
    most = max(others)
    bounded = most <= max(calm * _MEMORY_MORE, calm + _MEMORY_FLOOR_BYTES)
    return Finding(
        name="memory",
        promise=promise,
        tried="the same records at the wanted rate and at twice it",
        times=len(legs),
        happened="Memory stayed within a quarter, or 50 MB, of what the wanted rate takes."
        if bounded
        else "Memory grew by more than a quarter and more than 50 MB over what the wanted rate takes.",
        grade=Grade.PASS if bounded else Grade.FAIL,
        measured=tuple(f"{leg.rate:.1f} a second: {leg.ran.peak_bytes / 1e6:.0f} MB" for leg in legs),
        reproduce=again,
        advice="" if bounded else "Find what the app keeps for each record that is under way, and bound it.",
    )


LOAD: Final[Stage[Bench]] = Stage(
    "load", "Load", "Is every record answered when they come faster than the app can work?", _trial
)
