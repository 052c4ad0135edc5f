"""The report of a job: fates, cost, latency, what is not accepted and why, accuracy where there are labels."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate, groupby
from typing import TypeVar

import orjson

from roadworthy._quick import quick
from roadworthy.call.price import usd
from roadworthy.keep.lots import lots_of_app
from roadworthy.keep.records import standing
from roadworthy.keep.transaction import Row, Transaction, as_float, as_int, as_text, text_or_none
from roadworthy.learn.claim import Claim
from roadworthy.learn.judgement import Judgement
from roadworthy.observe.batched import Open, open_in_batches
from roadworthy.observe.certified import agreements
from roadworthy.observe.gated import gated, short
from roadworthy.observe.lots import Batched
from roadworthy.observe.visible import visible
from roadworthy.observe.watched import watched_lines

_PAGE = 1_000
_GROUNDS_MAX = 8
_DIGITS = 3
_NOT_ACCEPTED = ("rejected", "failed", "waiting")
_GATES_MAX = 5
_Z = 1.959964
_Group = TypeVar("_Group", str, tuple[str, str])


@quick(frozen=True, slots=True)
class Share:
    """Attempts of one model that ended one way."""

    model: str
    ending: str
    attempts: int
    cost_usd: Decimal
    input_tokens: int
    output_tokens: int


@quick(frozen=True, slots=True)
class Accuracy:
    """Accepted answers against labels. `low` and `high`: the Wilson 95 % interval of the share that is right."""

    right: int
    labelled: int
    low: float
    high: float


@quick(frozen=True, slots=True, kw_only=True)
class Report:
    """What `roadworthy report` shows of one job.

    Attributes:
        fates: lines of the input by outcome; `waiting` by what for.
        kinds: how many lines are firsts, duplicates and conflicts.
        budget_usd: the job's cap, else the app's; None where neither has one.
        settled_usd: what settled attempts cost: the provider's own bill for them.
        unknown_usd: what attempts that nobody saw end are charged at.
        latency_s: 50th, 95th and 99th percentile of answered attempts that went through no batch; empty where none was.
        grounds: why records are not accepted: (outcome, reason, count), commonest first. What the input is rejected for
            counts without its place, and one of the reasons is given with it.
        gates: what the newest gates of candidates say, over all jobs of the app; `lots` what finished batches say that are certified whole.
        certificates: what is certified of each step that makes a promise, over all jobs of the app; `claims` in words.
        readers: how far two readers of the same audits agree, by step, over all jobs of the app.
        batches: what providers' batches will bring, and what is queued for them.
        watched: by step, over all jobs: answers in its newest readings, the audit share by now, what nobody has cleared.
    """

    app: str
    job: str
    entry: str
    fates: dict[str, int]
    waiting: dict[str, int]
    kinds: dict[str, int]
    shares: tuple[Share, ...]
    steps: tuple[tuple[str, int, Decimal], ...]
    models: tuple[tuple[str, int], ...]
    settled_usd: Decimal
    unknown_usd: Decimal
    unknown: int
    spent_usd: Decimal
    reserved_usd: Decimal
    overrun_usd: Decimal
    budget_usd: Decimal | None
    latency_s: tuple[float, ...]
    grounds: tuple[tuple[str, str, int], ...]
    accuracy: Accuracy | None
    reviews: int
    gates: tuple[str, ...]
    lots: tuple[str, ...]
    certificates: dict[str, dict[str, object]]
    claims: tuple[str, ...]
    readers: dict[str, dict[str, object]]
    batches: tuple[Open, ...]
    watched: dict[str, dict[str, object]]

    @classmethod
    def of_job(
        cls,
        tx: Transaction,
        app: str,
        job_id: int,
        claims: Sequence[Claim] = (),
        apart: Mapping[str, str] | None = None,
        watched: dict[str, dict[str, object]] | None = None,
        app_cap_pico: int | None = None,
    ) -> Report:
        """The report as the ledger stands.

        Args:
            claims: what is certified of the app's steps.
            apart: by entry, the field of an answer that says how sure it is and is not compared with labels.
            watched: what is watched of them.
            app_cap_pico: the app's cap, which holds where the job has none of its own.
        """
        found = standing(tx, job_id)
        account = tx.account(f"job:{job_id}")
        cap = account.limit_pico if account.limit_pico is not None else app_cap_pico
        spent = [_Spent.of(row) for row in tx.rows("job_attempts", job_id=job_id)]
        job = tx.row("job_name", job_id=job_id)
        queue = tx.row("queue_length", app=app)
        return cls(
            app=app,
            job=as_text(job[0]) if job else "",
            entry=as_text(job[1]) if job else "",
            fates=found.outcomes,
            waiting=found.waiting,
            kinds=found.kinds,
            shares=tuple(_shares(spent)),
            steps=tuple(_steps(spent)),
            models=found.models,
            settled_usd=usd(sum(part.cost_pico for part in spent if part.state == "settled")),
            unknown_usd=usd(sum(part.cost_pico for part in spent if part.state == "unknown")),
            unknown=sum(part.attempts for part in spent if part.state == "unknown"),
            spent_usd=usd(account.spent_pico),
            reserved_usd=usd(account.reserved_pico),
            overrun_usd=usd(account.overrun_pico),
            budget_usd=None if cap is None else usd(cap),
            latency_s=_quantiles(tx.rows("job_latencies", job_id=job_id)),
            grounds=_grounds(tx, job_id) if any(found.outcomes[fate] for fate in _NOT_ACCEPTED) else (),
            accuracy=_accuracy(tx, app, job_id, (apart or {}).get(as_text(job[1]), "") if job else ""),
            reviews=as_int(queue[0]) if queue else 0,
            gates=tuple(short(gate) for gate in gated(tx, app)[:_GATES_MAX]),
            lots=tuple(Batched.standing(tx, batch).short() for batch in lots_of_app(tx, app, _GATES_MAX)),
            certificates={claim.step: claim.as_json() for claim in claims},
            claims=tuple(line for claim in claims for line in claim.lines()),
            watched=watched or {},
            batches=open_in_batches(tx, job_id),
            readers={step: found.as_json() for step, found in agreements(tx, app).items()},
        )

    def as_json(self) -> dict[str, object]:
        """JSON; money as text with every digit."""
        found: dict[str, object] = orjson.loads(orjson.dumps(self, default=lambda value: f"{value:f}"))
        return found

    def text(self) -> str:
        """A page of at most 100 columns."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        records = sum(self.fates.values())
        yield f"{self.app}: {self.job} through {self.entry}"
        yield f"{records} records: " + ", ".join(
            f"{count} {fate}" for fate, count in self.fates.items() if count
        )
        if self.kinds.get("duplicate"):
            yield f"  {self.kinds['duplicate']} of them are duplicates and share the first one's fate"
        for what, count in sorted(self.waiting.items()):
            yield f"  {count} wait for {what}"
        yield from (f"  {visible(batch.line())}" for batch in self.batches)
        yield from ("", *self._money(), "", *self._models())
        if self.grounds:
            yield from ("", "not accepted, commonest first:")
        for outcome, reason, count in self.grounds:
            one = f"{outcome}, such as" if outcome == "rejected" and count > 1 else outcome
            yield f"  {count:6} {one}: {visible(' '.join(reason.split()))[:84]}"
        yield from ("", *self._quality())

    def _money(self) -> Iterator[str]:
        yield f"cost: {self.spent_usd:f} USD" + (
            "" if self.budget_usd is None else f" of {self.budget_usd:f}"
        )
        yield f"  settled {self.settled_usd:f}; {self.unknown} attempts that nobody saw end: {self.unknown_usd:f}"
        if self.overrun_usd:
            yield f"  billed above what was allowed: {self.overrun_usd:f} USD"
        if accepted := self.fates["accepted"]:
            yield f"  {each(self.spent_usd, accepted)} USD per accepted record"
        for step, attempts, cost in self.steps:
            yield f"  step {step}: {attempts} attempts, {cost:f} USD"

    def _models(self) -> Iterator[str]:
        yield f"{'model':32} {'ending':14} {'attempts':>9} {'USD':>14} {'tokens in':>12} {'out':>10}"
        for share in self.shares:
            yield (
                f"{share.model[:32]:32} {share.ending:14} {share.attempts:9} {share.cost_usd:14f} "
                f"{share.input_tokens:12} {share.output_tokens:10}"
            )
        for model, count in self.models:
            yield f"{count} accepted answers are from {model or 'a workflow'}"
        if self.latency_s:
            p50, p95, p99 = self.latency_s
            yield f"latency of answered attempts: {p50:.3f} s median, {p95:.3f} s 95 %, {p99:.3f} s 99 %"

    def _quality(self) -> Iterator[str]:
        if self.accuracy is None:
            yield "no labels: nothing is known of how many accepted answers are right (`roadworthy label`)"
        else:
            found = self.accuracy
            yield (
                f"{found.right} of {found.labelled} labelled accepted answers are right: "
                f"{found.right / found.labelled:.1%} (95 %: {found.low:.1%} to {found.high:.1%})"
            )
            yield "  this is a measurement on the records that have labels, not a certificate"
        yield from self.claims
        yield from self.gates
        yield from self.lots
        for step, agreement in self.readers.items():
            yield f"{step}: {agreement['sentence']}"
        for step, seen in self.watched.items():
            yield from watched_lines(step, seen)
        if self.reviews:
            yield f"{self.reviews} questions wait for a person: roadworthy review"


