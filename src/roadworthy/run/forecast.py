"""The forecast: what an input will cost and how long it will take, with an interval, before it costs anything.

Without experience the figures rest on stated assumptions and the interval is wide. With a sample (`plan
--sample N` pays for N records, drawn by the hash of their keys, and keeps their answers) two things are
estimated: what the first models of the ladder cost a record, and how often a record goes further up, which is
rare and dear. The rare part is given the Jeffreys prior Beta(1/2, 1/2), so that "never seen in 50" is not taken
for "never". The likely figure is the median of the predictive distribution (the cost is as likely above as
below it), the interval its central 95 % or a little more; both are drawn with a fixed seed. How much records differ
is itself estimated from the sample, and the interval allows for that.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from operator import add
from typing import Any

from roadworthy._quick import quick
from roadworthy.call.batch.rung import BatchRung
from roadworthy.call.price import pico, usd
from roadworthy.call.reply import Usage
from roadworthy.keep.forecasts import KeptForecast
from roadworthy.keep.jobs import find_job
from roadworthy.keep.transaction import Transaction, as_float, as_int
from roadworthy.run.entry import Entry, Step
from roadworthy.run.people import EXPERIENCE_MIN, People, forecast_people
from roadworthy.run.runtime import Runtime
from roadworthy.run.survey import Count, Drawn, survey
from roadworthy.run.vector_bill import VectorBill, bill, plus

DRAWS = 4_000
_Z = 1.959964
_ALIKE = 0.01
_FEW = 30
TOKENS_A_BYTE = (0.20, 0.27, 0.45)
OUTPUT_SHARE = (0.05, 0.25, 1.0)
ESCALATED = (0.0, 0.03, 0.3)
LATENCY_S = 2.0
DAY_S = 86_400.0


@quick(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What `plan` prints. Costs are for what is still to be asked; `spent_usd` is what the job has cost so far.

    Attributes:
        looked_at: how many of the records the figures rest on; fewer than all in a long input, whose other counts are
            then estimates.
        answered: records whose answer is in the ledger and still stands; they cost nothing.
        would_fail: records that would end as failed without asking anybody, and cost nothing either; `would_be_rejected`
            and `would_wait` likewise.
        to_ask: records that something would be bought for.
        sampled: records whose known cost the interval rests on; 0 means it rests on assumptions.
        vectors: those that are paid and not bought yet; their cost is a part of the other.
        people: what it will ask of people, and how far the steps are from what they promise.
        batch: priced as asked through batch APIs, where the models have one; `seconds` is then the window of a batch.
    """

    records: int
    looked_at: int
    duplicates: int
    rejected: int
    answered: int
    would_fail: int
    would_be_rejected: int
    would_wait: int
    to_ask: int
    input_tokens: int
    output_tokens: int
    low_usd: Decimal
    likely_usd: Decimal
    high_usd: Decimal
    spent_usd: Decimal
    seconds: float
    sampled: int
    people: People
    vectors: VectorBill
    batch: bool = False

    def as_json(self) -> dict[str, object]:
        """JSON, flat but for `cost_usd`, `vectors`, `people` and `promises`; money as text."""
        plain = {
            name: getattr(self, name)
            for name in (
                "records",
                "looked_at",
                "duplicates",
                "rejected",
                "answered",
                "would_fail",
                "would_be_rejected",
                "would_wait",
                "to_ask",
                "input_tokens",
                "output_tokens",
                "sampled",
            )
        }
        cost = {"low": f"{self.low_usd:f}", "likely": f"{self.likely_usd:f}", "high": f"{self.high_usd:f}"}
        return {
            **plain,
            "cost_usd": cost,
            "spent_usd": f"{self.spent_usd:f}",
            "seconds": round(self.seconds, 1),
            "batch": self.batch,
            "vectors": self.vectors.as_json(),
            "people": self.people.as_json(),
            "promises": {path.step: path.as_json() for path in self.people.paths},
        }

    def kept(self, entry: str, job: str) -> KeptForecast:
        """What the ledger keeps of it, so that it can be held against what the job did cost."""
        low, likely, high = pico(self.low_usd), pico(self.likely_usd), pico(self.high_usd)
        spent = pico(self.spent_usd)
        return KeptForecast(
            entry=entry, job=job, to_ask=self.to_ask, low=low, likely=likely, high=high, spent=spent
        )

    def text(self) -> str:
        """What a person reads."""
        basis = (
            f"from {self.sampled} records asked so far"
            if self.sampled
            else "from assumptions; --sample 50 sharpens it"
        )
        takes = "a day at most for each batch" if self.batch else f"about {self.seconds:.0f} s"
        looked = (
            ""
            if self.looked_at == self.records
            else f" (of which {self.looked_at:,} were looked at; the rest is estimated from them)"
        )
        return (
            f"{self.records} records{looked}: {self.duplicates} duplicates, {self.rejected} rejected, {self.answered} answered already, "
            f"{self.to_ask} to ask{self._unanswered()}\n"
            f"tokens: about {self.input_tokens:,} in, {self.output_tokens:,} out; {takes}\n"
            f"cost: {self.likely_usd:.4f} USD, between {self.low_usd:.4f} and {self.high_usd:.4f} with 95 % confidence ({basis})\n"
            f"spent on this job so far: {self.spent_usd:.4f} USD"
            + "".join(f"\n{line}" for line in (*self.vectors.lines(), *self.people.lines()))
        )

    def _unanswered(self) -> str:
        """What would end without an answer and without asking anybody; nothing where every record has or gets one."""
        ends = (
            (self.would_fail, "would fail"),
            (self.would_be_rejected, "would be rejected"),
            (self.would_wait, "would wait"),
        )
        return "".join(f", {count} {words}" for count, words in ends if count)


