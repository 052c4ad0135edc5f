"""Stage `intake`: what arrives broken is turned away with a reason, and everything that arrives is accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Picture
from roadworthy.vet.road.stage import Stage

_RECORDS: Final = 12

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
)


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    good = bench.take(bench.count(_RECORDS, least=3))
    if not good:
        yield not_tested("accounted", INTAKE.question, "The input holds no usable record.")
        return
    lines = [sample.line for sample in good]
    messy = _interleaved(lines, [line for _, line in _BROKEN])
    with bench.trial(lines) as trial:
        calm = trial.run()
    with bench.trial(messy) as trial:
        ran = trial.run()
    survived = ran.status in {0, 1} and ran.is_whole
    yield Finding(
        name="accounted",
        promise="Every line that arrives is accounted for, however broken it is, and none stops the run.",
        tried=f"{len(lines)} records of the input with {len(_BROKEN)} broken lines between them",
        times=len(messy),
        happened=f"{ran.count('records')} of {len(messy)} lines are accounted for, {ran.count('rejected')} turned away."
        if survived
        else f"The run ended with status {ran.status}: {ran.said[-200:]}",
        grade=Grade.PASS if survived and ran.count("records") == len(messy) else Grade.FAIL,
        evidence=tuple(f"{name}: between good records" for name, _ in _BROKEN),
        reproduce=bench.again("intake"),
        advice=""
        if survived
        else "Let the record's type refuse what it cannot use; never raise from a validator by hand.",
    )
    wanted = {sample.key for sample in good}
    before = {row["key"]: row["value"] for row in calm.rows if row["key"] in wanted}
    after = {row["key"]: row["value"] for row in ran.rows if row["key"] in wanted}
    changed = sorted(key for key in before if before[key] != after.get(key))
    yield Finding(
        name="neighbours",
        promise="A broken line changes nothing about its neighbours.",
        tried="the same records with and without broken lines between them",
        times=len(before),
        happened=f"{len(before) - len(changed)} of {len(before)} records have the same answer both times.",
        grade=Grade.FAIL if changed or not before else Grade.PASS,
        evidence=tuple(
            f"{key}: {orjson.dumps(before[key]).decode()} became {orjson.dumps(after.get(key)).decode()}"
            for key in changed[:5]
        ),
        reproduce=bench.again("intake"),
        advice="Keep nothing between records: an answer may depend on its own record alone."
        if changed
        else "",
    )


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
