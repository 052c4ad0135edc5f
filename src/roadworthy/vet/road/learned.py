"""What the team's own ledger teaches the simulated provider: answers, latency, errors and tokens of each model.

The ledger is copied through SQLite's own backup, read-only; a copy is what is opened.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any, Final

import orjson

from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._quick import quick
from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.transaction import Row, as_int, as_text
from roadworthy.vet.recording import FINISH_REASONS
from roadworthy.vet.road.declared import Declared

EXPERIENCE_MIN: Final = 20
"""Attempts of a model below which its latency and errors are not believed."""
_PAGE: Final = 2_000
_ATTEMPTS_MAX: Final = 200_000
_ANSWERED: Final = ("ok", "empty", "truncated")
# The trouble of the simulated provider that ends an attempt as the ledger's row did.
_TROUBLE: Final[Mapping[str, str]] = {"throttled": "429_bare", "transient": "500", "unknown": "cut"}


@quick(frozen=True, slots=True, kw_only=True)
class Experience:
    """One model, as the ledger knows it.

    Attributes:
        attempts: rows that it rests on.
        latency_ms: median until the whole answer was there.
        latency_spread: sigma of the log-normal law of the latency.
        faults: rates of trouble by kind.
        input_tokens: mean of an answered attempt.
        output_tokens: the same.
    """

    attempts: int
    latency_ms: float
    latency_spread: float
    faults: Mapping[str, float]
    input_tokens: float
    output_tokens: float

    def text(self) -> str:
        """One line."""
        troubles = ", ".join(f"{kind} {rate:.1%}" for kind, rate in self.faults.items()) or "no trouble"
        return (
            f"{self.attempts} attempts: median {self.latency_ms:.0f} ms, {self.input_tokens:.0f} tokens in, "
            f"{self.output_tokens:.0f} out, {troubles}"
        )


@quick(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a ledger taught.

    Attributes:
        answers: rows of recorded answers; see `vet.recording`.
        keys: the records that have some.
        models: experience by the model's name on the wire.
    """

    answers: tuple[Mapping[str, object], ...] = ()
    keys: frozenset[str] = frozenset()
    models: Mapping[str, Experience] = field(default_factory=dict)


def learn(declared: Declared, scratch: Path) -> Learned:
    """Read the team's ledger, where there is one that can be read; nothing is learned from one in Postgres yet."""
    named = declared.named_ledger
    place = Path(named).resolve()
    if "://" in named or not place.is_file():
        return Learned()
    try:
        store = open_ledger(str(_copied(place, scratch / "learned.db")), DEFAULTS)
    except (sqlite3.Error, WrongUse, LedgerUnavailable):
        return Learned()
    try:
        attempts = list(_rows(store, "export_attempts", declared.app, _ATTEMPTS_MAX))
        texts = {
            (as_text(row[2]), as_text(row[3])): _text(as_text(row[9]))
            for row in _rows(store, "export_records", declared.app, _ATTEMPTS_MAX)
            if row[9] is not None
        }
    finally:
        store.close()
    return _gathered(declared, attempts, texts)


def _copied(place: Path, to: Path) -> Path:
    with (
        closing(sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True)) as theirs,
        closing(sqlite3.connect(to)) as ours,
    ):
        theirs.backup(ours)
    return to


def _rows(store: Ledger, query: str, app: str, most: int) -> Iterator[Row]:
    after = count = 0
    while count < most and (
        page := store.read(lambda tx: tx.rows(query, app=app, job_id=0, after=after, count=_PAGE))  # noqa: B023 - read at once
    ):
        yield from page
        count += len(page)
        after = as_int(page[-1][0])


def _text(body: str) -> str:
    """The longest text of a record: most prompts hold it as it is, so that the question is recognised by it."""
    said = orjson.loads(body)
    values = said.values() if isinstance(said, dict) else [said]
    return max((value for value in values if isinstance(value, str)), key=len, default="")


def _gathered(declared: Declared, attempts: Sequence[Row], texts: Mapping[tuple[str, str], str]) -> Learned:
    ids = {model.name: model.id for model in declared.models if not model.is_function}
    rows: dict[str, list[Row]] = defaultdict(list)
    replies: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    keys = set()
    for row in attempts:
        model = ids.get(as_text(row[6]))
        if model is None:
            continue
        rows[model].append(row)
        text = "" if row[3] is None else texts.get((as_text(row[2]), as_text(row[3])), "")
        if text and row[22] is not None and row[10] in _ANSWERED:
            finish = row[21] if row[21] in FINISH_REASONS else "stop"
            reply = {"$reply": {"content": as_text(row[22]), "finish_reason": finish}}
            replies[text][model].append(reply)
            keys.add(as_text(row[3]))
    return Learned(
        answers=tuple(
            {
                "id": str(number),
                "text": text,
                "answers": {model: {"$turns": turns} for model, turns in models.items()},
            }
            for number, (text, models) in enumerate(replies.items(), 1)
        ),
        keys=frozenset(keys),
        models={model: _experience(found) for model, found in rows.items() if len(found) >= EXPERIENCE_MIN},
    )


def _experience(rows: Sequence[Row]) -> Experience:
    answered = [row for row in rows if row[10] == "ok"]
    latencies = [float(row[18]) for row in answered if isinstance(row[18], int | float) and row[18] > 0]
    logs = [math.log(latency) for latency in latencies]
    faults = {kind: sum(row[10] == ending for row in rows) / len(rows) for ending, kind in _TROUBLE.items()}
    return Experience(
        attempts=len(rows),
        latency_ms=1_000 * median(latencies) if latencies else 0.0,
        latency_spread=round(pstdev(logs), 3) if len(logs) > 1 else 0.0,
        faults={kind: rate for kind, rate in faults.items() if rate},
        input_tokens=fmean([as_int(row[13] or 0) for row in answered]) if answered else 0.0,
        output_tokens=fmean([as_int(row[14] or 0) for row in answered]) if answered else 0.0,
    )
