"""Where a record stands, as a caller sees it: the fields of an output row."""

from __future__ import annotations

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

    @classmethod
    def of(cls, kept: Kept) -> Standing:
        """From the ledger."""
        accepted = kept.outcome == "accepted" and kept.value is not None
        return cls(
            key=kept.key,
            outcome=kept.outcome,  # type: ignore[arg-type] # the schema's check holds it to these
            value=orjson.loads(kept.value) if accepted and kept.value is not None else None,
            confidence=kept.confidence,
            certified=kept.certified,
            model=kept.model or None,
            attempts=kept.attempts,
            cost_usd=f"{usd(kept.cost_pico):f}",
            reason=kept.reason or None,
            waiting_for=kept.waiting_for or None,
            version=kept.version,
        )


class Feedback(BaseModel):
    """What a person thinks of a record's answer."""

    model_config = {"extra": "forbid"}

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
