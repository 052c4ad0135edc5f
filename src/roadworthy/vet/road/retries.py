"""Who tries again: the provider's count of requests beside the app's own count of attempts."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.trial import Ran

_RECORDS: Final = 5
_PROMISE: Final = "One place alone tries again: a request that fails is sent three times at most, and each one is on the books."


def find_own_retries(bench: Bench, samples: tuple[Sample, ...], calm: Ran, calm_attempts: int) -> Finding:
    """A provider that only fails: whoever sends more requests than the app notes attempts, retries on its own."""
    few = samples[:_RECORDS]
    script = {"faults": {"500": 1.0}, "in_a_row_max": 0}
    with bench.trial([sample.line for sample in few], script) as trial:
        ran = trial.run(settings={"ROADWORTHY_PATIENCE_S": "1", "ROADWORTHY_PARK_ROUNDS_MAX": "1"})
        attempts = [attempt for attempt in trial.attempts() if attempt.state != "unsent"]
    if not attempts or not calm_attempts or not calm.requests:
        return not_tested("retries", _PROMISE, "The app asked the simulated provider nothing.")
    usual = max(Fraction(1), min(Fraction(len(calm.requests), calm_attempts), _wanted(calm, ran, len(few))))
    now = Fraction(len(ran.requests), len(attempts))
    nested = now > usual
    functions = [model.name for model in bench.declared.models if model.is_function]
    times = float(now / usual)
    happened = (
        f"Each attempt became {times:.3g} requests: something inside tries again on its own, unseen and unpaid for."
        if nested
        else "Each request that failed is an attempt on the books."
    )
    return Finding(
        name="retries",
        promise=_PROMISE,
        tried="a provider that answers every request with 500",
        times=len(few),
        happened=happened,
        grade=Grade.FAIL if nested else Grade.PASS,
        evidence=(f"functions of the team's own: {', '.join(functions)}",) if functions else (),
        measured=(
            f"calm: {len(calm.requests)} requests for {calm_attempts} attempts",
            f"failing: {len(ran.requests)} requests for {len(attempts)} attempts",
        ),
        reproduce=bench.again("endings"),
        advice="Switch the retries inside the function off (for SDKs: max_retries=0) and raise what was raised."
        if nested
        else "",
    )


def _wanted(calm: Ran, failing: Ran, records: int) -> Fraction:
    """Requests for a record while all fail: those that differ, as often as the same one is sent on a calm day.

    A function of two requests that stops at the first failure sends one. Were it held against the calm day's two, one
    that tries again would send no more than it may.
    """
    if not failing.requests:
        return Fraction(1)
    differ, usual = ({row.body for row in ran.requests} for ran in (failing, calm))
    return Fraction(len(differ), records) * Fraction(len(calm.requests), len(usual))
