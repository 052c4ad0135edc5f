"""Stage `load`: many records at once, a provider that throttles, an outage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadworthy._settings import DEFAULTS
from roadworthy.vet.naked.stand import Stand
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.stage import Stage

_TOGETHER: Final = 16
_LATENCY_MS: Final = 60.0
_ROUGH: Final = {"429": 0.2, "503": 0.2}


def _load(stand: Stand) -> Iterator[Finding]:
    records = stand.records[: stand.count(_TOGETHER, least=4)]
    wanted = stand.wanted(records)
    if len(records) < 2 or not all(wanted):
        yield not_tested("at-once", LOAD.question, "Fewer than two records get an answer.")
        return
    yield _all_right(stand, records, wanted, "at-once", "Each record gets its own answer.", {})
    yield _all_right(
        stand,
        records,
        wanted,
        "rough",
        "A provider that throttles and fails now and then loses no record.",
        {"faults": _ROUGH, "in_a_row_max": 2},
    )
    yield _outage(stand, records)


def _all_right(
    stand: Stand,
    records: tuple[object, ...],
    wanted: list[str],
    name: str,
    promise: str,
    script: dict[str, object],
) -> Finding:
    stand.renew()
    stand.sim.reset()
    stand.script(**{"latency_ms": _LATENCY_MS, **script})
    calls = stand.call(records, together=len(records))
    ended = list(zip(calls, wanted, strict=True))
    right = sum(call.value == said for call, said in ended)
    wrong = sum(call.value != said and not call.gave_up for call, said in ended)
    rough = ", two of five requests fail by chance" if script else ""
    return Finding(
        name=name,
        promise=promise,
        tried=f"{len(records)} records at once{rough}",
        times=len(records),
        happened=f"{right} of {len(records)} got their answer, {wrong} a wrong one.",
        grade=Grade.PASS if right == len(records) else Grade.FAIL,
        measured=(f"{len(stand.sim.requests())} requests were sent",),
        reproduce=stand.again("load"),
        advice=""
        if right == len(records)
        else "Bound what is in flight, heed Retry-After, and park what fails.",
    )


def _outage(stand: Stand, records: tuple[object, ...]) -> Finding:
    most = round(len(records) * (1 + DEFAULTS.retry_budget_ratio)) + DEFAULTS.retry_budget_burst
    stand.renew()
    stand.sim.reset()
    stand.script(faults={"503": 1})
    stand.call(records, together=len(records))
    sent = len(stand.sim.requests())
    stand.renew()
    good = sent <= most
    return Finding(
        name="outage",
        promise=f"Retries do not feed an outage: at most {most} requests for {len(records)} records, a budget of "
        f"{DEFAULTS.retry_budget_ratio:.0%} and {DEFAULTS.retry_budget_burst}.",
        tried=f"{len(records)} records at once while every request gets a 503",
        times=len(records),
        happened="The retries stayed within it." if good else "The retries went beyond it.",
        grade=Grade.PASS if good else Grade.FAIL,
        measured=(f"{sent} requests were sent",),
        reproduce=stand.again("load"),
        advice="" if good else "Give retries a budget that all calls share.",
    )


LOAD: Final = Stage("load", "Load", "Does it hold when many come at once?", _load)