def each(spent_usd: Decimal, count: int) -> str:
    """What one of so many cost: six decimals, and three digits that count where it is less than that shows."""
    share = spent_usd / count
    digits = max(6, _DIGITS - 1 - share.adjusted()) if share else 6
    return f"{share:.{digits}f}"


def wilson(right: int, number: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    share, square = right / number, _Z * _Z
    centre = share + square / (2 * number)
    spread = _Z * math.sqrt(share * (1 - share) / number + square / (4 * number * number))
    scale = 1 + square / number
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _grounds(tx: Transaction, job_id: int) -> tuple[tuple[str, str, int], ...]:
    rows = tx.rows("job_grounds", job_id=job_id, count=_GROUNDS_MAX)
    return tuple((as_text(outcome), as_text(reason), as_int(count)) for outcome, reason, count in rows)


def _accuracy(tx: Transaction, app: str, job_id: int, apart: str) -> Accuracy | None:
    if not any(as_int(count) for (count,) in tx.rows("labels", app=app)):
        return None  # all lines would be gone through for it
    right = number = after = 0
    while page := tx.rows("labelled", job_id=job_id, after=after, count=_PAGE):
        for line, value, label, correct, judged in page:
            after = as_int(line)
            said = text_or_none(value) or "null"
            called = None if correct is None else bool(correct)
            judged_right = Judgement(text_or_none(label), called, text_or_none(judged) or said, apart).of(
                said
            )
            number += judged_right is not None
            right += bool(judged_right)
    if not number:
        return None
    low, high = wilson(right, number)
    return Accuracy(right, number, low, high)


def _quantiles(counted: Sequence[Row]) -> tuple[float, ...]:
    """The median, the 95 % and the 99 % quantile in seconds, of (tenths of a millisecond, count) in order."""
    upto = list(accumulate(as_int(count) for _, count in counted))
    if not upto:
        return ()
    places = (bisect_left(upto, math.ceil(share * upto[-1])) for share in (0.5, 0.95, 0.99))
    return tuple(as_float(counted[place][0]) / 10_000 for place in places)


@quick(frozen=True, slots=True)
class _Spent:
    """Attempts that are alike."""

    model: str
    ending: str
    state: str
    step: str
    attempts: int
    cost_pico: int
    input_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, row: Row) -> _Spent:
        model, ending, state, step, *numbers = row
        return cls(as_text(model), as_text(ending), as_text(state), as_text(step), *map(as_int, numbers))


def _shares(spent: Sequence[_Spent]) -> Iterator[Share]:
    """By model and ending."""
    for (model, ending), parts in _grouped(spent, lambda part: (part.model, part.ending)):
        yield Share(
            model,
            ending,
            sum(part.attempts for part in parts),
            usd(sum(part.cost_pico for part in parts)),
            sum(part.input_tokens for part in parts),
            sum(part.output_tokens for part in parts),
        )


def _steps(spent: Sequence[_Spent]) -> Iterator[tuple[str, int, Decimal]]:
    """By step: attempts and cost."""
    for step, parts in _grouped(spent, lambda part: part.step):
        yield step, sum(part.attempts for part in parts), usd(sum(part.cost_pico for part in parts))


def _grouped(
    spent: Sequence[_Spent], by: Callable[[_Spent], _Group]
) -> Iterator[tuple[_Group, list[_Spent]]]:
    """Groups in order."""
    for group, parts in groupby(sorted(spent, key=by), key=by):
        yield group, list(parts)
