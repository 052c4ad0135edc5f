"""Stage `endings`: each way in which a call can end, and what becomes of the record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadworthy.vet.road.answered import find_answered
from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.closed import find_closed
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.passing import find_passing
from roadworthy.vet.road.picture import Picture
from roadworthy.vet.road.retries import find_own_retries
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.unfit import find_invented, find_unfit

_RECORDS: Final = 10


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    samples = bench.take(bench.count(_RECORDS, least=4))
    if not samples:
        yield not_tested("passing", ENDINGS.question, "The input holds no usable record.")
        return
    yield find_answered(bench)
    lines = [sample.line for sample in samples]
    with bench.trial(lines) as trial:
        calm = trial.run()
        calm_attempts = len(trial.attempts())
    if calm.status not in {0, 1} or not calm.count("accepted"):
        yield not_tested(
            "passing",
            ENDINGS.question,
            f"Even on a calm day none of {len(lines)} records is accepted: status {calm.status}, {calm.fates}.",
            tried="the input on a provider without faults",
            advice="Give answers that the app accepts: --answers FILE.",
        )
        return
    yield from find_passing(bench, samples, calm)
    yield from find_closed(bench, samples, calm)
    yield from find_unfit(bench, samples, calm)
    yield _refused(bench, samples)
    yield find_own_retries(bench, samples, calm, calm_attempts)
    yield find_invented(bench, samples)


def _refused(bench: Bench, samples: tuple[Sample, ...]) -> Finding:
    faults = {"refused": 0.5, "filtered": 0.5}
    with bench.trial([sample.line for sample in samples], {"faults": faults}) as trial:
        ran = trial.run()
    # A function of the team's own words its requests itself; what it sends again is the affair of `retries`.
    named = {model.id for model in bench.declared.models if not model.is_function}
    again = sum(row.arrival > 0 for row in ran.requests if row.model in named)
    accepted = ran.count("accepted")
    wrong = [f"{accepted} records were accepted without an answer"] if accepted else []
    wrong += [f"{again} requests were sent again as they were"] if again else []
    wrong += [] if ran.is_whole else [f"status {ran.status}, {ran.fates}"]
    return Finding(
        name="refused",
        promise="What a model refuses to answer goes to another model or a person, and is not asked again as it was.",
        tried="a model that refuses, and a filter that holds back, every answer",
        times=len(samples),
        happened=f"{wrong[0]}." if wrong else f"Nothing was accepted, nothing asked twice: {ran.fates}.",
        grade=Grade.FAIL if wrong else Grade.PASS,
        evidence=tuple(wrong),
        measured=(f"{len(ran.requests)} requests", *ran.last_words),
        reproduce=bench.again("endings"),
        advice="Do not turn a refusal into an answer." if wrong else "",
    )


ENDINGS: Final = Stage(
    "endings", "Endings", "What becomes of a record in each way that a call can end?", _trial
)
