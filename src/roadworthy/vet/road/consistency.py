"""Stage `consistency`: the same record said differently gets the same answer, and another record gets its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from roadworthy._quick import quick
from roadworthy._settings import read_settings
from roadworthy.observe.report import wilson
from roadworthy.vet.road.cause import gone_alone
from roadworthy.vet.road.faithful import TEXT_CHARS_MAX, Faithful, Variant, same_answer, variants, without
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.live import MODEL, model_consistency
from roadworthy.vet.road.mess.body import main_text
from roadworthy.vet.road.mess.twins import TWINS
from roadworthy.vet.road.mess.words import KEEPING
from roadworthy.vet.road.picture import Bar, Bars, Figure
from roadworthy.vet.road.stage import Stage

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench, Sample
    from roadworthy.vet.road.picture import Picture
    from roadworthy.vet.road.trial import Ran

_RECORDS: Final = 16
_TWINNED: Final = 12
_SHOWN: Final = 5
_SAME: Final = "A record said differently, with its meaning kept, gets the same answer from a model that answers the same."
_OWN: Final = "Two records that look alike each get an answer of their own: the model is asked about both."


@quick(frozen=True, slots=True)
class Pair:
    """A changed record beside the one it comes from, both with what became of them.

    Attributes:
        doubts: fields that say how sure the model is; they are no part of what it answers.
    """

    variant: Variant
    before: Any
    outcome: str
    after: Any
    reason: str
    doubts: tuple[str, ...] = ()

    @property
    def survived(self) -> bool:
        """The answer is accepted, and the same."""
        before, after = (without(value, self.doubts) for value in (self.before, self.after))
        texts = (self.variant.original, self.variant.text)
        return self.outcome == "accepted" and same_answer(before, after, *texts)


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    samples = sayable(bench)
    faithful = Faithful(bench, bench.options)
    if not samples:
        reason = f"No record of the input holds a text of three words or more, and of {TEXT_CHARS_MAX:,} characters at most."
        yield not_tested("same-answer", _SAME, reason)
        yield not_tested("own-answer", _OWN, reason)
    else:
        yield from _said_differently(bench, faithful, samples[: bench.count(_RECORDS, least=2)])
        yield _twins(bench, faithful, samples[: bench.count(_TWINNED, least=2)])
    if bench.live_usd and samples:
        yield from model_consistency(bench, samples, faithful.fixed)
        return
    yield not_tested(
        "model",
        MODEL,
        f"No model was asked: answers were {bench.answers}. "
        "How the real one takes other words is measured with --live alone.",
        advice="Give --live USD: the most that asking the real provider may cost.",
    )


def sayable(bench: Bench) -> tuple[Sample, ...]:
    """The records with a text that can be said differently."""
    found = []
    for sample in bench.samples:
        said = main_text(sample.body, (bench.declared.key_field,))
        if said is not None and len(said[1]) <= TEXT_CHARS_MAX and len(said[1].split()) > 2:
            found.append(sample)
    return tuple(found)


def run_all(
    bench: Bench, faithful: Faithful, entries: Sequence[Variant], *options: str, loose: bool = True
) -> Ran:
    """One run of the app with all these records, against a provider that knows each of them."""
    rows = [faithful.row(entry) for entry in entries]
    lines = [entry.line for entry in entries]
    with bench.provider(answers=rows, loose=loose) as sim, bench.trial(lines, sim=sim) as trial:
        return trial.run(*options)


def _said_differently(
    bench: Bench, faithful: Faithful, samples: Sequence[Sample]
) -> Iterator[Finding | Picture]:
    entries = list(variants(bench, samples, KEEPING))
    ran = run_all(bench, faithful, entries)
    if len(ran.rows) != len(entries):
        yield not_tested(
            "same-answer",
            _SAME,
            f"The run ended with status {ran.status} and {len(ran.rows)} rows for {len(entries)} records: {ran.said[-200:]}",
        )
        return
    pairs = pairs_of(entries, ran, doubts_of(bench))
    if not pairs:
        yield not_tested(
            "same-answer",
            _SAME,
            "No unchanged record was accepted with these answers, so nothing can survive.",
        )
        return
    least = read_settings().consistency_min
    kept = sum(pair.survived for pair in pairs)
    low, high = wilson(kept, len(pairs))
    good = kept >= least * len(pairs)
    lost = [pair for pair in pairs if not pair.survived]
    yield Finding(
        name="same-answer",
        promise=_SAME,
        tried=f"{len({pair.variant.of for pair in pairs})} records in up to {len(KEEPING)} other dresses; "
        f"answers: {bench.answers}, the same for each dress",
        times=len(pairs),
        happened=f"{kept} of {len(pairs)} accepted answers survive ({kept / len(pairs):.1%}; 95 %: {low:.1%} to {high:.1%}); "
        f"at least {least:.0%} must.",
        grade=Grade.PASS if good else Grade.FAIL,
        evidence=tuple(_told(pair) for pair in lost[:_SHOWN]),
        reproduce=bench.again("consistency"),
        advice=""
        if good
        else "The model said the same; what differs is what the app made of it. Look at what it cuts, cleans, compares "
        "and caches.",
        clues=() if good else gone_alone(lost, lambda pair: _survives_alone(bench, faithful, entries, pair)),
    )
    yield Figure(
        title="Answers that survive other words",
        value=f"{kept / len(pairs):.0%}",
        note=f"{kept} of {len(pairs)}; 95 %: {low:.1%} to {high:.1%}; {least:.0%} must",
    )
    yield _bars(pairs, least)


def _survives_alone(bench: Bench, faithful: Faithful, entries: Sequence[Variant], pair: Pair) -> bool:
    """Whether the answer survives where the record and its other dress are each asked in a process of its own."""
    itself = next(entry for entry in entries if entry.of == pair.variant.of and not entry.operator)
    apart = [run_all(bench, faithful, [entry]) for entry in (itself, pair.variant)]
    if not all(ran.rows for ran in apart):
        return False
    rows = [ran.rows[0] for ran in apart]
    again = pairs_of([itself, pair.variant], replace(apart[0], rows=tuple(rows)), pair.doubts)
    return bool(again) and again[0].survived


def doubts_of(bench: Bench) -> tuple[str, ...]:
    """The fields that steps take their confidence from."""
    return tuple(path for step in bench.declared.steps for path in step.doubts)


def pairs_of(entries: Sequence[Variant], ran: Ran, doubts: tuple[str, ...] = ()) -> list[Pair]:
    """Every changed record whose original was accepted."""
    before: dict[str, Any] = {}
    pairs = []
    for entry, row in zip(entries, ran.rows, strict=True):
        if not entry.operator:
            if row["outcome"] == "accepted":
                before[entry.of] = row["value"]
        elif entry.of in before:
            outcome, reason = str(row["outcome"]), str(row["reason"] or "")
            pairs.append(Pair(entry, before[entry.of], outcome, row["value"], reason, doubts))
    return pairs


def _told(pair: Pair) -> str:
    after = repr(pair.after) if pair.outcome == "accepted" else f"{pair.outcome}: {pair.reason}"
    return f"{pair.variant.of}, {pair.variant.operator}: {pair.before!r} became {after}"[:300]


def _bars(pairs: Sequence[Pair], least: float) -> Bars:
    number = Counter(pair.variant.operator for pair in pairs)
    kept = Counter(pair.variant.operator for pair in pairs if pair.survived)
    low, high = wilson(sum(kept.values()), len(pairs))
    bars = [
        Bar(
            label="all together",
            value=sum(kept.values()) / len(pairs),
            low=low,
            high=high,
            text=f"{sum(kept.values())} of {len(pairs)}",
        )
    ]
    for operator in KEEPING:
        if count := number[operator.name]:
            low, high = wilson(kept[operator.name], count)
            share = kept[operator.name] / count
            text = f"{kept[operator.name]} of {count}"
            bars.append(Bar(label=f"the text {operator.says}", value=share, low=low, high=high, text=text))
    return Bars(
        title="Accepted answers that survive, by what was done to the text",
        unit="share",
        bars=tuple(bars),
        most=1.0,
        least=least,
        note="With Wilson's 95 % interval; the line is what must survive of all together. The provider is simulated and answers each dress alike.",
    )


def _twins(bench: Bench, faithful: Faithful, samples: Sequence[Sample]) -> Finding:
    """A record that was answered although nobody asked about it got somebody else's answer."""
    entries = list(variants(bench, samples, TWINS))
    ran = run_all(bench, faithful, entries, "--concurrency", "1")
    if len(ran.rows) != len(entries):
        return not_tested("own-answer", _OWN, f"The run ended with status {ran.status}: {ran.said[-200:]}")
    asked = {row.question for row in ran.requests}
    seen = {entry.of for entry in entries if not entry.operator and (entry.key or entry.text) in asked}
    tried = [
        (entry, row)
        for entry, row in zip(entries, ran.rows, strict=True)
        if entry.operator and entry.of in seen and row["outcome"] == "accepted"
    ]
    if not tried:
        return not_tested(
            "own-answer",
            _OWN,
            "No record that looks like another was accepted, or the requests cannot be told apart by their texts.",
        )
    stolen = [(entry, row) for entry, row in tried if (entry.key or entry.text) not in asked]
    return Finding(
        name="own-answer",
        promise=_OWN,
        tried="records beside others that begin or end alike, have the same words, or differ in digits or one `not`; one after the other",
        times=len(tried),
        happened=f"The provider was asked about each of {len(tried)}."
        if not stolen
        else f"{len(stolen)} of {len(tried)} were answered and the provider was never asked about what they say.",
        grade=Grade.FAIL if stolen else Grade.PASS,
        evidence=tuple(
            f"{entry.key or entry.text[:60]} ({entry.operator} as {entry.of}) got {row['value']!r}"[:300]
            for entry, row in stolen[:_SHOWN]
        ),
        reproduce=bench.again("consistency"),
        advice="An answer cache of the app's own takes them for the same, or the app does not show the model the whole "
        "record. Remove the cache: the ledger keeps every answer by the whole of its question."
        if stolen
        else "",
        clues=gone_alone(
            [entry for entry, _ in stolen],
            lambda entry: (
                (entry.key or entry.text)
                in {row.question for row in run_all(bench, faithful, [entry]).requests}
            ),
        ),
    )


CONSISTENCY: Final[Stage[Bench]] = Stage(
    "consistency",
    "Consistency",
    "Does the same record get the same answer, and another record its own?",
    _trial,
)
