"""Stage `endings`: each way in which a call can end, and what becomes of the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from roadworthy._quick import quick
from roadworthy.vet.road.answered import find_answered
from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.cause import remembered
from roadworthy.vet.road.closed import find_closed
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Picture
from roadworthy.vet.road.retries import find_own_retries
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.steady import unsteady
from roadworthy.vet.road.trial import Ran
from roadworthy.vet.road.unfit import find_invented, find_unfit

_RECORDS: Final = 10


@quick(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One kind of trouble that passes.

    Attributes:
        faults: rates by kind.
        in_a_row_max: how often the same request meets it at most.
        settings: the app's own limits, scaled to it.
    """

    name: str
    promise: str
    tried: str
    faults: Mapping[str, float]
    in_a_row_max: int = 2
    settings: Mapping[str, str] | None = None


TROUBLES: Final = (
    Trouble(
        name="passing",
        promise="Trouble that passes costs no record: each gets the answer that it gets on a calm day.",
        tried="server errors, gateways' pages, errors inside a 200, in half of the requests",
        faults={"500": 0.08, "503": 0.08, "529": 0.08, "html_502": 0.08, "html_200": 0.08, "error_in_200": 0.08, "choices_null": 0.05},
    ),
    Trouble(
        name="throttled",
        promise="A provider that asks to slow down is heeded, and no record is lost.",
        tried="429 without a time, with milliseconds, with nonsense for a time, inside a 200, in half of the requests",
        faults={"429_bare": 0.1, "retry_after_ms": 0.1, "retry_after_negative": 0.1, "retry_after_nan": 0.1, "retry_after_past": 0.05, "429_in_200": 0.1},
    ),
    Trouble(
        name="lost",
        promise="An answer that is lost on its way is on the books and asked for again.",
        tried="connections reset or cut in the middle of the answer, in 2 of 5 requests",
        faults={"reset": 0.2, "cut": 0.2},
        in_a_row_max=1,
    ),
    Trouble(
        name="silent",
        promise="A provider that falls silent holds nothing up for longer than a timeout.",
        tried="requests that are never answered, 3 of 10, with a timeout of half a second",
        faults={"hang": 0.3},
        in_a_row_max=1,
        settings={"ROADWORTHY_ATTEMPT_TIMEOUT_S": "0.5"},
    ),
)  # fmt: skip


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
    for trouble in TROUBLES:
        yield _passing(bench, trouble, samples, calm)
    yield from find_closed(bench, samples, calm)
    yield from find_unfit(bench, samples, calm)
    yield _refused(bench, samples)
    yield find_own_retries(bench, samples, calm, calm_attempts)
    yield find_invented(bench, samples)


def _passing(bench: Bench, trouble: Trouble, samples: tuple[Sample, ...], calm: Ran) -> Finding:
    script = {"faults": trouble.faults, "in_a_row_max": trouble.in_a_row_max}
    with bench.trial([sample.line for sample in samples], script) as trial:
        ran = trial.run(settings=trouble.settings)
        attempts = trial.attempts()
        wrong = list(trial.contradictions())
    has_functions = any(model.is_function for model in bench.declared.models)
    odd = unsteady(bench)
    before = {key: value for key, value in calm.values().items() if key not in odd}
    after = {key: value for key, value in ran.values().items() if key not in odd}
    other = [key for key in after if before.get(key) != after[key]]
    wrong += [f"{key}: another answer than on a calm day" for key in other]
    if not has_functions:
        wrong += [f"{key}: accepted on a calm day, and not in trouble" for key in before if key not in after]
    if not ran.is_whole or ran.count("pending"):
        wrong.append(f"not every record is accounted for: status {ran.status}, {ran.fates}")
    books = sum((attempt.cost_usd or attempt.reserved_usd for attempt in attempts), start=0 * ran.billed_usd)
    if not has_functions and books < ran.billed_usd:
        wrong.append("the provider billed more than the books hold")
    left = len(before) - len(after)
    happened = (
        f"{len(after)} of {len(before)} records have the answer of a calm day"
        + (f"; {left} wait or end with a reason, as the function gave up." if left and has_functions else ".")
        if not wrong
        else f"{len(wrong)} things went wrong: {wrong[0]}."
    )
    return Finding(
        name=trouble.name,
        promise=trouble.promise,
        tried=trouble.tried,
        times=len(samples),
        happened=happened,
        grade=Grade.FAIL if wrong else Grade.PASS,
        evidence=tuple(wrong[:10]),
        measured=(
            f"{len(ran.requests)} requests, {len(attempts)} attempts, {ran.seconds:.1f} s",
            *ran.last_words,
        ),
        reproduce=bench.again("endings"),
        advice="Let what a provider's failure raises pass through; Roadworthy asks again." if wrong else "",
        clues=remembered(bench, calm, ran, other) if len(wrong) == len(other) else (),
    )


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
