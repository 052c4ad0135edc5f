"""Stage `leakage`: canary words that belong to one place are looked for in all the others."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from roadworthy.vet.naked.environ import KEYS
from roadworthy.vet.road.faithful import line_of
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.mess.body import main_text
from roadworthy.vet.road.mess.operator import chance_of
from roadworthy.vet.road.stage import Stage

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench, Sample
    from roadworthy.vet.road.picture import Picture
    from roadworthy.vet.road.trial import Ran

_RECORDS: Final = 24
_SHOWN: Final = 5
_FILE_BYTES_MAX: Final = 200_000_000
_FAULTS: Final = {"mixed": 0.4, "401": 0.1, "quota": 0.05}
_SECRETS: Final = ("DATABASE_PASSWORD", "AWS_SECRET_ACCESS_KEY", "APP_SECRET_KEY")
_KEYS: Final = "No key and no password of the environment reaches a log, an output, the ledger, a temporary file or a prompt."
_OWN: Final = "What one record says reaches no other record's prompt and no other record's row of the output."


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    samples = bench.take(bench.count(_RECORDS, least=4))
    if not samples:
        for name, promise in (("keys", _KEYS), ("neighbours", _OWN)):
            yield not_tested(name, promise, "The input holds no usable record.")
        return
    yield _keys(bench, samples)
    yield _neighbours(bench, samples)


def canary(bench: Bench, name: str) -> str:
    """A word that occurs nowhere else; of capitals and digits, so that no encoding changes it."""
    return f"ZQ{chance_of(bench.seed, 'canary', name).getrandbits(64):016X}"


def _keys(bench: Bench, samples: Sequence[Sample]) -> Finding:
    key, secret = canary(bench, "key"), canary(bench, "secret")
    passed = {**bench.passed, **dict.fromkeys(KEYS, f"sk-{key}"), **dict.fromkeys(_SECRETS, secret)}
    marked = replace(bench, passed=passed)
    script = {"faults": _FAULTS, "watched": [key, secret]}
    with marked.trial([sample.line for sample in samples], script) as trial:
        ran = trial.run()
        trial.give(["why", trial.target, samples[0].key], {})
        found = sorted({where for word in (key, secret) for where in _places(trial.folder, word)})
    asked = sum(bool(row.heard) for row in ran.requests)
    bad = [f"file {where}" for where in found] + (["requests to the provider"] if asked else [])
    return Finding(
        name="keys",
        promise=_KEYS,
        tried=f"{len(samples)} records with canaries for keys and passwords, and a provider that fails in many ways; "
        "every file that came of it and every request was searched, as it is and in base64",
        times=len(samples),
        happened=f"Canaries were found in {len(bad)} places." if bad else "No canary was found anywhere.",
        grade=Grade.FAIL if bad else Grade.PASS,
        evidence=tuple(bad[:_SHOWN]),
        reproduce=bench.again("leakage"),
        advice="Never print or write a whole error, environment or request; put no secret into a prompt."
        if bad
        else "",
    )


def _places(folder: Path, word: str) -> Iterator[str]:
    """The files under a folder that hold a word, as it is or encoded."""
    forms = {word.encode(), quote(word).encode(), word.lower().encode()}
    # Base64 depends on where among three bytes the word begins; the ends of each form depend on its neighbours.
    forms |= {base64.b64encode(b"\0" * lead + word.encode())[4:-4] for lead in range(3)}
    for place in sorted(folder.rglob("*")):
        if place.is_file() and not place.is_symlink() and place.stat().st_size <= _FILE_BYTES_MAX:
            said = place.read_bytes()
            if any(form in said for form in forms):
                yield str(place.relative_to(folder))


def _neighbours(bench: Bench, samples: Sequence[Sample]) -> Finding:
    marked: dict[str, tuple[str, Any]] = {}
    for sample in samples:
        said = main_text(sample.body, (bench.declared.key_field,))
        if said is not None:
            word = canary(bench, sample.key)
            text = f"{said[1]} ({word})"
            marked[word] = (sample.key, text if not said[0] else {**sample.body, said[0]: text})
    if len(marked) < 2:
        return not_tested(
            "neighbours", _OWN, "Fewer than two records hold a text that a canary could be put in."
        )
    script = {"watched": list(marked)}
    with bench.trial([line_of(body) for _, body in marked.values()], script) as trial:
        ran = trial.run("--concurrency", "8")
    heard = [row.heard for row in ran.requests if row.heard]
    if not heard:
        return not_tested(
            "neighbours",
            _OWN,
            "No request held a canary: the app does not show the model the texts as they are.",
        )
    mixed = sorted({row for row in heard if len(row) > 1})
    strange = _strange(ran, list(marked))
    good = not mixed and not strange
    if good and not ran.rows:
        return not_tested(
            "neighbours",
            _OWN,
            f"No prompt held another record's canary, but the run ended with status {ran.status} and without a row of "
            "output that could be looked at.",
        )
    return Finding(
        name="neighbours",
        promise=_OWN,
        tried=f"{len(marked)} records with a canary of its own in each, 8 at once",
        times=len(marked),
        happened="Every canary was found with its own record alone."
        if good
        else f"{'Prompts' if mixed else 'No prompt'} held several records' canaries; {len(strange)} rows of the output held another's.",
        grade=Grade.PASS if good else Grade.FAIL,
        evidence=tuple(strange[:_SHOWN]),
        measured=tuple(
            f"one prompt held the words of {' and '.join(_names(marked, row))}" for row in mixed[:_SHOWN]
        ),
        reproduce=bench.again("leakage"),
        advice=""
        if good
        else "Build a prompt from its own record alone; keep no text of a record in a variable that lives on.",
    )


def _strange(ran: Ran, words: Sequence[str]) -> list[str]:
    """Rows that hold another row's word; rows stand in the order of the input."""
    found = []
    for row, own in zip(ran.rows, words, strict=False):
        said = orjson.dumps(dict(row)).decode()
        found += [
            f"{row['key']} holds a word of another record" for word in words if word != own and word in said
        ]
    return found


def _names(marked: Mapping[str, tuple[str, Any]], heard: Sequence[str]) -> list[str]:
    return [marked[word][0] for word in heard]


LEAKAGE: Final[Stage[Bench]] = Stage(
    "leakage", "Leakage", "Does anything reach a place where it does not belong?", _trial
)
