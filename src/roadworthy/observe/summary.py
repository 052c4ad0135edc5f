"""The summary of a run: the job's fates and what this command did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from decimal import Decimal

from roadworthy._quick import quick
from roadworthy.call.price import usd
from roadworthy.keep.records import fates
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.claim import Claim
from roadworthy.observe.watched import alarm_line


@quick(slots=True)
class Did:
    """What one command did so far; it grows as the command works."""

    reused: int = 0
    attempts: int = 0
    unknown: int = 0
    repaired: int = 0
    escalated: int = 0
    cost_pico: int = 0
    seconds: float = 0.0
    served_models: dict[str, list[str]] = field(default_factory=dict)
    stopped: str = ""


@quick(frozen=True, slots=True, kw_only=True)
class Summary:
    """What `run --json` prints.

    Attributes:
        records: lines read; accepted + rejected + failed + waiting + pending.
        waiting: how many wait, by what for.
        reused: replies this command took from the ledger instead of buying them.
        attempts: requests this command noted an intent for.
        unknown: of those, how many ended unseen and are charged at their worst case.
        repaired: records accepted after mending or a re-ask.
        escalated: records that went above the first model.
        cost_usd: what this command spent; `job_cost_usd` what the job has spent in all its runs.
        reserved_usd: what is promised to attempts on the wire; 0 after a run.
        served_models: what providers said answered in this command, by the model that was asked, in order of
            appearance; the last name of an earlier run comes first. More than one: the model behind a name changed.
        budget_usd: the job's cap, else the app's; None where neither has one.
        certificates: what is certified of each step that makes a promise, over all jobs of the app; `claims` in words.
        alarms: warnings and alarms of the app's steps that nobody has cleared.
        stopped: what stopped this command before the end: `budget`, `provider` or `cancelled`; "" for nothing.
    """

    job: str
    run: int
    records: int
    accepted: int
    rejected: int
    failed: int
    waiting: dict[str, int]
    pending: int
    reused: int
    attempts: int
    unknown: int
    repaired: int
    escalated: int
    cost_usd: Decimal
    job_cost_usd: Decimal
    reserved_usd: Decimal
    budget_usd: Decimal | None
    seconds: float
    served_models: dict[str, list[str]]
    stopped: str
    certificates: dict[str, dict[str, object]]
    claims: tuple[str, ...]
    alarms: tuple[dict[str, object], ...]

    @classmethod
    def of_job(  # noqa: PLR0913 - what a summary is made of, by name
        cls,
        tx: Transaction,
        *,
        job_id: int,
        run_id: int,
        job: str,
        did: Did,
        app_cap_pico: int | None,
        claims: Sequence[Claim] = (),
        alarms: Sequence[dict[str, object]] = (),
    ) -> Summary:
        """The summary of a job as the ledger stands, with what this command did."""
        outcomes, waiting = fates(tx, job_id)
        account = tx.account(f"job:{job_id}")
        cap = account.limit_pico if account.limit_pico is not None else app_cap_pico
        return cls(
            job=job,
            run=run_id,
            records=sum(outcomes.values()),
            accepted=outcomes["accepted"],
            rejected=outcomes["rejected"],
            failed=outcomes["failed"],
            waiting=waiting,
            pending=outcomes["pending"],
            reused=did.reused,
            attempts=did.attempts,
            unknown=did.unknown,
            repaired=did.repaired,
            escalated=did.escalated,
            cost_usd=usd(did.cost_pico),
            job_cost_usd=usd(account.spent_pico),
            reserved_usd=usd(account.reserved_pico),
            budget_usd=None if cap is None else usd(cap),
            seconds=round(did.seconds, 3),
            served_models={asked: list(names) for asked, names in did.served_models.items()},
            stopped=did.stopped,
            certificates={claim.step: claim.as_json() for claim in claims},
            claims=tuple(line for claim in claims for line in claim.lines()),
            alarms=tuple(alarms),
        )

    def as_json(self) -> dict[str, object]:
        """Flat JSON; money as text with every digit."""
        return {
            name: f"{value:f}" if isinstance(value := getattr(self, name), Decimal) else value
            for name in self.__dataclass_fields__
            if name != "claims"
        }

    def text(self) -> str:
        """What a person reads at the end of a run."""
        waiting = ", ".join(f"{count} for {what}" for what, count in sorted(self.waiting.items()))
        budget = "no cap" if self.budget_usd is None else f"of {self.budget_usd:f} USD"
        waits = f"{sum(self.waiting.values())} waiting" + (f" ({waiting})" if waiting else "")
        return (
            f"{self.records} records: {self.accepted} accepted, {self.rejected} rejected, {self.failed} failed, "
            f"{waits}, {self.pending} pending\n"
            f"this run: {self.attempts} attempts ({self.unknown} unknown), {self.reused} replies reused, "
            f"{self.repaired} repaired, {self.escalated} escalated, {self.cost_usd:f} USD in {self.seconds:.1f} s\n"
            f"job so far: {self.job_cost_usd:f} USD ({budget})"
            + "".join(self._changes())
            + "".join(f"\n{line}" for line in (*self.claims, *map(alarm_line, self.alarms)))
        )

    def _changes(self) -> Iterator[str]:
        """A line for each model that was answered for by more than one."""
        for asked, names in self.served_models.items():
            if len(names) > 1:
                yield f"\n{asked} was answered by more than one model: {', '.join(names)}"
