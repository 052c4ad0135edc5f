"""Answers that came whole and are wrong: of the wrong form, or made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.cause import remembered
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.steady import unsteady
from roadworthy.vet.road.trial import Ran

_BROKEN: Final = {"malformed": 0.25, "prose": 0.25, "truncated": 0.25, "empty": 0.25}
_WRAPPED: Final = {"fenced": 0.5, "double_encoded": 0.5}
_GUARDED: Final = (
    "An answer that is made up does not leave as accepted: a check holds it against the record, or audits do."
)


def find_unfit(bench: Bench, samples: tuple[Sample, ...], calm: Ran) -> Iterator[Finding]:
    """Answers of the wrong form."""
    lines = [sample.line for sample in samples]
    with bench.trial(lines, {"faults": _BROKEN}) as trial:
        ran = trial.run()
    yield _judged(
        bench,
        ran,
        calm,
        name="unfit",
        promise="An answer of the wrong form is never accepted, and never repaired into another one.",
        tried="answers cut off, with a quote missing, wrapped in prose, or empty: every one",
        times=len(lines),
    )
    with bench.trial(lines, {"faults": _WRAPPED}) as trial:
        ran = trial.run()
    yield _judged(
        bench,
        ran,
        calm,
        name="wrapped",
        promise="An answer that is whole and only wrapped is unwrapped, and not changed.",
        tried="answers inside a code fence, or encoded twice: every one",
        times=len(lines),
    )


def _judged(bench: Bench, ran: Ran, calm: Ran, *, name: str, promise: str, tried: str, times: int) -> Finding:
    odd = unsteady(bench)
    before = {str(row["key"]): (row["model"], row["value"]) for row in calm.rows if row["key"] not in odd}
    wrong, other = [], []
    for key, value in ran.values().items():
        model = next(row["model"] for row in ran.rows if str(row["key"]) == key)
        # Another model's answer may be another one; the same model's whole answer is known from the calm day.
        if key in before and before[key][0] == model and before[key][1] != value:
            other.append(key)
            wrong.append(f"{key}: accepted {orjson.dumps(value).decode()[:120]}")
    broken = not ran.is_whole
    happened = (
        f"The run ended with status {ran.status} and does not account for every record."
        if broken
        else f"{len(wrong)} of {times} records were accepted with another answer than the model gave."
        if wrong
        else f"{ran.count('accepted')} accepted as the model meant them, {times - ran.count('accepted')} not accepted."
    )
    return Finding(
        name=name,
        promise=promise,
        tried=tried,
        times=times,
        happened=happened,
        grade=Grade.FAIL if wrong or broken else Grade.PASS,
        evidence=tuple(sorted(wrong)[:5]),
        measured=(f"{len(ran.requests)} requests",),
        reproduce=bench.again("endings"),
        advice="Raise when an answer is not what was asked for; never guess at the rest of it."
        if wrong
        else "",
        clues=() if broken else remembered(bench, calm, ran, other),
    )


def find_invented(bench: Bench, samples: tuple[Sample, ...]) -> Finding:
    """Answers of the right form whose texts stand in no record."""
    steps = bench.declared.steps
    if not any(is_free(step.schema) for step in steps):
        reason = "Its answers are choices from lists: nothing in them can be held against the record."
        advice = "Promise a share of errors and let audits test it: @app.step(max_error=...)."
        return not_tested("invented", _GUARDED, reason, advice=advice)
    audited = [step.name for step in steps if step.max_error is not None]
    with (
        bench.provider(answers=(), stand_in="invented") as sim,
        bench.trial([sample.line for sample in samples], sim=sim) as trial,
    ):
        ran = trial.run()
    accepted = ran.count("accepted")
    is_bad = bool(accepted) and not audited
    happened = f"{accepted} of {len(samples)} made-up answers were accepted"
    happened += f"; chance shows people some of them, as {', '.join(audited)} promise." if audited else "."
    checks = [f"{step.name}: {', '.join(step.checks) or 'no checks'}" for step in steps]
    shown = [f"{key}: {orjson.dumps(value).decode()[:160]}" for key, value in sorted(ran.values().items())]
    return Finding(
        name="invented",
        promise=_GUARDED,
        tried="answers of the right form, very sure of themselves, whose texts stand in no record",
        times=len(samples),
        happened=happened,
        grade=Grade.FAIL if is_bad else Grade.PASS,
        evidence=(*checks, *shown[:3]),
        reproduce=bench.again("endings"),
        advice="Add a check that holds the answer against the record (docs/checks.md), or promise max_error=."
        if is_bad
        else "",
    )


def is_free(schema: object) -> bool:
    """Whether the schema lets an answer say something of its own: a text that no list bounds."""
    if isinstance(schema, list):
        return any(map(is_free, schema))
    if not isinstance(schema, Mapping):
        return False
    if "enum" in schema or "const" in schema:
        return False
    if schema.get("type") == "string":
        return True
    return any(is_free(inner) for name, inner in schema.items() if name not in {"default", "examples"})
