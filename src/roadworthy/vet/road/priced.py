"""A piece of the input forecast, run, and run again: what `budget` and `cost` judge, done once for both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from roadworthy._quick import quick
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.trial import QUICK

if TYPE_CHECKING:
    from roadworthy.observe.story import Story
    from roadworthy.vet.road.bench import Bench
    from roadworthy.vet.road.trial import Attempt, Ran

SAMPLED_MIN: Final = 10
_RECORDS: Final = 150
_SAMPLED_SHARE: Final = 3
_FORECAST: Final = "What `plan` says an input will cost is what it costs."


@quick(frozen=True, slots=True, kw_only=True)
class Priced:
    """What became of the forecast and the runs.

    Attributes:
        count: records.
        plan: what `plan --sample` said; empty where there were too few records, or it failed.
        ran: the run.
        again: the same command once more.
        attempts: of the sample and the run.
        prefix: how much of a first question every first question begins with, as a share of the mean length.
        said: the last words of `plan`.
    """

    count: int
    plan: Mapping[str, Any]
    ran: Ran
    again: Ran
    attempts: Sequence[Attempt]
    prefix: float
    said: str

    @property
    def spent_usd(self) -> Decimal:
        """What the run cost, its sample included."""
        return Decimal(str(self.ran.summary.get("job_cost_usd", "0")))

    @property
    def wrong(self) -> str:
        """Why there is no forecast to judge; "" where there is one."""
        if self.count < 2 * SAMPLED_MIN:
            return f"The input holds {self.count} usable records; a sample and a rest of {SAMPLED_MIN} each are needed."
        if not self.plan or not self.ran.is_whole:
            return f"plan or run did not end well: {(self.said + self.ran.said)[-300:]}"
        return ""


def priced(bench: Bench) -> Priced:
    """The forecast and the runs, done once a bench."""
    return bench.memo.once("priced", lambda: _price(bench))


def _price(bench: Bench) -> Priced:
    samples = bench.take(bench.count(_RECORDS, least=2 * SAMPLED_MIN))
    sampled = max(SAMPLED_MIN, len(samples) // _SAMPLED_SHARE)
    plan: Mapping[str, Any] = {}
    said = ""
    with bench.trial([sample.line for sample in samples]) as trial:
        if len(samples) >= 2 * SAMPLED_MIN:
            words = ["plan", trial.target, "input.jsonl", "--sample", str(sampled), "--json"]
            _, printed, said, _ = trial.give(words, QUICK)
            plan = _object(printed)
        ran = trial.run()
        attempts = trial.attempts()
        again = trial.run()
        prefix = _shared_beginning(trial.stories([sample.key for sample in samples]).values())
    return Priced(
        count=len(samples), plan=plan, ran=ran, again=again, attempts=attempts, prefix=prefix, said=said
    )


def held(found: Priced, reproduce: str) -> Finding:
    """The run's cost, beside the forecast that a sample made before it."""
    if found.wrong:
        return not_tested("forecast", _FORECAST, found.wrong)
    low, likely, high = interval(found.plan)
    actual = found.spent_usd
    wide = (high - low) / 2
    if low <= actual <= high:
        grade, where = Grade.PASS, "inside the interval"
    elif low - wide <= actual <= high + wide:
        grade, where = (
            Grade.NOT_TESTED,
            "just outside the interval, where one in twenty lies by chance; another --seed tells",
        )
    else:
        grade, where = Grade.FAIL, "far outside the interval"
    return Finding(
        name="forecast",
        promise=_FORECAST,
        tried=f"plan --sample {found.plan['sampled']} of {found.count} records, then the run",
        times=1,
        happened=f"Forecast {likely:.6f} USD ({low:.6f} to {high:.6f}, 95 %); it cost {actual:.6f}: {where}.",
        grade=grade,
        reproduce=reproduce,
        advice=""
        if grade is Grade.PASS
        else "Sample more, and give each model a cap on its output: records that cost very differently need both.",
    )


def interval(plan: Mapping[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    """Low, likely and high cost of the whole input, its sample included, in USD."""
    spent = Decimal(plan["spent_usd"])
    low, likely, high = (spent + Decimal(plan["cost_usd"][name]) for name in ("low", "likely", "high"))
    return low, likely, high


def _shared_beginning(stories: Iterable[Story | None]) -> float:
    """How much of a first question every first question begins with, as a share of the mean length."""
    questions = [
        "\n".join(text for _, text in story.questions[0].messages)
        for story in stories
        if story and story.questions
    ]
    if len(questions) < 2:
        return 0.0
    first, last = min(questions), max(questions)
    shared = next(
        (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return shared / (sum(map(len, questions)) / len(questions))


def _object(printed: bytes) -> Mapping[str, Any]:
    for line in reversed(printed.splitlines()):
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(said, dict):
            return said
    return {}
