"""Stages `crash` and `budget`: what is paid for twice, and what a record may cost at worst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from roadworthy._settings import DEFAULTS
from roadworthy.vet.kind import Kind
from roadworthy.vet.naked.stand import Stand
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.stage import Stage

_RECORDS: Final = 8
_LATENCY_MS: Final = 40.0
_TWICE: Final = "Nothing is paid for twice."
_KEEP: Final = (
    "Keep each reply with what was asked before anything else is done with it, and look there first."
)
_ONCE: Final = DEFAULTS.attempts_max
_NESTED: Final = 2 * DEFAULTS.attempts_max


def _crash(stand: Stand) -> Iterator[Finding]:
    records = stand.records[: stand.count(_RECORDS, least=4)]
    tried = "kill -9 in the middle of the input, then the whole input again"
    if len(records) < 2 or not all(stand.wanted(records)):
        yield not_tested("paid-again", _TWICE, "Fewer than two records get an answer.", tried=tried)
        return
    half, usual = len(records) // 2, _usual(stand, records)
    stand.sim.reset()
    stand.script(latency_ms=_LATENCY_MS)
    with stand.folder() as folder:
        with stand.child(folder) as process:
            process.send(records)
            process.gather(len(records), until=half)
            process.kill()
        with stand.child(folder) as process:
            again = process.call(records)
    billed = stand.sim.bill().total.billed_requests
    asked = {row.body for row in stand.sim.requests() if row.billed}
    if not asked:
        yield not_tested("paid-again", _TWICE, "The function paid for no answer.", tried=tried)
        return
    good = billed <= min(usual, len(asked)) + 1  # no two requests are alike where each has the time in it
    yield Finding(
        name="paid-again",
        promise=f"{_TWICE} The exception is what was on the wire when the process died.",
        tried=tried,
        times=1,
        happened="What was answered before the kill was not asked again."
        if good
        else "What was answered before the kill was asked and paid for again.",
        grade=Grade.PASS if good else Grade.FAIL,
        evidence=(f"killed after {half} of {len(records)} records",),
        measured=(
            f"{billed} answers were billed for {len(asked)} different requests; {usual} without a kill",
        ),
        reproduce=stand.again("crash"),
        advice="" if good else _KEEP,
    )
    wanted = stand.wanted(records)
    right = sum(call.value == said for call, said in zip(again, wanted, strict=True))
    yield Finding(
        name="goes-on",
        promise="After a crash the same command goes on, and every record has its answer.",
        tried=tried,
        times=1,
        happened=f"{right} of {len(records)} records have their answer after the second start.",
        grade=Grade.PASS if right == len(records) else Grade.FAIL,
        reproduce=stand.again("crash"),
    )


def _usual(stand: Stand, records: Sequence[object]) -> int:
    """How many answers these records take, each asked about once: told in a child and a folder apart."""
    stand.sim.reset()
    stand.script()
    with stand.folder() as folder, stand.child(folder) as process:
        process.call(records)
    return stand.sim.bill().total.billed_requests


def _budget(stand: Stand) -> Iterator[Finding]:
    yield _duplicate(stand, together=1)
    yield _duplicate(stand, together=2)
    yield _capped(stand)
    yield _bounded(stand, "tries", "a provider that answers 500 each time", {"faults": {"500": 1}}, _ONCE)
    yield _bounded(
        stand, "asks", "a model whose answers are never valid", {"faults": {str(Kind.MALFORMED): 1}}, _ONCE
    )
    nested = {"faults": {str(Kind.MALFORMED): 1, "500": 1}, "in_a_row_max": 2}
    yield _bounded(stand, "nested", "answers that are never valid, each after two 500s", nested, _NESTED)
    yield not_tested(
        "cap",
        "Never over budget.",
        "A plain function declares no budget, so there is none to hold it to.",
        advice='Declare an app: App("name", budget_usd=5) stops before it spends more.',
    )


def _duplicate(stand: Stand, *, together: int) -> Finding:
    record = stand.draw()
    name, said = ("duplicate", "the same record twice, one after the other")
    if together > 1:
        name, said = ("duplicate-at-once", "the same record twice at the same time")
    usual = _usual(stand, [record])
    stand.sim.reset()
    stand.script(latency_ms=_LATENCY_MS)
    stand.call([record, record], together=together)
    billed = stand.sim.bill().total.billed_requests
    if not billed:
        return not_tested(name, _TWICE, "The function paid for no answer.", tried=said)
    return Finding(
        name=name,
        promise=_TWICE,
        tried=said,
        times=1,
        happened=f"{billed} answers were billed; once it takes {usual}.",
        grade=Grade.PASS if billed <= usual else Grade.FAIL,
        reproduce=stand.again("budget"),
        advice="" if billed <= usual else _KEEP,
    )


def _capped(stand: Stand) -> Finding:
    promise = (
        "Every request says how long its answer may be: without that, nobody can say what it costs at most."
    )
    stand.sim.reset()
    stand.script()
    stand.call([stand.draw()])
    rows = stand.sim.requests()
    if not rows:
        return not_tested("output-cap", promise, "The function sent no request.", tried="a record")
    caps = sorted({row.output_cap for row in rows if row.output_cap is not None})
    good = all(row.output_cap is not None for row in rows)
    return Finding(
        name="output-cap",
        promise=promise,
        tried="a record, with nothing wrong",
        times=1,
        happened=f"Its answer may have {', '.join(map(str, caps))} tokens at most."
        if good
        else "It sent a request without a bound.",
        grade=Grade.PASS if good else Grade.FAIL,
        reproduce=stand.again("budget"),
        advice=""
        if good
        else "Send max_completion_tokens (or the provider's name for it) with every request.",
    )


def _bounded(stand: Stand, name: str, said: str, script: Mapping[str, object], most: int) -> Finding:
    promise = f"One record costs a few requests at worst, here at most {most}: there is one owner of retries."
    stand.sim.reset()
    stand.script(**script)
    [call] = stand.call([stand.draw()])
    rows, billed = stand.sim.requests(), stand.sim.bill().total.billed_requests
    stand.renew()
    if not rows:
        return not_tested(name, promise, "The function sent no request.", tried=said)
    good = len(rows) <= most
    return Finding(
        name=name,
        promise=promise,
        tried=said,
        times=1,
        happened=f"It sent {len(rows)} requests for one record, {billed} of them billed, and {call.text()}.",
        grade=Grade.PASS if good else Grade.FAIL,
        measured=(f"it took {call.seconds:.1f} s",),
        reproduce=stand.again("budget"),
        advice=""
        if good
        else "Let one place retry: switch the client's own retries off where you retry yourself.",
    )


CRASH: Final = Stage("crash", "Crash", "What is lost or paid again when the process dies?", _crash)
BUDGET: Final = Stage("budget", "Budget", "What does it cost at worst?", _budget)
