"""Stage `crash`: the process is killed at named points, the command given again, and everything counted."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from roadworthy._failpoints import POINTS
from roadworthy._quick import quick
from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.cause import remembered
from roadworthy.vet.road.finding import Clue, Finding, Grade, not_tested
from roadworthy.vet.road.left import Left, left_by
from roadworthy.vet.road.picture import Picture, Table
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.steady import unsteady
from roadworthy.vet.road.trial import Attempt, Ran, Trial

_RECORDS: Final = 24
_KILLS: Final = 8
_LATENCY_MS: Final = 15.0
_OPTIONS: Final = ("--concurrency", "8")
# Where the most can be lost comes first; the rest is drawn by the seed.
_FIRST: Final = ("after_send", "outcome_committed", "before_send", "once_ran")
_MEANINGS: Final = {point.name: point.meaning for point in POINTS}


@quick(frozen=True, slots=True)
class Killed:
    """One process that was killed, and what came of the command given again.

    Attributes:
        point: where it died.
        lost: what did not come back as it was without a kill.
        unpaid: what does not add up in money.
        unsound: what contradicted itself in the ledger of the dead process.
        gone: what the app had written itself and is gone.
        clues: what explains what was lost.
    """

    point: str
    count: int
    lost: tuple[str, ...]
    unpaid: tuple[str, ...]
    unsound: tuple[str, ...]
    gone: tuple[str, ...]
    in_flight: int
    clues: tuple[Clue, ...] = ()


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    samples = bench.take(bench.count(_RECORDS, least=6, most=200))
    if not samples:
        yield not_tested("lost", CRASH.question, "The input holds no usable record.")
        return
    script = {"latency_ms": _LATENCY_MS, "latency_spread": 0.5}
    with bench.trial([sample.line for sample in samples], script) as trial:
        place = trial.folder.parent / "census.json"
        calm = trial.run(*_OPTIONS, census=place)
        left = left_by(trial, samples)
        passes = _census(place)
    if calm.status not in {0, 1} or not passes:
        yield not_tested(
            "lost",
            CRASH.question,
            f"The run without kills ended with status {calm.status}: {calm.said[-200:]}",
        )
        return
    killed = [
        found
        for point in _chosen(passes, bench)
        if (found := _kill(bench, point, passes[point], samples, calm, left)) is not None
    ]
    if not killed:
        yield not_tested("lost", CRASH.question, "No kill landed: the run was over before any could.")
        return
    yield from _findings(bench, killed, left)
    yield Table(
        title="Where the process was killed",
        measured=any(one.lost or one.unpaid or one.unsound or one.gone for one in killed),
        head=("point", "what has happened there", "came back"),
        rows=tuple(
            (
                one.point,
                _MEANINGS[one.point],
                "no" if one.lost or one.unpaid or one.unsound or one.gone else "yes",
            )
            for one in killed
        ),
    )


def _census(place: Path) -> Mapping[str, int]:
    return dict(json.loads(place.read_text())) if place.exists() else {}


def _chosen(passes: Mapping[str, int], bench: Bench) -> list[str]:
    """The points to die at, in the order of the table."""
    names = [point.name for point in POINTS if passes.get(point.name)]
    first = [name for name in _FIRST if name in names]
    rest = [name for name in names if name not in first]
    random.Random(bench.seed).shuffle(rest)  # noqa: S311 - which points to try, not a secret
    chosen = set((first + rest)[: bench.count(_KILLS, least=2)])
    return [name for name in names if name in chosen]


def _kill(
    bench: Bench, point: str, passes: int, samples: tuple[Sample, ...], calm: Ran, left: Left
) -> Killed | None:
    """Kill at half of the passes, else at the first one; then the same command again. None: no kill landed."""
    script = {"latency_ms": _LATENCY_MS, "latency_spread": 0.5}
    for count in dict.fromkeys((max(1, passes // 2), 1)):
        with bench.trial([sample.line for sample in samples], script) as trial:
            died = trial.run(*_OPTIONS, failpoint=f"{point}:{count}")
            if died.status != -signal.SIGKILL:
                continue
            unsound = trial.contradictions()
            in_flight = [attempt for attempt in trial.attempts() if attempt.state == "intent"]
            again = trial.run(*_OPTIONS)
            unsound += trial.contradictions()
            lost, other = list(_lost(calm, again)), _otherwise(calm, again, set(unsteady(bench)))
            return Killed(
                point=point,
                count=count,
                lost=(*lost, *other.values()),
                clues=() if lost else remembered(bench, calm, again, other),
                unpaid=tuple(_unpaid(trial, again, calm, in_flight)),
                unsound=unsound,
                gone=left.missing_in(left_by(trial, samples)),
                in_flight=len(in_flight),
            )
    return None


def _lost(calm: Ran, again: Ran) -> Iterator[str]:
    if again.status != calm.status:
        yield f"given again, the command ended with status {again.status}: {again.said[-200:].strip()}"
    if not again.is_whole or again.count("pending"):
        yield f"{again.count('pending')} of {again.count('records')} records are left undone"
    if again.count("records") != calm.count("records"):
        yield f"{again.count('records')} records instead of {calm.count('records')}"


def _otherwise(calm: Ran, again: Ran, unsteady_keys: set[str]) -> dict[str, str]:
    """The records that came to another end than without a kill, each with a line that says so."""
    before = {str(row["key"]): (row["outcome"], row["value"]) for row in calm.rows}
    after = {str(row["key"]): (row["outcome"], row["value"]) for row in again.rows}
    return {
        key: f"{key}: {fate} became {after.get(key)}"[:240]
        for key, fate in before.items()
        if fate != after.get(key) and key not in unsteady_keys
    }


def _unpaid(trial: Trial, again: Ran, calm: Ran, in_flight: list[Attempt]) -> Iterator[str]:
    """Whether anything was bought twice that was not on the wire, and whether the books hold the whole bill."""
    usual = Counter(row.body for row in calm.requests if row.billed)
    bought = Counter(row.body for row in again.requests if row.billed)
    twice = sum(max(0, times - max(1, usual[body])) for body, times in bought.items())
    if twice > len(in_flight):
        yield f"{twice} answers were bought again, {len(in_flight)} were on the wire when it died"
    attempts = trial.attempts()
    settled = {attempt.provider_id.rpartition("-")[2].rpartition("_")[2]: attempt for attempt in attempts}
    for row in again.requests:
        attempt = settled.get(f"{row.body[:16]}{row.n:08x}")
        if (
            attempt is not None
            and attempt.state == "settled"
            and row.cost_usd not in {None, attempt.cost_usd}
        ):
            yield f"attempt {attempt.id} is on the books with {attempt.cost_usd} USD, billed were {row.cost_usd}"
    books = sum((attempt.booked_usd for attempt in attempts), Decimal(0))
    if books < again.billed_usd and all(attempt.provider_id or attempt.cost_usd for attempt in attempts):
        yield f"the books hold {books} USD, the provider billed {again.billed_usd}"


def _shared(clues: list[tuple[Clue, ...]]) -> tuple[Clue, ...]:
    """What explains every one of them."""
    return () if not all(clues) else clues[0] if clues else ()


def _findings(bench: Bench, killed: list[Killed], left: Left) -> Iterator[Finding]:
    points = ", ".join(one.point for one in killed)
    measured = tuple(
        f"{one.point}: at pass {one.count}, {one.in_flight} requests on the wire" for one in killed
    )

    def finding(name: str, promise: str, wrong: list[str], words: tuple[str, str], advice: str) -> Finding:
        return Finding(
            name=name,
            promise=promise,
            tried=f"`kill -9` at {points}; then the same command again",
            times=len(killed),
            happened=words[bool(wrong)],
            grade=Grade.FAIL if wrong else Grade.PASS,
            # Which record it hit is chance: it was in the process when that died.
            measured=(*wrong[:10], *(measured if name == "lost" else ())),
            reproduce=bench.again("crash"),
            advice=advice if wrong else "",
        )

    lost = finding(
        "lost",
        "A process that dies loses nothing: given again, the command ends as if nobody had killed it.",
        [f"{one.point}: {said}" for one in killed for said in one.lost],
        (
            "Every record came to the same end as without a kill.",
            "Records came to another end than without a kill, or the command did.",
        ),
        "Keep nothing in the process that the next one needs: what a step answers, the ledger keeps.",
    )
    yield replace(lost, clues=_shared([one.clues for one in killed if one.lost]))
    yield finding(
        "paid-twice",
        "Nothing that was paid for is bought again, and the books hold what the provider billed.",
        [f"{one.point}: {said}" for one in killed for said in one.unpaid],
        (
            "Only what was on the wire when the process died was asked for again, and is on the books twice.",
            "More was bought again than was on the wire, or the books and the bill differ.",
        ),
        "Ask models through steps alone: what is asked beside them is bought again after every crash.",
    )
    yield finding(
        "ledger",
        "The ledger contradicts itself at no instant, in that of a process that has just died either.",
        [f"{one.point}: {said}" for one in killed for said in one.unsound],
        (
            "Accounts, attempts and records agreed at every death and at every end.",
            "The ledger contradicted itself.",
        ),
        "File an issue: the ledger is Roadworthy's own.",
    )
    promise = "What the app itself writes is there after a crash as it is without one."
    if not left.marks and not left.lines:
        yield not_tested("written", promise, "The app writes no files of its own in its folder.")
        return
    yield finding(
        "written",
        promise,
        [f"{one.point}: {said}" for one in killed for said in one.gone],
        (
            "What the app had written was there again when the command had been given again.",
            "Records that the app writes to its files without a crash are missing there after one.",
        ),
        "Write at once, inside a function marked `once`; what is gathered in memory dies with the process.",
    )


CRASH: Final = Stage("crash", "Crash", "What is lost when the process dies?", _trial)
