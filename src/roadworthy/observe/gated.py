"""What a gate says: of a candidate in shadow, in words and figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import orjson

from roadworthy._quick import quick
from roadworthy.keep.gates import GO_ON, INCUMBENT, PROMOTE, KeptGate, gates
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.certificate import percent

_SAID = {"promote": "promote", "reject": "reject", GO_ON: "not yet"}


@quick(frozen=True, slots=True, kw_only=True)
class Gated:
    """A gate as it stands.

    Attributes:
        old: the version that runs, `new` the candidate's.
        delta: the chance of a wrong ruling that it spends.
        ruling: `promote`, `reject` or `go on`.
        records: pairs that count: up to the first difference that nobody has ruled on.
        alike: those on which both say the same.
        new_right: differences on which the candidate alone is right; `old_right` the other way round.
        waiting: differences that wait for a person.
        rulings_likely: how many more rulings it likely wants; None where that is farther than one looks.
        records_likely: the same in records, those on which both say the same included.
        in_shadow: records of the shadow job.
        unbought: whether the candidate has not answered all of them.
        interrupted: whether someone stopped the shadow run.
        applied: the state that made it the one that runs; 0 for none.
    """

    gate: int
    step: str
    old: str
    new: str
    number: int
    margin: float
    delta: float
    ruling: str
    applied: int = 0
    records: int = 0
    alike: int = 0
    new_right: int = 0
    old_right: int = 0
    both_right: int = 0
    both_wrong: int = 0
    waiting: int = 0
    rulings_likely: int | None = 0
    records_likely: int | None = 0
    in_shadow: int = 0
    unbought: bool = False
    interrupted: bool = False
    attempts: int = 0
    reused: int = 0
    cost_usd: Decimal = Decimal(0)
    job_cost_usd: Decimal = Decimal(0)
    budget_usd: Decimal | None = None
    stopped: str = ""

    @classmethod
    def of(cls, kept: KeptGate) -> Gated:
        """A gate of the ledger, with the figures it was ruled from."""
        figures: dict[str, Any] = orjson.loads(kept.figures)
        return cls(
            gate=kept.id,
            step=kept.test.step,
            old=kept.test.old,
            new=kept.test.new,
            number=kept.number,
            margin=kept.test.margin,
            delta=kept.delta,
            ruling=kept.ruling,
            applied=kept.applied,
            **figures,
        )

    def figures(self) -> dict[str, int]:
        """What the ruling stands on."""
        names = ("records", "alike", "new_right", "old_right", "both_right", "both_wrong", "in_shadow")
        return {name: getattr(self, name) for name in names}

    def as_json(self) -> dict[str, object]:
        """Flat JSON; money as text with every digit."""
        found = {name: f"{v:f}" if isinstance(v, Decimal) else v for name, v in asdict(self).items()}
        return found | {"ruling": _SAID[self.ruling]}

    def lines(self) -> Iterator[str]:
        """In words."""
        yield (
            f"{self.step}: candidate {self.new} against {self.old}: {_SAID[self.ruling]}"
            + (f", applied in state {self.applied}" if self.applied else "")
        )
        yield (
            f"  worse by at most {percent(self.margin)} of records, with confidence {1 - self.delta:.1%} "
            f"(candidate {self.number} against this version)"
        )
        differ = self.records - self.alike
        yield (
            f"  {self.records:,} of {self.in_shadow:,} records in shadow count: {self.alike:,} answered alike, {differ} "
            f"not: the candidate alone is right on {self.new_right}, the other on {self.old_right}, both on "
            f"{self.both_right}, neither on {self.both_wrong}"
        )
        if self.ruling == GO_ON:
            yield from self._further()

    def _further(self) -> Iterator[str]:
        if self.waiting:
            yield f"  {self.waiting} differences wait for a person: roadworthy review APP"
        if self.rulings_likely is None or self.records_likely is None:
            yield "  likely to go on for longer than one looks ahead: the two differ too often to tell them apart soon"
        else:
            yield f"  likely wanted: {self.rulings_likely} more rulings, over {self.records_likely:,} more records"
        if self.unbought:
            yield f"  not all records are answered in shadow ({self.stopped or 'a provider is silent'}); the same command goes on"


def gated(tx: Transaction, app: str) -> list[Gated]:
    """The gates of an app, newest first."""
    return [Gated.of(kept) for kept in gates(tx, app) if kept.ruling != INCUMBENT]


def short(gate: Gated) -> str:
    """One line for a report."""
    state = f", applied in state {gate.applied}" if gate.applied else ""
    wants = ", not applied: learn --candidate FILE --apply" if gate.ruling == PROMOTE and not state else state
    return f"gate: {gate.step}: candidate {gate.new} against {gate.old}: {_SAID[gate.ruling]}{wants}"
