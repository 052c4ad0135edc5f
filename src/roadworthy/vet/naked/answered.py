"""Whether a function answers anything when nothing is wrong."""

from __future__ import annotations

from typing import Final

from roadworthy.vet.naked.stand import Stand
from roadworthy.vet.road.answered import NAME, PROMISE, commonest, reasons
from roadworthy.vet.road.finding import Finding, Grade

_ADVICE: Final = (
    "Mend what it raises. Where it is the provider's answers that it turns away, give some that it takes: "
    "--answers FILE."
)


def answers_any(stand: Stand) -> Finding:
    """Whether the function answers any of the records on a calm day."""
    refused = stand.refusals(stand.records)
    said = [(f"record {number}", reason) for number, reason in enumerate(refused, 1)]
    count = len(stand.records)
    is_dumb = len(refused) == count
    return Finding(
        name=NAME,
        promise=PROMISE,
        tried="the input on a provider without faults",
        times=count,
        happened=f"Even on a calm day no record gets an answer. {commonest(said)}"
        if is_dumb
        else f"{count - len(refused)} of {count} records get an answer.",
        grade=Grade.FAIL if is_dumb else Grade.PASS,
        evidence=reasons(said) if is_dumb else (),
        reproduce=stand.again("endings"),
        advice=_ADVICE if is_dumb else "",
    )
