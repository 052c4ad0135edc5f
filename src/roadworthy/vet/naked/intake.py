"""Stage `intake`: what the function does with a record that is empty, giant, broken or hostile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from roadworthy._quick import quick
from roadworthy._settings import DEFAULTS
from roadworthy.vet.naked.call import Call, State
from roadworthy.vet.naked.stand import Stand
from roadworthy.vet.naked.wording import reworded, text_of
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.stage import Stage

_MOJIBAKE: Final = "GrÃ¼ÃŸe"  # UTF-8 read as Windows-1252; "Grüße"
_HOLES: Final = "{queue} %s {{x}} ${name}"
_AFTER: Final = "vetafter"


@quick(frozen=True, slots=True)
class _Unusable:
    name: str
    said: str
    text: object


_UNUSABLE: Final = (
    _Unusable("empty", "a record whose text is empty", ""),
    _Unusable("blank", "a record whose text is white space", " \n\t \n"),
    _Unusable("no-text", "a record with null where its text belongs", None),
    _Unusable(
        "giant",
        f"a record of {2 * DEFAULTS.field_chars_max:,} characters",
        "word " * (2 * DEFAULTS.field_chars_max // 5),
    ),
)


def _intake(stand: Stand) -> Iterator[Finding]:
    yield from _unusable(stand)
    yield _mojibake(stand)
    yield _survives(
        stand,
        "half-a-letter",
        "A letter that is no letter does not cost the record.",
        "a record with a lone surrogate (half of an emoji)",
        "\ud83d",
        "Clean the text before it is sent: what no encoder takes, and what was decoded wrongly.",
    )
    yield _template(stand)


def _call(stand: Stand, record: object, **script: object) -> Call:
    stand.sim.reset()
    stand.script(**script)
    [call] = stand.call([record])
    return call


def _unusable(stand: Stand) -> Iterator[Finding]:
    for bad in _UNUSABLE:
        call = _call(stand, reworded(stand.records[0], bad.text, name=f"vet-{bad.name}"))
        sent, billed = len(stand.sim.requests()), stand.sim.bill().total.billed_requests
        good = not sent and call.gave_up
        yield Finding(
            name=bad.name,
            promise="What cannot be used is turned away with a reason, before it costs anything.",
            tried=bad.said,
            times=1,
            happened=f"It sent {sent} requests, {billed} of them billed, and {call.text()}.",
            grade=Grade.PASS if good else Grade.FAIL,
            reproduce=stand.again("intake"),
            advice=""
            if good
            else "Say what a usable record is (type, least and most length) and refuse the rest.",
        )


def _mojibake(stand: Stand) -> Finding:
    record = stand.draw()
    watched = [_MOJIBAKE, json.dumps(_MOJIBAKE)[1:-1]]
    call = _call(stand, reworded(record, f"{text_of(record)} {_MOJIBAKE}"), watched=watched)
    rows = stand.sim.requests()
    promise = "A text that was decoded wrongly is put right before a model reads it."
    if not rows:
        said = f"The function sent no request and {call.text()}."
        return not_tested("wrong-letters", promise, said, tried=f"a record that holds {_MOJIBAKE}")
    sent = any(row.heard for row in rows)
    return Finding(
        name="wrong-letters",
        promise=promise,
        tried=f"a record that holds {_MOJIBAKE}",
        times=1,
        happened="The broken letters went to the model." if sent else "They were not sent as they were.",
        grade=Grade.FAIL if sent else Grade.PASS,
        reproduce=stand.again("intake"),
        advice="Clean the text before it is sent." if sent else "",
    )


def _survives(stand: Stand, name: str, promise: str, said: str, suffix: str, advice: str) -> Finding:
    record = stand.draw()
    if not stand.wanted([record])[0]:
        return not_tested(name, promise, "The function gives no answer to this record as it is.", tried=said)
    call = _call(stand, reworded(record, f"{text_of(record)} {suffix}"))
    good = call.state is State.RETURNED and not call.gave_up
    return Finding(
        name=name,
        promise=promise,
        tried=said,
        times=1,
        happened="The record got its answer." if good else f"It {call.text()}.",
        grade=Grade.PASS if good else Grade.FAIL,
        reproduce=stand.again("intake"),
        advice="" if good else advice,
    )


def _template(stand: Stand) -> Finding:
    """An answer alone does not tell: a mark that was filled in gets one, too. What the model was sent does."""
    name, said = "template", f"a record that holds {_HOLES}"
    promise = "What a record says is data: no template fills itself in from it."
    record = stand.draw()
    if not stand.wanted([record])[0]:
        return not_tested(name, promise, "The function gives no answer to this record as it is.", tried=said)
    text = f"{text_of(record)} {_HOLES} {_AFTER}"
    call = _call(stand, reworded(record, text), watched=[_HOLES, _AFTER])
    heard = {word for row in stand.sim.requests() for word in row.heard}
    filled = _AFTER in heard and _HOLES not in heard
    good = call.state is State.RETURNED and not call.gave_up and not filled
    happened = "The model was sent other words in their place." if filled else f"It {call.text()}."
    return Finding(
        name=name,
        promise=promise,
        tried=said,
        times=1,
        happened="The record got its answer." if good else happened,
        grade=Grade.PASS if good else Grade.FAIL,
        reproduce=stand.again("intake"),
        advice="" if good else "Never put a record into a template that is then filled in once more.",
    )


INTAKE: Final = Stage("intake", "Intake", "What does it do with broken input?", _intake)
