"""Stages `leakage` and `explanation`: what a call leaves behind, and where it goes besides the provider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from roadworthy.vet.naked.call import Call
from roadworthy.vet.naked.environ import DUMMY
from roadworthy.vet.naked.stand import Stand
from roadworthy.vet.naked.wording import reworded, text_of
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.stage import Stage

_RECORDS: Final = 3
_FILE_BYTES_MAX: Final = 64_000_000


def _marked(stand: Stand) -> tuple[list[object], list[str]]:
    words = [f"canary{stand.seed}x{number}x" for number in range(_RECORDS)]
    records = [stand.draw() for _ in words]
    return [
        reworded(record, f"{text_of(record)} {word}") for record, word in zip(records, words, strict=True)
    ], words


def _leakage(stand: Stand) -> Iterator[Finding]:
    records, words = _marked(stand)
    stand.renew()
    stand.sim.reset()
    stand.script(watched=[*words, DUMMY])
    heard = []
    for record in records:
        before = len(stand.sim.requests())
        stand.call([record])
        heard.append({word for row in stand.sim.requests()[before:] for word in row.heard})
    sent = len(stand.sim.requests())
    stand.renew()
    promise = "One record's words are in no other record's request."
    if not sent or not any(heard):
        yield not_tested("apart", promise, "The function sent no request with a record's words in it.")
    else:
        mixed = any(found - {word} for found, word in zip(heard, words, strict=True))
        yield Finding(
            name="apart",
            promise=promise,
            tried=f"{len(records)} records, one after the other, each with a word of its own",
            times=len(records),
            happened="A request held words of another record."
            if mixed
            else "Each request held its own alone.",
            grade=Grade.FAIL if mixed else Grade.PASS,
            reproduce=stand.again("leakage"),
            advice="Keep no conversation between records." if mixed else "",
        )
    yield _printed(stand, words)
    yield _outside(stand)
    yield not_tested(
        "injection",
        "An injection may spoil its own answer alone.",
        "A simulated provider obeys no instruction, so it cannot be led astray.",
        tried="nothing",
    )


def _printed(stand: Stand, words: Sequence[str]) -> Finding:
    shown = [word for word in (*words, DUMMY) if word.encode() in stand.printed]
    said = "A key was printed." if DUMMY in shown else "A record's words were printed."
    return Finding(
        name="logs",
        promise="Neither keys nor what a record says end up in the logs.",
        tried="what was printed during the test, its first 64,000 bytes a process",
        times=1,
        happened=said if shown else "Neither was printed.",
        grade=Grade.FAIL if shown else Grade.PASS,
        reproduce=stand.again("leakage"),
        advice="Log keys and texts by a name, not as they are." if shown else "",
    )


def _outside(stand: Stand) -> Finding:
    blocked = sorted(stand.blocked)
    return Finding(
        name="calls-home",
        promise="It speaks to the provider and to nobody else.",
        tried="every connection that Python opened during the test",
        times=1,
        happened=f"It tried to reach {', '.join(blocked)[:200]}."
        if blocked
        else "It reached for nothing else.",
        grade=Grade.FAIL if blocked else Grade.PASS,
        reproduce=stand.again("leakage"),
        advice="Switch the library's telemetry off." if blocked else "",
    )


def _explanation(stand: Stand) -> Iterator[Finding]:
    records, words = _marked(stand)
    stand.sim.reset()
    stand.script()
    with stand.folder() as folder:
        before = dict(_files(folder))
        with stand.child(folder) as process:
            calls = process.call(records)
        left = sorted(place for place, state in _files(folder) if before.get(place) != state)
        kept = sum(_holds(left, word) for word in words)
    yield _story(stand, calls, [place.name for place in left], kept, len(words))


def _story(stand: Stand, calls: Sequence[Call], names: Sequence[str], kept: int, count: int) -> Finding:
    promise = "Every answer explains itself afterwards: what was asked, what came back, what it cost."
    if all(call.gave_up for call in calls):
        return not_tested("story", promise, "The function gave no answer.")
    good = kept == count
    return Finding(
        name="story",
        promise=promise,
        tried=f"{count} records, then a look at what the function left in its folder",
        times=count,
        happened=f"{kept} of {count} records can be found again, in {', '.join(names) or 'no file'}.",
        grade=Grade.PASS if good else Grade.FAIL,
        reproduce=stand.again("explanation"),
        advice=""
        if good
        else "Keep a row for each request: what was sent, what came, tokens, price, verdict.",
    )


def _files(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Every file with its length and when it was written to: a log may have begun long ago."""
    for place in folder.rglob("*"):
        if place.is_file() and "__pycache__" not in place.parts:
            state = place.stat()
            yield place, (state.st_size, state.st_mtime_ns)


def _holds(places: Sequence[Path], word: str) -> bool:
    small = (place for place in places if place.stat().st_size <= _FILE_BYTES_MAX)
    return any(word.encode() in place.read_bytes() for place in small)


LEAKAGE: Final = Stage("leakage", "Leakage", "Where do words go that should not?", _leakage)
EXPLANATION: Final = Stage(
    "explanation", "Explanation", "Can anyone say later why it answered so?", _explanation
)
