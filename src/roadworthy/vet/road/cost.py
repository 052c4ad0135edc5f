"""Stage `cost`: what the input costs, ten times of it and a hundred times, and what each way to save would change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from roadworthy._quick import quick
from roadworthy.call.batch.rung import has_batches
from roadworthy.call.model import PREFIXES
from roadworthy.observe.report import wilson
from roadworthy.run.forecast import Known, predict
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Bar, DotRow, Dots, Figure, Table
from roadworthy.vet.road.priced import priced
from roadworthy.vet.road.stage import Stage

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench
    from roadworthy.vet.road.declared import DeclaredModel
    from roadworthy.vet.road.picture import Picture
    from roadworthy.vet.road.priced import Priced
    from roadworthy.vet.road.trial import Attempt, Ran

SCALES: Final = (1, 10, 100)
BATCH_SHARE: Final = Decimal("0.5")
"""Batches cost half: https://platform.openai.com/docs/guides/batch, and the same at Anthropic, Google and Amazon."""
CACHED_TOKENS_MIN: Final = 1_024
"""Providers keep a prompt's beginning from so many tokens on: https://platform.openai.com/docs/guides/prompt-caching."""
_PICO: Final = 10**12
_AGAIN: Final = "The same input again costs nothing."

Triple = tuple[float, float, float]
"""Low, likely and high, in USD."""


