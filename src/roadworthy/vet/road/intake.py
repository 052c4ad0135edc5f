"""Stage `intake`: what arrives broken is turned away with a reason, and everything that arrives is accounted for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.cause import remembered
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Picture
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.steady import UNSTEADY_ALL, count_of, unsteady
from roadworthy.vet.road.trial import Ran

_RECORDS: Final = 12
_GIANT_CHARS: Final = 2_000_000
_LINE_BYTES: Final = 5_000_000
_ENDED: Final = (0, 1)

_BROKEN: Final[tuple[tuple[str, bytes], ...]] = (
    ("a line cut in the middle", b'{"id": "vet-cut", "text": "the end is mis'),
    ("no JSON at all", b"Dear Sir or Madam,"),
    ("a list where an object belongs", b'["vet-list"]'),
    ("null", b"null"),
    ("a number that is none", b'{"id": "vet-nan", "text": NaN}'),
    ("one name twice", b'{"id": "vet-twice", "id": "vet-other"}'),
    ("JSON 5,000 levels deep", b'{"id": "vet-deep", "text": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    ("bytes that are no text", b'{"id": "vet-bytes", "text": "\xff\xfe\x00\x80"}'),
    ("an empty object", b"{}"),
    ("a line of 5,000,000 bytes", b'{"id": "vet-long", "text": "' + b"x" * _LINE_BYTES + b'"}'),
)


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    good = bench.take(bench.count(_RECORDS, least=3))
    if not good:
        yield not_tested("accounted", INTAKE.question, "The input holds no usable record.")
        return
    lines = [sample.line for sample in good]
    with bench.trial(lines) as trial:
        calm = trial.run()
    if calm.status not in _ENDED:
        said = f"Even as it is, the input does not come through: status {calm.status}: {calm.said[-200:]}"
        yield not_tested("accounted", INTAKE.question, said)
        return
    broken = [*_BROKEN, *_spoiled(good[0])]
    messy = _interleaved(lines, [line for _, line in broken])
    with bench.trial(messy) as trial:
        ran = trial.run()
    yield _alone(bench)
    yield _accounted(bench, ran, len(lines), [name for name, _ in broken])
    yield _neighbours(bench, calm, ran, good)
    yield _twice(bench, good, calm)
    yield _encoded(bench, good, calm)


def _spoiled(sample: Sample) -> Iterator[tuple[str, bytes]]:
    """A good record with one thing wrong."""
    if not isinstance(sample.body, dict):
        return

    def changed(key: str, change: dict[str, Any]) -> bytes:
        named = {**sample.body, **change}
        return orjson.dumps(
            {name: f"vet-{key}" if value == sample.key else value for name, value in named.items()}
        )

    texts = {
        name: value for name, value in sample.body.items() if isinstance(value, str) and value != sample.key
    }
    if texts:
        longest = max(texts, key=lambda name: len(texts[name]))
        yield "a text of 2,000,000 characters", changed("giant", {longest: "word " * (_GIANT_CHARS // 5)})
        yield "texts that are empty", changed("empty", dict.fromkeys(texts, ""))
        yield "a text that is white space", changed("blank", {longest: " \t\u00a0\u3000\u200b"})
        yield "a list where a text belongs", changed("list", {longest: [texts[longest][:20]]})
    yield (
        "every field null",
        changed("null", {name: None for name in sample.body if sample.body[name] != sample.key}),
    )


def _accounted(bench: Bench, ran: Ran, good: int, broken: Sequence[str]) -> Finding:
    total = good + len(broken)
    well = (
        ran.status in _ENDED and ran.is_whole and ran.count("records") == total and not ran.count("pending")
    )
    return Finding(
        name="accounted",
        promise="Every line that arrives is accounted for, however broken it is, and none stops the run.",
        tried=f"{good} records of the input with {len(broken)} broken ones between them",
        times=total,
        happened=f"{ran.count('records')} of {total} lines are accounted for, {ran.count('rejected')} turned away."
        if well
        else f"The run ended with status {ran.status}: {ran.said[-200:].strip() or 'nothing was said'}",
        grade=Grade.PASS if well else Grade.FAIL,
        evidence=tuple(broken),
        reproduce=bench.again("intake"),
        advice="" if well else "Let the record's type refuse what it cannot use.",
    )


def _neighbours(bench: Bench, calm: Ran, ran: Ran, good: Sequence[Sample]) -> Finding:
    return _same(
        bench,
        calm,
        ran,
        good,
        name="neighbours",
        promise="A broken line changes nothing about its neighbours.",
        tried="the same records with and without broken lines between them",
    )


def _twice(bench: Bench, good: Sequence[Sample], calm: Ran) -> Finding:
    lines = [line for sample in good for line in [sample.line] * 3]
    with bench.trial(lines) as trial:
        ran = trial.run()
    asked = ran.count("attempts")
    well = ran.is_whole and ran.count("records") == len(lines) and asked <= calm.count("attempts")
    return Finding(
        name="duplicates",
        promise="What arrives more than once is asked once.",
        tried="each record three times",
        times=len(lines),
        happened="Each was asked once, and every line has its answer."
        if well
        else f"{len(lines)} lines were asked {asked} times, {len(good)} lines {calm.count('attempts')} times.",
        grade=Grade.PASS if well else Grade.FAIL,
        measured=(f"{asked} attempts for {len(lines)} lines, {calm.count('attempts')} for {len(good)}",),
        reproduce=bench.again("intake"),
        advice="" if well else "Name the field that identifies a record: @app.step(key=...).",
    )


def _encoded(bench: Bench, good: Sequence[Sample], calm: Ran) -> Finding:
    """The same input as other programs would write it."""
    text = "\r\n".join(sample.line.decode() for sample in good) + "\r\n"
    with bench.trial([]) as trial:
        (trial.folder / "input.jsonl").write_bytes(text.encode("utf-16"))
        ran = trial.run()
    return _same(
        bench,
        calm,
        ran,
        good,
        name="encodings",
        promise="The same records in another encoding get the same answers.",
        tried="the input in UTF-16 with the line ends of Windows",
    )


def _same(
    bench: Bench, calm: Ran, ran: Ran, good: Sequence[Sample], *, name: str, promise: str, tried: str
) -> Finding:
    odd = unsteady(bench)
    wanted = {sample.key for sample in good} - set(odd)
    before = {row["key"]: row["value"] for row in calm.rows if row["key"] in wanted}
    after = {row["key"]: row["value"] for row in ran.rows if row["key"] in wanted}
    if not before:
        return not_tested(name, promise, UNSTEADY_ALL, tried=tried)
    if all(value is None for value in before.values()):
        reason = f"None of {len(before)} records has an answer that could change: {calm.fates}."
        return not_tested(name, promise, reason, tried=tried)
    changed = sorted(key for key in before if before[key] != after.get(key))
    return Finding(
        name=name,
        promise=promise,
        tried=tried,
        times=len(before),
        happened=f"{len(before) - len(changed)} of {len(before)} records have the same answer both times.",
        grade=Grade.FAIL if changed else Grade.PASS,
        evidence=tuple(
            f"{key}: {_shown(before[key])} became {_shown(after.get(key))}" for key in changed[:5]
        ),
        reproduce=bench.again("intake"),
        advice="Keep nothing between records." if changed else "",
        clues=remembered(bench, calm, ran, changed),
    )


def _alone(bench: Bench) -> Finding:
    odd = unsteady(bench)
    count = count_of(bench)
    return Finding(
        name="alone",
        promise="An answer depends on its own record alone, and not on those that came before it.",
        tried="the same records one by one, from first to last and from last to first",
        times=count,
        happened=f"{len(odd)} of {count} records got another answer when they came in another order."
        if odd
        else "Every record got the same answer both times.",
        grade=Grade.FAIL if odd else Grade.PASS,
        evidence=tuple(
            f"{key}: {_shown(there)} became {_shown(back)}" for key, (there, back) in sorted(odd.items())[:5]
        ),
        reproduce=bench.again("intake"),
        advice="Remove what the app remembers between records, such as a cache of its own whose key leaves out "
        "part of the question; Roadworthy keeps replies by the whole request."
        if odd
        else "",
    )


def _shown(value: object) -> str:
    return orjson.dumps(value, default=str).decode()[:160]


def _interleaved(good: list[bytes], bad: list[bytes]) -> list[bytes]:
    """The bad ones spread among the good ones."""
    mixed: list[bytes] = []
    for place, line in enumerate(good):
        mixed.append(line)
        mixed += bad[place :: len(good)]
    return mixed


INTAKE: Final = Stage(
    "intake", "Intake", "Is everything that arrives accounted for, however broken it is?", _trial
)
