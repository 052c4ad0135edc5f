"""A plain function put on the stand: its folder copied, its input read, the simulated provider started."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Final

import orjson

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings, read_settings
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Record
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source
from roadworthy.vet.naked.endings import ANSWERS, ENDINGS
from roadworthy.vet.naked.intake import INTAKE
from roadworthy.vet.naked.load import LOAD
from roadworthy.vet.naked.paid import BUDGET, CRASH
from roadworthy.vet.naked.process import Cage
from roadworthy.vet.naked.stand import LEFT_OUT, Stand, passed_on
from roadworthy.vet.naked.traces import EXPLANATION, LEAKAGE
from roadworthy.vet.options import Options
from roadworthy.vet.process import start_simulator
from roadworthy.vet.road.stage import Stage

NAKED_STAGES: Final[tuple[Stage[Stand], ...]] = (
    INTAKE,
    ENDINGS,
    ANSWERS,
    CRASH,
    BUDGET,
    LOAD,
    LEAKAGE,
    EXPLANATION,
)
RECORDS_MAX: Final = 48
"""So many records are tried; no stage needs more."""
_READ_MAX: Final = 20_000


@contextmanager
def open_stand(
    target: str,
    input_: str,
    *,
    seed: int,
    minutes: float,
    answers: Sequence[Path] = (),
    passed: Mapping[str, str] | None = None,
    python: str = "",
) -> Iterator[Stand]:
    """Copy the function's folder, read its input, start the simulated provider.

    Args:
        target: `file.py:name` or `module:name`.
        input_: a file of records.
        seed: all chance comes from it.
        minutes: the effort.
        answers: files of recorded answers; without any, answers are made up from the request's schema.
        passed: variables of this environment that the function may see.
        python: the interpreter that has what the function imports; default the one that runs this.

    Raises:
        WrongUse: function or input cannot be used.
    """
    settings = read_settings({})
    records = _records(Path(input_), seed, settings)
    options: Options = {
        "seed": seed,
        "silence_s": 4 * max(settings.vet_call_s, settings.vet_silence_s),
        "stand_in": "copied",
    }
    if answers:
        options["answers"] = [str(path) for path in answers]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roadworthy-vet-")))
        place, _, name = target.partition(":")
        source = Path(place).resolve().parent if place.endswith(".py") else Path.cwd()
        shutil.copytree(source, scratch / "code", ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        sim = stack.enter_context(start_simulator(**options))
        cage = Cage(
            place=str(scratch / "code" / Path(place).name) if place.endswith(".py") else place,
            name=name,
            folder=scratch / "code",
            url=sim.url,
            python=_interpreter(python),
            passed=passed or {},
            deadline_s=settings.vet_call_s,
            memory_bytes=settings.vet_memory_bytes,
            file_bytes=settings.vet_file_bytes,
        )
        stand = Stand(
            target=target,
            input=input_,
            records=records,
            seed=seed,
            minutes=minutes,
            sim=sim,
            cage=cage,
            command=_command(target, input_, seed, minutes, answers, passed or {}, python),
            silence_s=settings.vet_silence_s,
            notes=(*_notes(answers), *passed_on(passed or {})),
        )
        stack.enter_context(stand)
        stand.wanted(records)  # a function that cannot be loaded is wrong use, said before anything is tried
        yield stand


def _interpreter(python: str) -> str:
    """Its whole path; links stay, for a virtual environment is known by its link."""
    if not python:
        return sys.executable
    found = shutil.which(python)
    if found is None:
        raise WrongUse(f"--python {python}: there is no such program.")
    return str(Path(found).absolute())


def _records(place: Path, seed: int, settings: Settings) -> tuple[object, ...]:
    """Usable records, the first of each key, in an order that the seed and the keys give."""
    settings = replace(settings, document_held_chars=settings.document_chars_max)  # records are varied whole
    source = Source.from_path(place, settings)
    read = islice(read_records(source, schema=RecordSchema(), settings=settings), _READ_MAX)
    first: dict[str, object] = {}
    for item in read:
        if isinstance(item, Record):
            first.setdefault(item.key, orjson.loads(orjson.dumps(item.body)))
    if not first:
        raise WrongUse(f"{place} holds no usable record.")
    salt = b"%d" % seed
    order = sorted(first, key=lambda key: blake2b(key.encode(), key=salt).digest())
    return tuple(first[key] for key in order[:RECORDS_MAX])


def _notes(answers: Sequence[Path]) -> tuple[str, ...]:
    said = "recorded, from " + ", ".join(map(str, answers))
    made = "made up: the plainest value of the request's schema, with words copied from the question"
    return (
        f"Answers are {said if answers else made}.",
        "A plain function was tested: what happens inside cannot be seen; what it sends and what it returns can.",
    )


def _command(
    target: str,
    input_: str,
    seed: int,
    minutes: float,
    answers: Sequence[Path],
    passed: Mapping[str, str],
    python: str,
) -> str:
    words = ["roadworthy", "vet", target, input_, "--seed", str(seed), "--minutes", f"{minutes:g}"]
    words += [word for path in answers for word in ("--answers", str(path))]
    words += [word for name in passed for word in ("--pass", name)]
    words += ["--python", python] if python else []
    return shlex.join(words)
