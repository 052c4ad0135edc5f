"""What an input will ask of people: audits, second readings, doubtful answers, and what their time costs.

Audits are drawn by a coin, so their number is binomial. How many answers are doubtful nobody knows before some were
asked; the share among the job's answered records stands for it, with its Wilson interval.
"""

from __future__ import annotations

import math
from typing import Any

from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.decide.promise import Promise
from roadworthy.keep.transaction import Transaction, as_int
from roadworthy.learn.certificate import Terms, clean_answers_needed, clean_audits_needed, percent, share_for
from roadworthy.learn.claim import Claim
from roadworthy.observe.certified import claim_for, delta_of
from roadworthy.observe.report import wilson
from roadworthy.run.entry import Entry, Step
from roadworthy.run.plan import Plan

_Z = 1.959964
EXPERIENCE_MIN = 10  # answered records from which the share of doubtful ones is taken


@quick(frozen=True, slots=True)
class Path:
    """How far a step with a promise is from its certificate.

    Attributes:
        share: the audit share.
        needed: accepted answers that certify it when every audit finds them right; `checked` of them by a person.
        so_far: accepted in the newest epoch.
        coming: what this input may add at most.
        enough: the smallest audit share that would do with these; None where the share of today does.
    """

    step: str
    max_error: float
    share: float
    needed: int
    checked: int
    so_far: int
    coming: int
    state: str
    enough: float | None

    @property
    def sentence(self) -> str:
        """In words."""
        said = (
            f"{self.step}: {self.needed:,} clean answers are needed before it can be certified for {percent(self.max_error)}, "
            f"about {self.checked:,} of them checked ({self.share:.1%}) and none found wrong; "
        )
        have = f"{self.so_far:,} are accepted so far, this input brings at most {self.coming:,}"
        if self.state == "certified":
            return said + f"{have}. It is certified now"
        if self.enough is None:
            return said + f"{have}: that can be enough"
        if self.enough < 1:
            return said + f"{have}: not enough. audit_share={self.enough:.3f} could do"
        return said + f"{have}: not enough, whatever is audited"

    def as_json(self) -> dict[str, object]:
        """Flat JSON."""
        plain = {name: getattr(self, name) for name in ("max_error", "so_far", "coming", "state", "sentence")}
        return plain | {
            "audit_share": self.share,
            "clean_answers_needed": self.needed,
            "clean_audits_needed": self.checked,
            "audit_share_enough": self.enough,
        }


@quick(frozen=True, slots=True, kw_only=True)
class People:
    """Rulings that people will have to give. Each triple is low, likely, high with 95 % confidence.

    Attributes:
        review_usd: what one ruling costs.
        audits: answers that the coin picks, when all are accepted.
        second: of those, put to a second reader as well.
        doubtful: answers that no model is sure enough of; None before `EXPERIENCE_MIN` records were answered.
        waiting: questions that wait for a person in the whole app now; not in the other figures.
        paths: one for each step with a promise.
    """

    review_usd: float
    audits: tuple[float, float, float]
    second: float
    doubtful: tuple[float, float, float] | None
    waiting: int
    paths: tuple[Path, ...]

    @property
    def rulings(self) -> tuple[float, float, float]:
        """Everything together."""
        doubtful = self.doubtful or (0.0, 0.0, 0.0)
        low, likely, high = (audits + more for audits, more in zip(self.audits, doubtful, strict=True))
        return low, likely + self.second, high + self.second

    @property
    def cost_usd(self) -> tuple[float, float, float]:
        """What the rulings cost."""
        low, likely, high = self.rulings
        return low * self.review_usd, likely * self.review_usd, high * self.review_usd

    def as_json(self) -> dict[str, object]:
        """JSON: numbers of rulings, dollars as text with cents."""
        low, likely, high = (f"{cost:.2f}" for cost in self.cost_usd)
        return {
            "review_usd": self.review_usd,
            "audits": _triple(self.audits),
            "second_readings": round(self.second, 1),
            "doubtful": None if self.doubtful is None else _triple(self.doubtful),
            "rulings": _triple(self.rulings),
            "cost_usd": {"low": low, "likely": likely, "high": high},
            "waiting": self.waiting,
        }

    def lines(self) -> list[str]:
        """What a person reads; nothing where nobody is asked anything."""
        parts = []
        if self.paths:
            low, likely, high = self.audits
            parts.append(f"{likely:,.0f} audits ({low:,.0f} to {high:,.0f})")
        if self.second >= 1:
            parts.append(f"{self.second:,.0f} second readings")
        if self.doubtful is None:
            parts.append("doubtful ones not known yet (--sample 50 tells)")
        elif self.doubtful[2]:
            low, likely, high = self.doubtful
            parts.append(f"{likely:,.0f} doubtful ({low:,.0f} to {high:,.0f})")
        said = []
        if parts:
            low, likely, high = self.cost_usd
            cost = f" {likely:,.2f} USD, between {low:,.2f} and {high:,.2f}," if high else ""
            said.append(
                f"people: {', '.join(parts)};{cost} at {self.review_usd:g} USD a ruling (setting review_usd)"
            )
        if self.waiting:
            said.append(f"  {self.waiting:,} questions wait for a person already")
        return said + [f"  {path.sentence}" for path in self.paths]


