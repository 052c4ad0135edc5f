"""Part of the stage `endings`: an account that is closed, then open again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.steady import unsteady
from roadworthy.vet.road.trial import Ran

_STOPPED: Final = 3
_ASKED_PER_MODEL_MAX: Final = 8 * 2
"""Requests to a model whose account is closed: those in flight when the first one comes back, and as many again."""


def find_closed(bench: Bench, samples: tuple[Sample, ...], calm: Ran) -> Iterator[Finding]:
    """An account without credit, and a key that is refused.

    Args:
        calm: the same records on a provider without faults.
    """
    for kind, words in (("quota", "an account without credit"), ("401", "a key that is refused")):
        yield _closed(bench, kind, words, samples, calm)


def _closed(bench: Bench, kind: str, words: str, samples: tuple[Sample, ...], calm: Ran) -> Finding:
    """An account that is closed, then open again."""
    name = {"quota": "no-credit", "401": "refused-key"}[kind]
    models = [model for model in bench.declared.models if not model.is_function]
    promise = "A closed account stops the run instead of the records; opened again, the same command goes on."
    with bench.trial(
        [sample.line for sample in samples], {"faults": {kind: 1.0}, "in_a_row_max": 0}
    ) as trial:
        closed = trial.run(settings={"ROADWORTHY_PATIENCE_S": "1"})
        trial.sim.script({"faults": {}})
        again = trial.run()
    if not models and closed.status != _STOPPED:
        return not_tested(
            name,
            promise,
            "The app's functions keep to themselves how the provider refused.",
            tried=words,
            advice="Let the error of the provider's client pass through, with the status it names.",
        )
    wrong = []
    if closed.status != _STOPPED or closed.count("failed") > calm.count("failed"):
        wrong.append(f"the run did not stop but ended with status {closed.status}, {closed.fates}")
    odd = unsteady(bench)
    before, after = (
        {key: value for key, value in one.values().items() if key not in odd} for one in (calm, again)
    )
    if before != after:
        wrong.append(f"opened again, the answers are others: {again.fates}")
    most = _ASKED_PER_MODEL_MAX * len(models)
    if models and len(closed.requests) > most:  # what a function sends again is the affair of `retries`
        wrong.append(f"the closed account was asked {len(closed.requests)} times, {most} are allowed")
    return Finding(
        name=name,
        promise=promise,
        tried=f"{words}, which is opened after the run has stopped",
        times=len(samples),
        happened=f"It did not: {wrong[0]}."
        if wrong
        else "The run stopped, resumable; then every record got its answer.",
        grade=Grade.FAIL if wrong else Grade.PASS,
        evidence=tuple(wrong),
        measured=(f"{len(closed.requests)} requests while it was closed", *closed.last_words),
        reproduce=bench.again("endings"),
        advice="Let the provider's refusal pass through to Roadworthy." if wrong else "",
    )