@quick(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a sample of the input showed.

    Attributes:
        lines: lines of the whole input.
        repeated: of those, the share that repeats another line.
        attempts: what was bought for the sample, in order, by record.
        reviews: records of the sample that wait for a person.
        review_usd: what one ruling costs.
        prefix_tokens: input tokens with which every request of the first step begins, about.
        ladder: the models of the only step, cheapest first; empty where there are several steps.
    """

    lines: int
    repeated: float
    attempts: Mapping[str, Sequence[Attempt]]
    reviews: int
    review_usd: float
    prefix_tokens: float
    ladder: Sequence[DeclaredModel]

    def known(self, *, first_alone: bool = False) -> Known:
        """What the sample cost a record, apart by first models and those above them."""
        return self._known(
            [
                [
                    (_pico(one.cost_usd), self._is_first(one))
                    for one in attempts
                    if self._is_first(one) or not first_alone
                ]
                for attempts in self.attempts.values()
            ]
        )

    def repriced(self, price: str, saved: float = 0.0) -> Known:
        """What it would have cost with every first request at this price, so many of its input tokens for nothing."""
        records = [self._apart(attempts) for attempts in self.attempts.values() if attempts]
        return self._known(
            [
                [(_priced(one, price, saved), True) for one in asked[:1]]
                + [(_pico(one.cost_usd), True) for one in beside]
                for asked, beside in records
            ]
        )

    def cached(self, share: float) -> Known:
        """What it would have cost with the shared beginning of each request at this share of its price."""
        saved = self.prefix_tokens * (1 - share)
        prices = {model.name: float(model.price.partition(",")[0]) for model in self.ladder}
        return self._known(
            [
                [
                    (
                        max(0.0, _pico(one.cost_usd) - saved * prices.get(one.model, 0.0) * 1e6),
                        self._is_first(one),
                    )
                    for one in attempts
                ]
                for attempts in self.attempts.values()
            ]
        )

    def _is_first(self, attempt: Attempt) -> bool:
        """Of the first model, or bought beside the ladder for each record, such as vectors."""
        return bool(self.ladder) and attempt.model not in {model.name for model in self.ladder[1:]}

    def _apart(self, attempts: Sequence[Attempt]) -> tuple[list[Attempt], list[Attempt]]:
        """What was asked of models of the ladder, and what was bought beside it."""
        names = {model.name for model in self.ladder}
        return [one for one in attempts if one.model in names], [
            one for one in attempts if one.model not in names
        ]

    def _known(self, records: Sequence[Sequence[tuple[float, bool]]]) -> Known:
        first = tuple(round(sum(cost for cost, is_first in record if is_first)) for record in records)
        above = tuple(round(sum(cost for cost, is_first in record if not is_first)) for record in records)
        return Known(first, above, 0.0, 0.0, 0.0)

    @property
    def is_official(self) -> bool:
        """Every model is one of a provider that sells batches."""
        prefixes = tuple(f"{prefix}:" for prefix in PREFIXES)
        return bool(self.ladder) and all(model.name.startswith(prefixes) for model in self.ladder)

    @property
    def dear(self) -> float:
        """What going up one model likely costs a record, in pico-dollars."""
        asked = [found[0] for found, _ in map(self._apart, self.attempts.values()) if found]
        if len(self.ladder) < 2 or not asked:
            return 0.0
        return sum(_priced(one, self.ladder[1].price) for one in asked) / len(asked)

    def rulings(self, count: float) -> Triple:
        """What people's rulings on so many records cost, by the share that waits for one."""
        number = len(self.attempts)
        if not number:
            return (0.0, 0.0, 0.0)
        low, high = wilson(self.reviews, number)
        each = count * self.review_usd
        return low * each, self.reviews / number * each, high * each


def _pico(cost: Decimal | None) -> float:
    return float((cost or Decimal(0)) * _PICO)


def _priced(attempt: Attempt, price: str, saved: float = 0.0) -> float:
    """An attempt's tokens at another price, in pico-dollars; a price is USD per million tokens, in and out."""
    given, _, produced = price.partition(",")
    tokens = max(0.0, (attempt.input_tokens or 0) - saved)
    return (tokens * float(given) + (attempt.output_tokens or 0) * float(produced or 0)) * 1e6


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    found = priced(bench)
    if found.wrong:
        yield not_tested("again", _AGAIN, found.wrong)
        return
    yield bought_again(found.ran, found.again, bench.again("cost"))
    seen = _seen(bench, found)
    if any(seen.attempts.values()):
        costs = table(seen, bench.answers)
        yield from figures(seen, found)
        yield dots(seen)
        yield costs


def _seen(bench: Bench, found: Priced) -> Seen:
    plan, ran, attempts, prefix = found.plan, found.ran, found.attempts, found.prefix
    by_record: dict[str, list[Attempt]] = {
        str(row["key"]): [] for row in ran.rows if row["outcome"] != "rejected"
    }
    for attempt in attempts:
        if attempt.cost_usd is not None and attempt.key in by_record:
            by_record[attempt.key].append(attempt)
    tokens = [one.input_tokens for one in attempts if one.input_tokens]
    waiting = ran.summary.get("waiting") or {}
    return Seen(
        lines=bench.declared.records,
        repeated=1 - len(bench.samples) / max(1, bench.declared.records),
        attempts=by_record,
        reviews=int(waiting.get("review", 0)),
        review_usd=float(plan["people"]["review_usd"]),
        prefix_tokens=prefix * (sum(tokens) / len(tokens) if tokens else 0.0),
        ladder=bench.declared.steps[0].models if len(bench.declared.steps) == 1 else (),
    )


def bought_again(ran: Ran, again: Ran, reproduce: str) -> Finding:
    """The same command on the same ledger, once more."""
    more = len(again.requests) - len(ran.requests)
    return Finding(
        name="again",
        promise=_AGAIN,
        tried="the same command on the same ledger",
        times=len(again.rows),
        happened=f"The command ended with status {again.status}: {again.said[-200:].strip()}"
        if not again.rows
        else "The provider was asked again."
        if more
        else "The provider was asked nothing.",
        grade=Grade.PASS if not more and again.rows else Grade.FAIL,
        measured=(f"{more} more requests",) if more else (),
        reproduce=reproduce,
        advice="Build a prompt from the record alone: a time or a counter in it makes it another question."
        if more or not again.rows
        else "",
    )


def figures(seen: Seen, found: Priced) -> Iterator[Figure]:
    """What the whole input costs, and a thousand records of it."""
    low, likely, high = _scaled(seen, seen.known(), 1 - seen.repeated, seen.dear)[0]
    yield Figure(
        title=f"Models for this input, {seen.lines:,} lines",
        value=f"{_brief(likely)} USD",
        note=f"{_brief(low)} to {_brief(high)} USD, 95 %",
    )
    each = 1_000 * found.spent_usd / max(1, found.count)
    waits = 1_000 * seen.reviews / max(1, len(seen.attempts))
    yield Figure(
        title="A thousand records",
        value=f"{_brief(each)} USD",
        note=f"and {waits:.0f} of them wait for a person",
    )


def dots(seen: Seen) -> Dots:
    """The first rows of the table as a picture: the app as it is, its ladder's ends alone, people, and both together."""
    rows = [row for row in ways(seen) if row.is_drawn]
    return Dots(
        title="What it costs at 1, 10 and 100 times this input",
        unit="USD",
        series=tuple(f"{scale}x" for scale in SCALES),
        rows=tuple(
            DotRow(
                label=row.label,
                dots=tuple(
                    Bar(label=f"{scale}x", value=likely, low=low, high=high, text=_brief(likely))
                    for scale, (low, likely, high) in zip(SCALES, row.triples, strict=True)
                ),
            )
            for row in rows
        ),
        note="Each line is a 95 % interval.",
    )


def table(seen: Seen, answers: str) -> Table:
    """The table that a person who pays wants: ways to run it, at 1, 10 and 100 times the input."""
    notes = [f"USD: likely (low to high, 95 %). From {len(seen.attempts)} records; answers: {answers}."]
    notes.append(
        f"{seen.repeated:.1%} of the lines repeat another; larger inputs are taken to repeat as often."
    )
    if len(seen.ladder) == 1:
        notes.append("The ladder has one model.")
    elif not seen.ladder:
        notes.append("The app has several steps: what each way to save would change is not told apart.")
    if seen.is_official:
        batched = all(has_batches(model.name) for model in seen.ladder)
        how = "at these prices" if batched else "these models directly, at the full price"
        notes.append(f"Of batches: `run --batch` asks {how}.")
    share = _cached_share(seen)
    if seen.ladder and (share is None or seen.prefix_tokens < CACHED_TOKENS_MIN):
        notes.append(
            f"Prompt caching saves nothing: requests begin alike for about {seen.prefix_tokens:,.0f} tokens, providers cache "
            f"from {CACHED_TOKENS_MIN:,} on" + (" and no cached price is known." if share is None else ".")
        )
    return Table(
        title="What it costs",
        head=("", *(f"{scale}x: {seen.lines * scale:,} lines" for scale in SCALES)),
        rows=tuple((way.name, *map(_money, way.triples)) for way in ways(seen)),
        note=" ".join(notes),
    )


@quick(frozen=True, slots=True)
class Way:
    """One way to run the input, and what it costs at each scale; `label` is its name in a picture, "" for none."""

    name: str
    triples: Sequence[Triple]
    label: str = ""

    @property
    def is_drawn(self) -> bool:
        """It has a place in the picture, and costs something."""
        return bool(self.label) and any(likely for _, likely, _ in self.triples)


def ways(seen: Seen) -> Iterator[Way]:
    """Every way, in the order of the table."""
    own, known = 1 - seen.repeated, seen.known()
    itself = _scaled(seen, known, own, seen.dear)
    yield Way("as the app is: ladder and reuse", itself, "models, as the app is")
    yield Way("without reuse of repeated lines", _scaled(seen, known, 1.0, seen.dear))
    if len(seen.ladder) > 1:
        dearest, first = seen.ladder[-1], seen.ladder[0]
        if not dearest.is_function:
            dear = _scaled(seen, seen.repriced(dearest.price), own)
            yield Way(f"no ladder: {dearest.name} for all", dear, f"{dearest.id} for all")
        alone = _scaled(seen, seen.known(first_alone=True), own)
        yield Way(f"{first.name} alone, never going up", alone, f"{first.id or first.name} alone")
    if seen.is_official:
        half = float(BATCH_SHARE)
        halves = [(low * half, likely * half, high * half) for low, likely, high in itself]
        yield Way("at batch prices (half), answers within a day", halves)
    share = _cached_share(seen)
    if seen.ladder and share is not None and seen.prefix_tokens >= CACHED_TOKENS_MIN:
        yield Way("with the shared beginning cached", _scaled(seen, seen.cached(share), own, seen.dear))
    people = [seen.rulings(seen.lines * own * scale) for scale in SCALES]
    yield Way(f"people: {seen.review_usd:g} USD a ruling", people, "people's rulings")
    both = [_plus(a, b) for a, b in zip(itself, people, strict=True)]
    yield Way("models and people together", both, "models and people")


def _scaled(seen: Seen, known: Known, share: float, dear: float = 0.0) -> list[Triple]:
    """Low, likely and high at each scale, in USD."""
    found = []
    for scale in SCALES:
        low, likely, high = predict(known, round(seen.lines * share * scale), dear)
        found.append((low / _PICO, likely / _PICO, high / _PICO))
    return found


def _cached_share(seen: Seen) -> float | None:
    """The price of a cached input token as a share of the plain price, of the first model; None where it is none."""
    if not seen.ladder or not seen.ladder[0].cached:
        return None
    share = float(seen.ladder[0].cached) / max(1e-12, float(seen.ladder[0].price.partition(",")[0]))
    return share if share < 1 else None


def _plus(one: Triple, other: Triple) -> Triple:
    """Both together: ends are added, which is wider than chance would have it."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _brief(amount: float | Decimal) -> str:
    """Two digits that count, and no exponent."""
    return f"{Decimal(f'{amount:.2g}'):,f}"


def _money(triple: Triple) -> str:
    low, likely, high = (f"{amount:,.2f}" if amount >= 10 else f"{amount:,.4f}" for amount in triple)
    return f"{likely} ({low} to {high})"


COST: Final[Stage[Bench]] = Stage(
    "cost", "Cost", "What does it cost, and ten and a hundred times of it?", _trial
)
