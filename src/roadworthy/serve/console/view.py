"""What the pages show, read from the ledger: plain values, ready to be written out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import orjson

from roadworthy.call.price import usd
from roadworthy.keep.attempts import scopes_of
from roadworthy.keep.transaction import Transaction, as_float, as_int, as_text, text_or_none

_RUNS: Final = 50
_RECORDS: Final = 50
_DAYS: Final = 30
_VERSIONS: Final = 50
_QUOTE_CHARS_MIN: Final = 3


@dataclass(frozen=True, slots=True)
class Money:
    """The app's account of this period."""

    spent: Decimal
    reserved: Decimal
    limit: Decimal | None

    @property
    def share(self) -> float | None:
        """How much of the cap is spent or promised, 0 to 1."""
        return None if not self.limit else float(min(Decimal(1), (self.spent + self.reserved) / self.limit))


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run."""

    id: int
    entry: str
    job: str
    began: str
    ended: str
    status: str
    did: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record in a list."""

    id: int
    key: str
    entry: str
    outcome: str
    waiting_for: str
    confidence: float | None
    certified: bool
    model: str
    attempts: int
    cost: Decimal
    changed: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What one step asked of one model."""

    step: str
    model: str
    attempts: int
    cost: Decimal
    tokens_in: int
    tokens_out: int
    cached: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a step's prompt, with the text behind it."""

    step: str
    version: str
    seen: str
    models: list[str]
    instructions: str


def money(tx: Transaction, app: str, period: str) -> Money:
    """What is spent of the app's budget."""
    account = tx.account(scopes_of(app, period, 0)[1])
    limit = None if account.limit_pico is None else usd(account.limit_pico)
    return Money(usd(account.spent_pico), usd(account.reserved_pico), limit)


def standing(tx: Transaction, app: str) -> list[tuple[str, str, str, int]]:
    """(entry, outcome, what it waits for, how many)."""
    return [
        (as_text(entry), as_text(outcome), as_text(waiting), as_int(count))
        for entry, outcome, waiting, count in tx.rows("app_fates", app=app)
    ]


def queue_length(tx: Transaction, app: str) -> int:
    """How many questions wait for a person."""
    row = tx.row("queue_length", app=app)
    return 0 if row is None else as_int(row[0])


def runs(tx: Transaction, app: str) -> list[RunRow]:
    """The newest runs."""
    found = []
    for number, entry, job, began, ended, status, cancelled, summary in tx.rows(
        "recent_runs", app=app, count=_RUNS
    ):
        words = (
            "runs"
            if ended is None
            else {0: "done", 1: "some failed", 3: "stopped"}.get(as_int(status or 0), "ended")
        )
        if cancelled is not None:
            words = f"cancelled by {as_text(cancelled)}"
        found.append(
            RunRow(
                as_int(number),
                as_text(entry),
                as_text(job),
                moment(as_float(began)),
                "" if ended is None else moment(as_float(ended)),
                words,
                orjson.loads(as_text(summary)) if summary is not None else {},
            )
        )
    return found


def records(
    tx: Transaction, app: str, *, key: str = "", outcome: str = "", entry: str = "", before: int = 2**62
) -> list[RecordRow]:
    """A page of records, newest first."""
    pattern = key.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%" if key else ""
    rows = tx.rows(
        "search_records",
        app=app,
        before=before,
        outcome=outcome,
        entry=entry,
        pattern=pattern,
        count=_RECORDS,
    )
    return [
        RecordRow(
            as_int(row[0]),
            as_text(row[1]),
            as_text(row[2]),
            as_text(row[3]),
            as_text(row[4]),
            None if row[5] is None else as_float(row[5]),
            bool(row[6]),
            as_text(row[7]),
            as_int(row[8]),
            usd(as_int(row[9])),
            moment(as_float(row[10])),
        )
        for row in rows
    ]


def cost_by_step(tx: Transaction, app: str) -> list[Spent]:
    """What was asked, dearest first."""
    return [
        Spent(as_text(row[0]), as_text(row[1]), as_int(row[2]), usd(as_int(row[3])), *map(as_int, row[4:]))
        for row in tx.rows("cost_by_step", app=app)
    ]


def cost_by_day(tx: Transaction, app: str) -> list[tuple[str, int, Decimal]]:
    """(day, attempts, cost), oldest first."""
    rows = tx.rows("cost_by_day", app=app, count=_DAYS)
    day_one = dt.date(1970, 1, 1)
    return [
        ((day_one + dt.timedelta(days=as_int(day))).isoformat(), as_int(count), usd(as_int(cost)))
        for day, count, cost in reversed(rows)
    ]


def versions(tx: Transaction, app: str) -> list[Version]:
    """Every version of every prompt, newest first."""
    found = []
    for step, version, spec, seen in tx.rows("app_versions", app=app, count=_VERSIONS):
        said = orjson.loads(text_or_none(spec) or "{}")
        found.append(
            Version(
                as_text(step),
                as_text(version),
                moment(as_float(seen)),
                [str(model) for model in said.get("models", [])],
                str(said.get("instructions", "")),
            )
        )
    return found


def moment(at: float) -> str:
    """A time in UTC, to the second."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def marked(text: str, answer: object) -> list[tuple[str, bool]]:
    """A source cut into pieces, each with whether the answer quotes it. Quotes are the answer's texts, longest first."""
    spans: list[tuple[int, int]] = []
    for quote in sorted(set(_texts(answer)), key=len, reverse=True):
        start = text.find(quote)
        if start >= 0 and all(start + len(quote) <= a or start >= b for a, b in spans):
            spans.append((start, start + len(quote)))
    pieces, at = [], 0
    for start, end in sorted(spans):
        pieces += [(text[at:start], False), (text[start:end], True)]
        at = end
    pieces.append((text[at:], False))
    return [piece for piece in pieces if piece[0]]


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if len(value) >= _QUOTE_CHARS_MIN else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]