def forecast_people(
    tx: Transaction,
    plan: Plan,
    settings: Settings,
    entry: Entry[Any, Any],
    *,
    job_id: int | None,
    to_ask: int,
) -> People:
    """What `to_ask` more answers will ask of people, as the ledger stands.

    Each step with a promise is taken to answer once a record, and every answer to be accepted: so audits are an
    upper estimate.
    """
    steps = [entry] if isinstance(entry, Step) else plan.steps
    promised = [(step.name, step.promise) for step in steps if step.promise is not None]
    shares = [promise.share(settings.audit_share) for _, promise in promised]
    mean = sum(to_ask * share for share in shares)
    spread = _Z * math.sqrt(sum(to_ask * share * (1 - share) for share in shares))
    queue = tx.row("queue_length", app=plan.name)
    waiting = as_int(queue[0]) if queue else 0
    return People(
        review_usd=settings.review_usd,
        audits=(max(0.0, mean - spread), mean, min(float(to_ask * len(shares)), mean + spread)),
        second=mean * min(1.0, settings.second_reader_share),
        doubtful=_doubtful(tx, job_id, to_ask, people=any(step.rule.people for step in steps)),
        waiting=waiting,
        paths=tuple(
            _path(claim_for(tx, plan.name, name, promise, settings), promise, settings, to_ask)
            for name, promise in promised
        ),
    )


def _doubtful(
    tx: Transaction, job_id: int | None, to_ask: int, *, people: bool
) -> tuple[float, float, float] | None:
    if not people or not to_ask:
        return 0.0, 0.0, 0.0
    answered = doubts = 0
    if job_id is not None:
        row = tx.row("answered", job_id=job_id)
        answered = as_int(row[0]) if row else 0
        row = tx.row("job_doubts", job_id=job_id)
        doubts = as_int(row[0]) if row else 0
    if answered < EXPERIENCE_MIN:
        return None
    doubts = min(doubts, answered)
    low, high = wilson(doubts, answered)
    return to_ask * low, to_ask * doubts / answered, to_ask * high


def _path(claim: Claim, promise: Promise, settings: Settings, coming: int) -> Path:
    share, delta = promise.share(settings.audit_share), delta_of(settings)
    terms = Terms(promise.max_error, share, delta)
    needed, have = clean_answers_needed(terms), claim.epoch.accepted + coming
    return Path(
        step=claim.step,
        max_error=promise.max_error,
        share=share,
        needed=needed,
        checked=clean_audits_needed(terms),
        so_far=claim.epoch.accepted,
        coming=coming,
        state=str(claim.epoch.state),
        enough=None if needed <= have else share_for(max(1, have), promise.max_error, delta),
    )


def _triple(numbers: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("low", "likely", "high"), (round(number, 1) for number in numbers), strict=True))