@quick(frozen=True, slots=True)
class Known:
    """What records of this job have cost: pico-dollars spent on first models, and above them."""

    first: tuple[int, ...]
    above: tuple[int, ...]
    input_tokens: float
    output_tokens: float
    latency_s: float


async def forecast(
    runtime: Runtime, entry: Entry[Any, Any], drawn: Drawn, job: str, *, batch: bool = False
) -> Forecast:
    """Look at the input, or at a sample of a long one, and at what the ledger knows; buys nothing and writes nothing.

    Args:
        batch: the app's models are priced for batches.
    """
    plan = runtime.plan
    await runtime.prepare(buy=False)
    job_id = runtime.store.read(lambda tx: find_job(tx, plan.name, entry.name, job))
    count = await survey(runtime, entry, drawn, job_id)
    vectors = bill(runtime, count, TOKENS_A_BYTE)
    hidden = [step.embedding for step in plan.steps if step.embedding is not None]
    buyers = [rung for step in hidden for rung in runtime.rungs_of(step.name)]
    firsts = sorted({rung.name for rung in (*(runtime.rungs(step)[0] for step in plan.steps), *buyers)})
    halved = _halved(runtime) if batch else frozenset()
    most = max(1, runtime.settings.plan_attempts_max)
    known = (
        None
        if job_id is None
        else runtime.store.read(lambda tx: experience(tx, job_id, firsts, halved, attempts_max=most))
    )
    spent = 0 if job_id is None else runtime.store.read(lambda tx: tx.account(f"job:{job_id}").spent_pico)
    if known is not None and len(known.first) >= EXPERIENCE_MIN:
        low, likely, high = predict(known, count.to_ask, _dear(runtime, entry, count, known))
        tokens = (known.input_tokens * count.to_ask, known.output_tokens * count.to_ask)
        embedded, embedded_bytes = (
            vectors.corpus_pico,
            vectors.corpus_bytes,
        )  # the sample's cost has its queries
        latency = known.latency_s
    else:
        low, likely, high = _assume(runtime, entry, count)
        tokens = (count.request_bytes * TOKENS_A_BYTE[1], count.output_caps * OUTPUT_SHARE[1])
        latency, known = LATENCY_S, None
        embedded = plus(vectors.corpus_pico, vectors.query_pico)
        embedded_bytes = vectors.corpus_bytes + vectors.query_bytes
    less, more = 1 - _Z * count.error, 1 + _Z * count.error
    return Forecast(
        records=count.records,
        looked_at=count.looked_at,
        duplicates=count.duplicates,
        rejected=count.rejected,
        answered=count.answered,
        would_fail=count.would_fail,
        would_be_rejected=count.would_be_rejected,
        would_wait=count.would_wait,
        to_ask=count.to_ask,
        input_tokens=round(tokens[0] + embedded_bytes * TOKENS_A_BYTE[1]),
        output_tokens=round(tokens[1]),
        low_usd=usd(round(low * max(0.0, less) + embedded[0])),
        likely_usd=usd(round(likely + embedded[1])),
        high_usd=usd(round(high * more + embedded[2])),
        spent_usd=usd(spent),
        seconds=DAY_S if batch else latency * count.to_ask / runtime.settings.concurrency,
        batch=batch,
        vectors=vectors,
        sampled=len(known.first) if known else 0,
        people=runtime.store.read(
            lambda tx: forecast_people(tx, plan, runtime.settings, entry, job_id=job_id, to_ask=count.to_ask)
        ),
    )


