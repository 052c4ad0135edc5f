"""Stages `endings` and `answers`: what the function does with each way in which a provider fails, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from roadworthy.vet.kind import Kind
from roadworthy.vet.naked.call import State
from roadworthy.vet.naked.stand import Stand, Tried
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.stage import Stage

PASSING: Final = {
    Kind.THROTTLED: "a 429 with Retry-After: 1",
    Kind.SERVER_ERROR: "a 500",
    Kind.UNAVAILABLE: "a 503",
    Kind.HTML_502: "a gateway's HTML page with status 502",
    Kind.HTML_200: "a gateway's HTML page with status 200",
    Kind.ERROR_IN_200: "an error inside a 200",
    Kind.RESET: "a connection that is reset after the request was sent",
    Kind.CUT: "an answer that breaks off in its middle",
}
SILENT: Final = {
    Kind.HANG: "a provider that takes the request and says nothing",
    Kind.TRICKLE: "a provider that sends a byte now and then",
}
STANDING: Final = {
    Kind.UNAUTHORIZED: "a key that is refused (401)",
    Kind.QUOTA: "an account without money (429, insufficient_quota)",
    Kind.MODEL_GONE: "a model that was retired (404)",
    Kind.TOO_LONG: "an input that is too long for the model (400)",
}
CONTENT: Final = {
    Kind.FENCED: "an answer inside a code fence",
    Kind.PROSE: "an answer with chatter around it",
    Kind.DOUBLE_ENCODED: "an answer that is JSON inside a JSON string",
    Kind.MALFORMED: "JSON with a quote missing",
    Kind.TRUNCATED: "an answer cut off at its length (finish_reason length)",
    Kind.EMPTY: "an empty answer",
    Kind.MISSING_FIELD: "an answer without one of its fields",
    Kind.WRONG_ENUM: "a value that is not among those allowed",
    Kind.REFUSED: "a refusal",
    Kind.FILTERED: "an answer that a filter took away",
}
UNMENDABLE: Final = frozenset({Kind.REFUSED, Kind.FILTERED})
"""Asking the same model the same again is not expected to help: giving up in so many words is right."""
RETRY_AFTER_S: Final = 1.0
_CLOCK_SLACK_S: Final = 0.05


def _name(kind: Kind) -> str:
    return str(kind).replace("_", "-")


def _blank(stand: Stand, name: str, promise: str, tried: Tried, said: str) -> Finding | None:
    """Not tested, where the trial could not be made; None where it could."""
    if not tried.wanted:
        reason = "The function gives no answer to this record when nothing is wrong."
        advice = "Give recorded answers that fit it: --answers FILE."
    elif not tried.rows:
        reason, advice = "The function sent no request.", ""
    elif not tried.met:
        reason, advice = f"The provider could not do this to the request: {tried.text()}", ""
    elif tried.call.state is State.HUNG:
        reason = f"Not back after {stand.cage.deadline_s:g} s, and this test waits no longer: when it ends is not known."
        advice = "Give the client a timeout, and the whole call a deadline; the OpenAI client waits 600 s by itself."
    else:
        return None
    return not_tested(name, promise, reason, tried=said, advice=advice)


def _graded(
    stand: Stand, said: str, tried: Tried, *, name: str, promise: str, good: bool, advice: str
) -> Finding:
    """What one call came to."""
    return Finding(
        name=name,
        promise=promise,
        tried=f"{said}, once",
        times=1,
        happened=tried.text(),
        grade=Grade.PASS if good else Grade.FAIL,
        reproduce=stand.again("endings"),
        advice="" if good else advice,
    )


def _passing(stand: Stand) -> Iterator[Finding]:
    for kind, said in PASSING.items():
        tried = stand.tried(kind)
        name, promise = _name(kind), "What passes by itself is tried again, and the record gets its answer."
        if (blank := _blank(stand, name, promise, tried, said)) is not None:
            yield blank
            continue
        advice = "Try again what passes by itself; nothing else, and not for ever."
        yield _graded(stand, said, tried, name=name, promise=promise, good=tried.is_right, advice=advice)
        if kind is Kind.THROTTLED and len(tried.rows) > 1:
            yield _waited(stand, tried)


def _waited(stand: Stand, tried: Tried) -> Finding:
    gap = tried.rows[1].at - tried.rows[0].at
    heeded = gap >= RETRY_AFTER_S - _CLOCK_SLACK_S
    return Finding(
        name="retry-after",
        promise="A provider that says when to come again is heeded.",
        tried="a 429 with Retry-After: 1",
        times=1,
        happened="It waited as long as it was told."
        if heeded
        else "It came again sooner than it was told to.",
        grade=Grade.PASS if heeded else Grade.FAIL,
        measured=(f"{gap:.2f} s passed between the two requests",),
        reproduce=stand.again("endings"),
        advice="" if heeded else "Wait at least as long as Retry-After says.",
    )


def find_silent(stand: Stand) -> Iterator[Finding]:
    """A provider that says nothing, or next to nothing."""
    promise = (
        f"A provider that falls silent holds a record up for less than {stand.silence_s:g} s: whoever waits behind a proxy "
        "has been told by then that it failed."
    )
    for kind, said in SILENT.items():
        tried = stand.tried(kind, wait_s=stand.silence_s)
        name, hung = _name(kind), tried.call.state is State.HUNG
        if not hung and (blank := _blank(stand, name, promise, tried, said)) is not None:
            yield blank
            continue
        advice = "Give the client a timeout, and the whole call a deadline; the OpenAI client waits 600 s by itself."
        found = _graded(
            stand, said, tried, name=name, promise=promise, good=not (hung or tried.is_wrong), advice=advice
        )
        yield replace(found, measured=() if hung else (f"back after {tried.call.seconds:.1f} s",))


def _standing(stand: Stand) -> Iterator[Finding]:
    for kind, said in STANDING.items():
        tried = stand.tried(kind, lasting=True)
        name, promise = _name(kind), "What cannot get better is said at once, and not tried again."
        if (blank := _blank(stand, name, promise, tried, said)) is not None:
            yield blank
            continue
        good = tried.call.gave_up and len(tried.rows) == 1
        advice = "Tell what passes by itself from what does not; let the caller know which it was."
        found = _graded(stand, said, tried, name=name, promise=promise, good=good, advice=advice)
        yield replace(found, tried=f"{said}, each time")


def _endings(stand: Stand) -> Iterator[Finding]:
    yield from _passing(stand)
    yield from _standing(stand)
    yield from find_silent(stand)


def _answers(stand: Stand) -> Iterator[Finding]:
    for kind, said in CONTENT.items():
        tried = stand.tried(kind)
        kept, promise = (
            f"{_name(kind)}-kept-out",
            "Nothing unchecked leaves: a spoiled answer is never passed on.",
        )
        if (blank := _blank(stand, kept, promise, tried, said)) is not None:
            yield blank
            continue
        yield Finding(
            name=kept,
            promise=promise,
            tried=f"{said}, once",
            times=1,
            happened=tried.text(),
            grade=Grade.FAIL if tried.is_wrong else Grade.PASS,
            evidence=(f"right would have been: {tried.wanted[:160]}",),
            reproduce=stand.again("answers"),
            advice="Check each answer before it leaves: its end, its form, its values."
            if tried.is_wrong
            else "",
        )
        if kind not in UNMENDABLE:
            yield _mended(stand, kind, said, tried)


def _mended(stand: Stand, kind: Kind, said: str, tried: Tried) -> Finding:
    promise = "One bad answer does not cost the record: it is mended or asked for again."
    advice = "Ask once more with what was wrong, then another model, then a person."
    found = _graded(
        stand, said, tried, name=f"{_name(kind)}-mended", promise=promise, good=tried.is_right, advice=advice
    )
    return replace(found, reproduce=stand.again("answers"))


ENDINGS: Final = Stage("endings", "Endings", "What does it do when the provider fails?", _endings)
ANSWERS: Final = Stage("answers", "Answers", "What does it do with an answer that is spoiled?", _answers)
