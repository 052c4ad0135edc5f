"""Stage `outage`: the provider is down for a while, loudly or silently, and comes back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from roadworthy._quick import quick
from roadworthy.vet.road.cause import remembered, resent
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.steady import UNSTEADY_ALL, unsteady

if TYPE_CHECKING:
    from roadworthy.vet.process import RunningSimulator
    from roadworthy.vet.road.bench import Bench
    from roadworthy.vet.road.picture import Picture
    from roadworthy.vet.road.trial import Ran, Trial

_RECORDS: Final = 30
_TOGETHER: Final = 8
_OUTAGE_S: Final = 3.0
_LOOK_S: Final = 0.02
_LATENCY_MS: Final = 30.0
_ATTEMPT_S: Final = "4"
_SHOWN: Final = 5
_KINDS: Final[Mapping[str, tuple[str, Mapping[str, float]]]] = {
    "errors": ("answers every request with 500 or 503", {"500": 0.5, "503": 0.5}),
    "silence": ("takes requests and says nothing", {"hang": 1.0}),
}


@quick(frozen=True, slots=True)
class Storm:
    """A run with an outage in its midst, and the run after it where one was needed.

    Attributes:
        unknown: attempts of which nobody knows what became of them.
        sent: attempts that were sent, those among them.
    """

    first: Ran
    last: Ran
    ran_again: bool
    unknown: int
    sent: int


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    samples = bench.take(bench.count(_RECORDS, least=6))
    if not samples:
        yield not_tested("errors", OUTAGE.question, "The input holds no usable record.")
        return
    lines = [sample.line for sample in samples]
    with bench.trial(lines) as trial:
        calm = trial.run()
    if not calm.requests:
        yield not_tested("errors", OUTAGE.question, "The app asks no provider about these records.")
        return
    for name, (does, faults) in _KINDS.items():
        with bench.trial(lines, {"latency_ms": _LATENCY_MS}) as trial:
            storm = _through(trial, faults, after=max(2, len(calm.requests) // 4))
        yield _drained(bench, name, does, calm, storm)
        yield _paid(bench, name, does, calm, storm)


def _through(trial: Trial, faults: Mapping[str, float], after: int) -> Storm:
    options = ("--concurrency", str(_TOGETHER), "--patience", "20")
    settings = {"ROADWORTHY_ATTEMPT_TIMEOUT_S": _ATTEMPT_S}
    with _outage(trial.sim, faults, after):
        first = trial.run(*options, settings=settings)
    last, again = first, False
    if first.status != 0 and first.status is not None:
        last, again = trial.run(*options, settings=settings), True
    attempts = trial.attempts()
    unknown = sum(attempt.state == "unknown" for attempt in attempts)
    sent = sum(attempt.state != "unsent" for attempt in attempts)
    return Storm(first, last, again, unknown, sent)


@contextmanager
def _outage(sim: RunningSimulator, faults: Mapping[str, float], after: int) -> Iterator[None]:
    """Once the provider has seen so many requests it is down for three seconds; then it is well for good."""
    ended = threading.Event()

    def change() -> None:
        while sim.bill().total.requests < after:
            if ended.wait(_LOOK_S):
                return
        sim.script({"faults": faults, "in_a_row_max": 0})
        ended.wait(_OUTAGE_S)
        sim.script({"faults": {}})

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        sim.script({"faults": {}})


def _drained(bench: Bench, name: str, does: str, calm: Ran, storm: Storm) -> Finding:
    """After the outage every record stands where it stands without one."""
    before, after = _fates(calm), _fates(storm.last)
    before = {key: fate for key, fate in before.items() if key not in unsteady(bench)}
    lost = [key for key in before if key not in after]
    behind = [key for key in before if key in after and after[key][0] != before[key][0]]
    other = [key for key in before if key in after and key not in behind and after[key] != before[key]]
    good = storm.last.is_whole and not (lost or behind or other)
    by_itself = good and not storm.ran_again
    promise = "After an outage the backlog drains by itself: no record is lost, fails or gets another answer for it."
    if by_itself and not before:
        return not_tested(f"{name}-drains", promise, UNSTEADY_ALL)
    if by_itself:
        happened = f"All {len(before)} records fared as without an outage, in one run, without anyone's help."
    elif good:
        happened = f"All {len(before)} records fared as without an outage; the run had stopped and was given once more."
    else:
        happened = (
            f"Of {len(before)} records {len(lost)} were lost, {len(behind)} did not get to where they stand without an "
            f"outage, {len(other)} got another answer."
        )
    return Finding(
        name=f"{name}-drains",
        promise=promise,
        tried=f"a provider that {does} for {_OUTAGE_S:.0f} s in the midst of a run",
        times=len(before),
        happened=happened,
        grade=Grade.PASS if by_itself else Grade.FAIL,
        evidence=tuple(f"lost: {key}" for key in lost[:_SHOWN])
        + tuple(f"{key}: {before[key][0]} became {after[key][0]}" for key in behind[:_SHOWN])
        + tuple(f"{key}: {before[key][1]!r} became {after[key][1]!r}"[:200] for key in other[:_SHOWN]),
        measured=(f"{storm.last.seconds:.1f} s, {len(storm.last.requests)} requests",),
        reproduce=bench.again("outage"),
        advice=""
        if by_itself
        else "Let a function raise when its provider fails, ConnectionError or TimeoutError where that passes by itself: an "
        "answer made up instead is taken for one, any other error for a mistake, and its own retries nobody can bound.",
        clues=() if by_itself or lost else remembered(bench, calm, storm.last, [*behind, *other]),
    )


def _paid(bench: Bench, name: str, does: str, calm: Ran, storm: Storm) -> Finding:
    """The same request is answered and billed once; what was billed without an answer is known to the ledger."""
    delivered = Counter(row.body for row in storm.last.requests if row.billed and row.written)
    usual = Counter(row.body for row in calm.requests if row.billed)  # records may have a question in common
    twice = sum(max(0, count - max(1, usual[body])) for body, count in delivered.items())
    unseen = sum(row.billed and not row.written for row in storm.last.requests)
    hidden = max(0, unseen - storm.unknown)
    good = not twice and not hidden
    return Finding(
        name=f"{name}-paid-once",
        promise="Nothing is paid for twice because of an outage; what was billed and never arrived is known and charged.",
        tried=f"the provider's bill of a run in which it {does} for {_OUTAGE_S:.0f} s",
        times=len(delivered),
        happened="No answer was billed more often than on a calm day, and every bill is in the ledger."
        if good
        else f"{twice} answers were billed again, {hidden} were billed and are not in the ledger.",
        grade=Grade.PASS if good and delivered else Grade.FAIL,
        measured=(f"{unseen} billed and never delivered, {storm.unknown} attempts known as such",),
        reproduce=bench.again("outage"),
        advice="" if good else "Leave retries to Roadworthy: set those of an SDK inside a function to 0.",
        clues=() if good else resent(storm.last, storm.sent, twice + hidden),
    )


def _fates(ran: Ran) -> dict[str, tuple[str, Any]]:
    return {str(row["key"]): (str(row["outcome"]), row["value"]) for row in ran.rows}


OUTAGE: Final[Stage[Bench]] = Stage(
    "outage", "Outage", "Does everything come right by itself after the provider was down?", _trial
)
