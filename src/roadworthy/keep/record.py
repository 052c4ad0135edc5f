"""What a record is in the ledger: as it is kept, as its fate is written, as a line of its input shows it."""

from __future__ import annotations

from operator import attrgetter

import orjson

from roadworthy._quick import quick
from roadworthy.accept.record import Json, Record
from roadworthy.ask.part import storable
from roadworthy.keep.row import RowOf

OUTCOMES = ("accepted", "rejected", "failed", "waiting", "pending")


@quick(frozen=True, slots=True)
class Kept:
    """A record as the ledger holds it.

    Attributes:
        outcome: one of `OUTCOMES`.
        waiting_for: `review`, `budget`, `provider` or `batch` where the outcome is `waiting`, else "".
        stored: its body as the ledger stores it, JSON text with a mark for a text that is kept in pieces; None where it
            was forgotten, never usable, or is still to be read. `run.revive.revived` makes the record's value of it.
        value: the accepted answer as JSON text.
        mended: what deterministic mending the answer needed, "" for none.
        stale_run: the run that found the answer out of date, 0 for none; -1 where it stood at an end and was put back.
        state: the number of the app's state that it was accepted in.
        pieces: how many pieces its text lies in beside the body, which has a mark for it; 0 where the body is whole.
    """

    id: int
    job_id: int
    key: str
    version: int
    line: int
    stored: str | None
    body_hash: bytes
    outcome: str = "pending"
    waiting_for: str = ""
    reason: str = ""
    value: str | None = None
    confidence: float | None = None
    certified: bool = False
    model: str = ""
    mended: str = ""
    attempts: int = 0
    cost_pico: int = 0
    deaths: int = 0
    question_id: int = 0
    stale_run: int = 0
    state: int = 0
    pieces: int = 0

    @property
    def body(self) -> str | None:
        """The cleaned record as JSON text, to be shown; `keep.records.find_whole` has it whole.

        Raises:
            RuntimeError: its text is kept in pieces, and a body with a mark in the text's place is not the record.
        """
        if self.pieces:
            raise RuntimeError(
                f"The text of record {self.id} lies in pieces: read it with find_whole or revived."
            )
        return self.stored

    @classmethod
    def new(cls, job_id: int, record: Record, record_id: int = 0, version: int = 1) -> Kept:
        """The record as it is taken in, or would be where the ledger does not have it."""
        return cls(record_id, job_id, record.key, version, record.line, None, record.body_hash)


@quick(frozen=True, slots=True)
class Fate:
    """Where a record stands now, to be written."""

    outcome: str
    waiting_for: str = ""
    reason: str = ""
    value: str | None = None
    confidence: float | None = None
    certified: bool = False
    model: str = ""
    mended: str = ""
    question_id: int = 0
    state: int = 0

    @classmethod
    def of(cls, kept: Kept) -> Fate:
        """Where a record of the ledger stands."""
        return cls(
            kept.outcome,
            kept.waiting_for,
            kept.reason,
            kept.value,
            kept.confidence,
            kept.certified,
            kept.model,
            kept.mended,
            kept.question_id,
            kept.state,
        )

    def is_of(self, kept: Kept) -> bool:
        """Whether the ledger says this already; whether it is certified is stamped apart, its state is history."""
        return bool(_said(self) == _said(kept))


_said = attrgetter(
    "outcome", "waiting_for", "reason", "value", "confidence", "model", "mended", "question_id"
)
"""What a fate says of a record."""


@quick(frozen=True, slots=True)
class Line:
    """One line of a job's input with the fate of the record behind it."""

    number: int
    kind: str
    record_id: int
    key: str
    outcome: str
    waiting_for: str
    reason: str
    value: str | None
    confidence: float | None
    certified: bool
    model: str
    attempts: int
    cost_pico: int


def json_text(value: Json) -> str:
    """Compact JSON text of a value, storable, keys in order of insertion. Whole numbers of any size survive."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        import json  # noqa: PLC0415 - only for numbers beyond 64 bits, and text that has to be made storable

        return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


_KEPT = RowOf(
    Kept,
    *(int, int, str, int, int, str | None, bytes, str, str, str, str | None, float | int | None, bool),
    *(str, str, int, int, int, int, int, int, int),
)
_LINE = RowOf(Line, int, str, int, str, str, str, str, str | None, float | int | None, bool, str, int, int)

kept_of = _KEPT.read
"""The record in a row of `record`."""
line_of = _LINE.read
"""The line in a row of `page_lines`."""