def _halved(runtime: Runtime) -> frozenset[str]:
    """The models that are asked through a batch API."""
    steps = [step.name for step in runtime.plan.steps]
    return frozenset(
        rung.name for step in steps for rung in runtime.rungs_of(step) if isinstance(rung, BatchRung)
    )


def experience(
    tx: Transaction,
    job_id: int,
    first_models: Sequence[str],
    halved: Collection[str] = (),
    *,
    attempts_max: int,
) -> Known:
    """What answered records of a job cost, apart by first models and models above them.

    Of many a sample is looked at. Records' numbers go through a generator (modulus 65,521, multiplier 48,271) before
    every so many are taken, so that a rhythm of the input is none of the sample's.

    Args:
        attempts_max: at about so many attempts the sample begins.
        halved: models that will be asked in batches; of the others, what came from batches counts twice.
    """
    first: dict[int, int] = {}
    above: dict[int, int] = {}
    totals = [0, 0]
    waited: dict[int, float] = {}
    (attempts,) = tx.row("job_costs", job_id=job_id) or (0,)
    stride = max(1, as_int(attempts) // attempts_max)
    for record_id, model, direct, batched, input_tokens, output_tokens, latency in tx.rows(
        "costs_apart_by_record", job_id=job_id, stride=stride
    ):
        part = first if model in first_models else above
        half, whole = as_int(batched) + as_int(direct) // 2, as_int(direct) + 2 * as_int(batched)
        cost = half if model in halved else whole
        part[as_int(record_id)] = part.get(as_int(record_id), 0) + cost
        totals[0] += as_int(input_tokens)
        totals[1] += as_int(output_tokens)
        if spent_s := as_float(latency):  # the hours that a batch takes say nothing of a call
            waited[as_int(record_id)] = waited.get(as_int(record_id), 0.0) + spent_s
    ids = sorted(first.keys() | above.keys())
    number = max(1, len(ids))
    return Known(
        tuple(first.get(i, 0) for i in ids),
        tuple(above.get(i, 0) for i in ids),
        totals[0] / number,
        totals[1] / number,
        statistics.fmean(waited.values()) if waited else LATENCY_S,
    )


def predict(known: Known, count: int, dear_pico: float) -> tuple[float, float, float]:
    """Low, likely and high cost of `count` more records, in pico-dollars.

    The low end is that of what first models cost and that of what lies above them, added: where nothing goes up, which
    is often the likeliest, the cost lies at the low end of the whole, and an end of the whole would miss it too often.

    Args:
        dear_pico: what a record that goes above the first models likely costs there, by price list; it counts
            as two observations beside the real ones.
    """
    if not count:
        return 0.0, 0.0, 0.0
    number = len(known.first)
    mean = statistics.fmean(known.first)
    spread = statistics.stdev(known.first) if number > 1 else mean
    gone_up = [cost for cost in known.above if cost]
    dear = (sum(gone_up) + 2 * dear_pico) / (len(gone_up) + 2)
    chance = random.Random(number * 1_000_003 + count)  # noqa: S311 - a repeatable draw, not a secret
    firsts, aboves = [], []
    for _ in range(DRAWS):
        true_spread = _spread(chance, mean, spread, number)
        true_mean = chance.gauss(mean, true_spread / number**0.5)
        share = chance.betavariate(len(gone_up) + 0.5, number - len(gone_up) + 0.5)
        ups = _successes(chance, count, share)
        each = dear * chance.lognormvariate(0, 0.25)
        firsts.append(max(0.0, chance.gauss(count * true_mean, true_spread * count**0.5)))
        aboves.append(ups * each)
    totals = sorted(map(add, firsts, aboves))
    low = sorted(firsts)[int(DRAWS * 0.025)] + sorted(aboves)[int(DRAWS * 0.025)]
    return low, totals[DRAWS // 2], totals[int(DRAWS * 0.975)]


def _spread(chance: random.Random, mean: float, spread: float, number: int) -> float:
    """How much records may differ, given how much those of the sample did: a small sample often shows less than there is.

    The law is the scaled inverse chi-squared one, which makes the mean's interval Student's; one observation of 1 % of the
    mean goes before the sample's, for records that cost the same to the last token in a sample need not do so elsewhere.
    """
    before = (_ALIKE * mean) ** 2
    return math.sqrt(((number - 1) * spread**2 + before) / chance.gammavariate(number / 2, 2))


def _successes(chance: random.Random, count: int, share: float) -> float:
    """How many of `count` go up: counted by the waits between them while they are few, else near normal.

    None at all is often the likeliest number, and a continuous law would never say it.
    """
    if count * share > _FEW:
        return max(0.0, chance.gauss(count * share, (count * share * (1 - share)) ** 0.5))
    if share <= 0:
        return 0.0
    number, at, stays = -1, 0.0, math.log1p(-share)
    while at <= count:
        number += 1
        at += math.floor(math.log(1.0 - chance.random()) / stays) + 1
    return float(number)


def _ladders(runtime: Runtime, entry: Entry[Any, Any], count: Count) -> Iterator[tuple[Step[Any, Any], int]]:
    """The steps that would be asked first, and for how many records."""
    for step in runtime.plan.steps:
        asked = count.first_steps.get(step.name, 0)
        asked = asked or (0 if isinstance(entry, Step) else count.to_ask)
        if asked:
            yield step, asked
            if step.judging is not None:
                yield step.judging, asked


def _assume(runtime: Runtime, entry: Entry[Any, Any], count: Count) -> tuple[float, float, float]:
    """Low, likely and high cost with nothing to go by but prices and sizes."""
    totals = []
    for tokens, share, escalated in zip(TOKENS_A_BYTE, OUTPUT_SHARE, ESCALATED, strict=True):
        total = 0.0
        for step, asked in _ladders(runtime, entry, count):
            usage = _usage(count, tokens, share)
            for place, rung in enumerate(runtime.rungs(step)):
                total += asked * rung.cost_pico(usage) * escalated**place
        totals.append(total)
    return totals[0], totals[1], totals[2]


def _dear(runtime: Runtime, entry: Entry[Any, Any], count: Count, known: Known) -> float:
    """What going one model up likely costs a record, by price list and the tokens seen so far."""
    usage = Usage(round(known.input_tokens), round(known.output_tokens))
    above = [
        float(rung.cost_pico(usage))
        for step, _ in _ladders(runtime, entry, count)
        for rung in runtime.rungs(step)[1:2]
    ]
    return max(above, default=0.0)


def _usage(count: Count, tokens_a_byte: float, output_share: float) -> Usage:
    number = max(1, count.to_ask)
    return Usage(
        round(count.request_bytes / number * tokens_a_byte), round(count.output_caps / number * output_share)
    )
