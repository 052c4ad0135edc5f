"""The watch over an app's steps at work: readings, warnings that need no label, the alarm on audited labels.

A reading is a stretch of first answers, counted by one process and kept when it is full or the process ends; one that
is killed loses the reading it was at, and nothing else. Each is compared with the earlier ones of the same version
since somebody last cleared the step.
"""

from __future__ import annotations

import math
import string
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from itertools import accumulate, pairwise
from typing import TypeVar

from roadworthy._clock import Clock
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.decide.promise import Promise
from roadworthy.decide.verdict import Accept, Verdict
from roadworthy.keep.alarms import (
    ALARM,
    WARNING,
    Alarm,
    Reading,
    put_reading,
    raise_alarm,
    readings,
    rulings_since,
    standing_alarms,
)
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.certificate import percent
from roadworthy.learn.drift import Drift
from roadworthy.learn.shift import shift_p_value
from roadworthy.run.entry import Step
from roadworthy.run.policy import version_of

R = TypeVar("R")
T = TypeVar("T")

ERRORS, SERVED, ACCEPTED = "errors", "served model", "accepted"
SCORE, LENGTH, LETTERS = "score", "length", "letters"
TESTED = (ACCEPTED, SCORE, LENGTH, LETTERS)  # each gets an equal part of the false warnings that are allowed
COMPARED_MAX = 100  # earlier readings that a new one is compared with
_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_LENGTHS = tuple(2**power for power in range(4, 24))  # bytes
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
_EDGES: Mapping[str, Sequence[float]] = {SCORE: _SCORES, LENGTH: _LENGTHS, LETTERS: _SHARES}
LOOKED_AT_BYTES = 2_000
_LETTERS = string.ascii_letters.encode() + bytes(range(128, 256))  # what is beyond ASCII is mostly letters
_NAMES = {
    ACCEPTED: "the share of answers that are accepted",
    SCORE: "the confidence of answers",
    LENGTH: "the length of records",
    LETTERS: "what records are made of (the share of letters)",
}


@quick(slots=True)
class _Tally:
    """A reading as it grows."""

    version: str
    began_at: float
    answers: int = 0
    accepted: int = 0
    lengths: list[float] = field(default_factory=list)
    letters: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    served: dict[str, list[str]] = field(default_factory=dict)

    def counts(self) -> dict[str, list[int]]:
        """How many values of each kind lie between which edges."""
        kinds = (
            (LENGTH, _LENGTHS, self.lengths),
            (LETTERS, _SHARES, self.letters),
            (SCORE, _SCORES, self.scores),
        )
        return {what: _counted(values, edges) for what, edges, values in kinds if values}


class Watch:
    """What one process sees of an app's steps.

    Args:
        app: the app's name.
        store: its ledger.
        settings: `reading_answers`, `warning_every`.
        clock: when a reading began.
    """

    def __init__(self, app: str, store: Ledger, settings: Settings, clock: Clock) -> None:
        self._app = app
        self._store = store
        self._settings = settings
        self._clock = clock
        self._tallies: dict[str, _Tally] = {}
        self._versions: dict[str, str] = {}
        self._names: dict[tuple[str, str], set[str]] = {}

    def see(self, step: Step[R, T], head: tuple[bytes, int], verdict: Verdict[T], since: int = 0) -> bool:
        """One more first answer; whether the reading is to be kept now.

        Args:
            head: the first `LOOKED_AT_BYTES` of what the step was asked about, as JSON, and how many there are.
            verdict: what came of the answer by the step's rule.
            since: the number of the state since which the step's answers come about as this one's.
        """
        tally = self._tallies.get(step.name)
        if tally is None:
            tally = self._tallies[step.name] = _Tally(f"{self._version(step)} {since}", self._clock.now())
        tally.answers += 1
        text, length = head
        tally.lengths.append(length)
        tally.letters.append(1 - len(text.translate(None, _LETTERS)) / len(text) if text else 1.0)
        changed = False
        if isinstance(verdict, Accept):
            tally.accepted += 1
            if verdict.confidence is not None:
                tally.scores.append(verdict.confidence)
            reply = verdict.valid.reply
            served = reply.served_model
            if served and served not in tally.served.get(reply.model, ()):
                changed = self._is_new_name(step.name, tally, reply.model, served)
        return changed or tally.answers >= self._settings.reading_answers

    def _is_new_name(self, step: str, tally: _Tally, asked: str, served: str) -> bool:
        """Note who answered, the first time in this reading; whether this process has seen others before."""
        tally.served.setdefault(asked, []).append(served)
        known = self._names.setdefault((step, asked), set())
        changed = bool(known) and served not in known
        known.add(served)
        return changed

    def _version(self, step: Step[R, T]) -> str:
        if step.name not in self._versions:
            self._versions[step.name] = version_of(step)
        return self._versions[step.name]

    async def keep(self, step: str) -> list[str]:
        """Keep the reading of a step that is full; what is raised because of it, in words that were not told yet."""
        tally = self._tallies.pop(step, None)
        if tally is None:
            return []
        return await self._store.write(lambda tx: self._keep(tx, step, tally))

    def keep_all(self) -> list[str]:
        """Keep every reading, full or not: the work ends."""
        tallies, self._tallies = self._tallies, {}
        if not tallies:
            return []
        return self._store.write_now(
            lambda tx: [words for step, tally in tallies.items() for words in self._keep(tx, step, tally)]
        )

    def _keep(self, tx: Transaction, step: str, tally: _Tally) -> list[str]:
        reading = Reading(
            step, tally.version, tally.began_at, tally.answers, tally.accepted, tally.counts(), tally.served
        )
        earlier = readings(tx, self._app, step, COMPARED_MAX)
        put_reading(tx, self._app, reading)
        found = [
            (SERVED, f"{asked} was answered by {before}, now by {now}")
            for asked, before, now in renamed(earlier, reading)
        ]
        found += shifted(earlier, reading, 1 / self._settings.warning_every)
        return [
            f"{step}: {words}"
            for what, words in found
            if raise_alarm(tx, self._app, step, WARNING, what, words)
            and what != SERVED  # whoever bought the answer has told that
        ]


