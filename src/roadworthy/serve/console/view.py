"""What the pages show, read from the ledger: plain values, ready to be written out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import orjson

from roadworthy._quick import quick
from roadworthy.call.price import usd
from roadworthy.keep.records import fates
from roadworthy.keep.transaction import Transaction, as_float, as_int, as_text

_RUNS: Final = 50
RECORDS: Final = 50
_QUOTE_CHARS_MIN: Final = 3


@quick(frozen=True, slots=True)
class RunRow:
    """One run."""

    id: int
    entry: str
    job: str
    job_id: int
    began: str
    ended: str
    took: str
    status: str
    going: bool
    did: dict[str, Any]


@quick(frozen=True, slots=True)
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
    value: str
    reason: str


@quick(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records are looked for; what is empty is not looked at.

    Attributes:
        key: what the key begins with.
        words: what the record, its answer or its reason hold.
        job: the job's number, 0 for all.
        before: only records with a smaller number: the next page.
    """

    key: str = ""
    words: str = ""
    outcome: str = ""
    waiting: str = ""
    entry: str = ""
    job: int = 0
    before: int = 2**62


@quick(frozen=True, slots=True)
class Questions:
    """What waits for one kind of person.

    Attributes:
        who: who is asked, in words.
        since: the oldest question.
    """

    step: str
    who: str
    count: int
    since: str


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


def questions(tx: Transaction, app: str) -> list[Questions]:
    """What waits for whom."""
    return [
        Questions(as_text(step), _who(as_text(kind), as_int(reader)), as_int(count), moment(as_float(since)))
        for step, kind, reader, count, since in tx.rows("open_questions", app=app)
    ]


def _who(kind: str, reader: int) -> str:
    if kind == "audit":
        return ("a reviewer: audits", "a second reader: audits", "a third person: readers who disagree")[
            min(reader, 2)
        ]
    return {
        "doubt": "a reviewer: doubtful answers",
        "approval": "who approves",
        "gate": "a reviewer: two versions",
    }.get(kind, kind)


def runs(tx: Transaction, app: str, is_alive: Callable[[int], bool]) -> list[RunRow]:
    """The newest runs.

    Args:
        is_alive: whether the process of this number still works.
    """
    found = []
    for number, entry, job, began, ended, status, cancelled, summary, owner, job_id in tx.rows(
        "recent_runs", app=app, count=_RUNS
    ):
        going = ended is None and is_alive(as_int(owner))
        words = {0: "done", 1: "some failed", 3: "stopped", 130: "interrupted"}.get(
            as_int(status or 0), "ended"
        )
        if ended is None:
            words = "runs" if going else "cut off"
        if cancelled is not None:
            words = f"cancelled by {as_text(cancelled)}"
        found.append(
            RunRow(
                as_int(number),
                as_text(entry),
                as_text(job),
                as_int(job_id),
                moment(as_float(began)),
                "" if ended is None else moment(as_float(ended)),
                "" if ended is None else lasted(as_float(ended) - as_float(began)),
                words,
                going,
                orjson.loads(as_text(summary)) if summary is not None else {},
            )
        )
    return found


def progress(tx: Transaction, run: RunRow) -> tuple[int, int]:
    """(records of a run's job that are through, all of them)."""
    outcomes, _ = fates(tx, run.job_id)
    return sum(outcomes.values()) - outcomes["pending"], sum(outcomes.values())


def records(tx: Transaction, app: str, wanted: Wanted, count: int = RECORDS) -> list[RecordRow]:
    """A page of records, newest first."""
    rows = tx.rows(
        "search_records",
        app=app,
        before=wanted.before,
        outcome=wanted.outcome,
        entry=wanted.entry,
        waiting=wanted.waiting,
        job_id=wanted.job,
        pattern=f"{_literal(wanted.key)}%" if wanted.key else "",
        words=f"%{_literal(wanted.words)}%" if wanted.words else "",
        count=count,
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
            as_text(row[11]),
            as_text(row[12]),
        )
        for row in rows
    ]


def _literal(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def lasted(seconds: float) -> str:
    """A length of time, as short as it can be said."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


def moment(at: float) -> str:
    """A time in UTC, to the second."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def marked(value: object, answer: object) -> list[tuple[str, bool]]:
    """A source cut into pieces, each with whether the answer quotes it. Quotes are the answer's texts, longest first."""
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
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
