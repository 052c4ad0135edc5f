"""Where a record stands, as a caller sees it: the fields of an output row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field

from roadworthy.call.price import usd
from roadworthy.keep.record import Kept


class Standing(BaseModel):
    """Where one record stands."""

    key: str
    outcome: Literal["accepted", "rejected", "failed", "waiting", "pending"]
    value: Any = Field(None, description="The answer, where it is accepted.")
    confidence: float | None = None
    certified: bool = False
    model: str | None = None
    attempts: int = 0
    cost_usd: str = Field("0", description="What all attempts for this record have cost so far, exact.")
    reason: str | None = None
    waiting_for: str | None = Field(None, description="`review`, `budget`, `provider` or `batch`.")
    version: int = 1


def standing_json(kept: Kept) -> bytes:
    """The same as JSON, without a model in between: what is in it comes from the ledger, and records come by the thousand."""
    return orjson.dumps(_fields(kept, value=True))


def standing_without_answer(kept: Kept) -> dict[str, Any]:
    """The same for whoever is told the answer elsewhere."""
    return _fields(kept, value=False)


def _fields(kept: Kept, *, value: bool) -> dict[str, Any]:
    answer = kept.value if value and kept.outcome == "accepted" else None
    said: dict[str, Any] = {"key": kept.key, "outcome": kept.outcome}
    if value:
        said["value"] = None if answer is None else orjson.Fragment(answer)
    return said | {
        "confidence": kept.confidence,
        "certified": kept.certified,
        "model": kept.model or None,
        "attempts": kept.attempts,
        "cost_usd": f"{usd(kept.cost_pico):f}",
        "reason": kept.reason or None,
        "waiting_for": kept.waiting_for or None,
        "version": kept.version,
    }


def _with_answer(schema: dict[str, Any]) -> None:
    """`wrong` comes with the right answer, and nothing else does."""
    wrong = {"properties": {"ruling": {"const": "wrong"}, "answer": {"not": {"type": "null"}}}}
    other = {"properties": {"ruling": {"enum": ["right", "reject"]}, "answer": {"type": "null"}}}
    schema["oneOf"] = [{**wrong, "required": ["ruling", "answer"]}, {**other, "required": ["ruling"]}]


class Feedback(BaseModel):
    """What a person thinks of a record's answer."""

    model_config = {"extra": "forbid", "json_schema_extra": _with_answer}

    ruling: Literal["right", "wrong", "reject"]
    answer: Any = Field(None, description="With `wrong`: the right answer.")
    note: str = Field("", max_length=2_000)


class JobStanding(BaseModel):
    """Where the records of one job stand."""

    job: int
    entry: str
    name: str
    records: int
    accepted: int
    rejected: int
    failed: int
    waiting: dict[str, int]
    pending: int


def job_standing(
    job: int, entry: str, name: str, outcomes: Mapping[str, int], waiting: dict[str, int]
) -> JobStanding:
    """The same from what was counted: by outcome, and of those that wait by what for."""
    counts = {outcome: outcomes[outcome] for outcome in ("accepted", "rejected", "failed", "pending")}
    return JobStanding(
        job=job, entry=entry, name=name, records=sum(outcomes.values()), waiting=waiting, **counts
    )
