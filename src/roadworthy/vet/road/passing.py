"""Part of the stage `endings`: trouble that passes by itself, and what becomes of the records that meet it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from roadworthy._quick import quick
from roadworthy.call.ending import TREATMENT
from roadworthy.call.reply import Ending
from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.cause import remembered
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.steady import UNSTEADY_ALL, unsteady
from roadworthy.vet.road.trial import Attempt, Ran

_SHOWN_CHARS: Final = 200
_UNHEARD: Final = (
    "{} of {} records lose their answer: the app's function says of them neither a status nor a lost connection, so that "
    "Roadworthy does not ask again."
)
_ADVICE: Final = (
    "Let the error of the provider's client pass through, as it is or by `raise ... from error`. Where what came is no "
    "answer, as a page in place of JSON, raise ConnectionError instead of returning something."
)


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


def find_passing(bench: Bench, samples: tuple[Sample, ...], calm: Ran) -> Iterator[Finding]:
    """One finding for each kind of trouble.

    Args:
        calm: the same records on a provider without faults.
    """
    for trouble in TROUBLES:
        yield _passing(bench, trouble, samples, calm)


def _passing(bench: Bench, trouble: Trouble, samples: tuple[Sample, ...], calm: Ran) -> Finding:
    script = {"faults": trouble.faults, "in_a_row_max": trouble.in_a_row_max}
    with bench.trial([sample.line for sample in samples], script) as trial:
        ran = trial.run(settings=trouble.settings)
        attempts = trial.attempts()
        wrong = list(trial.contradictions())
    functions = frozenset(model.name for model in bench.declared.models if model.is_function)
    odd = unsteady(bench)
    before = {key: value for key, value in calm.values().items() if key not in odd}
    after = {key: value for key, value in ran.values().items() if key not in odd}
    other = [key for key in after if before.get(key) != after[key]]
    lost = [key for key in before if key not in after]
    kept = _kept_to_itself(lost, [one for one in attempts if one.model in functions], calm)
    wrong += [f"{key}: another answer than on a calm day" for key in other]
    wrong += [f"{key}: accepted on a calm day, and not in trouble" for key in lost if key not in kept]
    if not ran.is_whole or ran.count("pending"):
        wrong.append(f"not every record is accounted for: status {ran.status}, {ran.fates}")
    books = sum((attempt.booked_usd for attempt in attempts), start=0 * ran.billed_usd)
    if not functions and books < ran.billed_usd:
        wrong.append("the provider billed more than the books hold")
    if not before and not wrong:
        return not_tested(trouble.name, trouble.promise, UNSTEADY_ALL, tried=trouble.tried)
    measured = (
        f"{len(ran.requests)} requests, {len(attempts)} attempts, {ran.seconds:.1f} s",
        *ran.last_words,
    )
    if kept and not wrong:
        return replace(
            not_tested(
                trouble.name, trouble.promise, _UNHEARD.format(len(kept), len(before)), tried=trouble.tried
            ),
            evidence=tuple(f"{key}: {words}" for key, words in kept.items())[:10],
            measured=measured,
            reproduce=bench.again("endings"),
            advice=_ADVICE,
        )
    return Finding(
        name=trouble.name,
        promise=trouble.promise,
        tried=trouble.tried,
        times=len(samples),
        happened=f"{len(wrong)} things went wrong: {wrong[0]}."
        if wrong
        else f"{len(after)} of {len(before)} records have the answer of a calm day.",
        grade=Grade.FAIL if wrong else Grade.PASS,
        evidence=tuple(wrong[:10]),
        measured=measured,
        reproduce=bench.again("endings"),
        advice="Let what a provider's failure raises pass through; Roadworthy asks again." if wrong else "",
        clues=remembered(bench, calm, ran, other) if len(wrong) == len(other) else (),
    )


def _kept_to_itself(lost: Sequence[str], attempts: Sequence[Attempt], calm: Ran) -> dict[str, str]:
    """What functions said of these records instead of what the provider did: it names nothing to be tried again.

    Args:
        attempts: those of the team's own functions.
        calm: what each record was answered while nothing was wrong.
    """
    found: dict[str, str] = {}
    for one in attempts:
        if one.key not in lost or not one.ending or TREATMENT[Ending(one.ending)].retries:
            continue
        if one.reply and one.reply == calm.replies.get(one.key):
            continue
        found[one.key] = one.detail or f"{one.model} returned {one.reply[:_SHOWN_CHARS] or 'nothing'}"
    return found