def renamed(earlier: Sequence[Reading], reading: Reading) -> list[tuple[str, str, str]]:
    """(asked, before, now) for each model behind which another one answers than in the newest readings before."""
    last: dict[str, str] = {}
    for before in reversed(earlier):
        for asked, names in before.served.items():
            last[asked] = names[-1]
    found = []
    for asked, names in reading.served.items():
        chain = [*([last[asked]] if asked in last else []), *names]
        found += [(asked, before, now) for before, now in pairwise(chain) if before != now]
    return found[:1]


def shifted(earlier: Iterable[Reading], reading: Reading, chance: float) -> list[tuple[str, str]]:
    """What of a reading is not distributed as in earlier ones of its version: (what, words).

    While nothing changes, the expected number of false findings of one reading is at most `chance`: each of the tests
    is exact, and has an equal part of it.
    """
    same = [before for before in earlier if before.version == reading.version]
    found = []
    for what in TESTED:
        before, now = _pooled(same, what), _bins(reading, what)
        if not before or not now or len(before) != len(now):
            continue
        if shift_p_value(before, now) > chance / len(TESTED):
            continue
        was, is_now = _moved(what, before, now)
        found.append((what, f"{_NAMES[what]} changed: {was} before, {is_now} in the last {sum(now):,}"))
    return found


def raise_alarms(store: Ledger, app: str, promises: Mapping[str, Promise], settings: Settings) -> list[str]:
    """Look at what people ruled since somebody last cleared each step; raise what is to be raised. In words."""
    labels = store.read(lambda tx: {step: rulings_since(tx, app, step) for step in promises})
    found = {
        step: words
        for step, promise in promises.items()
        if (words := alarm_words(labels[step], promise.max_error, settings.alarm_every))
    }
    if not found:
        return []
    return store.write_now(
        lambda tx: [
            f"{step}: {words}"
            for step, words in found.items()
            if raise_alarm(tx, app, step, ALARM, ERRORS, words)
        ]
    )


def alarm_words(labels: Sequence[bool], max_error: float, every: float) -> str:
    """Why there is an alarm, if there ever was one in these labels; "" for none.

    Args:
        labels: whether each audited answer was ruled wrong, in the order of the rulings.
    """
    drift = Drift(max_error, every)
    for number, wrong in enumerate(labels, 1):
        if drift.see(wrong=wrong):
            caught = sum(labels[:number])
            return (
                f"{caught} of {number} audits were ruled wrong: more than {percent(max_error)} of the answers are wrong by "
                "now; everything goes to review until a person clears it"
            )
    return ""


def standing(store: Ledger, app: str) -> dict[str, list[Alarm]]:
    """What was raised and nobody has cleared, by step."""
    found: dict[str, list[Alarm]] = {}
    for alarm in store.read(lambda tx: standing_alarms(tx, app)):
        found.setdefault(alarm.step, []).append(alarm)
    return found


def _counted(values: Iterable[float], edges: Sequence[float]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[bisect(edges, value)] += 1
    return counts


def _bins(reading: Reading, what: str) -> list[int]:
    if what == ACCEPTED:
        return [reading.answers - reading.accepted, reading.accepted]
    return list(reading.counts.get(what, ()))


def _pooled(earlier: Sequence[Reading], what: str) -> list[int]:
    rows = [row for reading in earlier if (row := _bins(reading, what))]
    return [sum(column) for column in zip(*rows, strict=False)]


def _moved(what: str, before: Sequence[int], now: Sequence[int]) -> tuple[str, str]:
    """What it was and what it is, in words: the middle, or the share below the edge where most moved past it."""
    if what == ACCEPTED:
        return f"{before[1] / sum(before):.1%}", f"{now[1] / sum(now):.1%}"
    edges = _EDGES[what]
    was, is_now = _middle(edges, before), _middle(edges, now)
    if was != is_now:
        return was, is_now
    below_before, below_now = _shares_below(before), _shares_below(now)
    apart = [abs(old - new) for old, new in zip(below_before, below_now, strict=True)]
    place = apart.index(max(apart))
    return f"{below_before[place]:.1%} below {edges[place]:g}", f"{below_now[place]:.1%}"


def _shares_below(bins: Sequence[int]) -> list[float]:
    """For each edge, the share of what lies below it."""
    return [count / sum(bins) for count in list(accumulate(bins))[:-1]]


def _middle(edges: Sequence[float], bins: Sequence[int]) -> str:
    """The bin in the middle, in words."""
    half, seen = sum(bins) / 2, 0
    for place, count in enumerate(bins):
        seen += count
        if seen >= half:
            low = edges[place - 1] if place else 0
            high = edges[place] if place < len(edges) else math.inf
            return f"median from {low:g} to {high:g}"
    return "nothing"
