"""Opening the bench: the app copied, what it declares told by a child, its input read, the simulated provider started."""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import orjson

from roadworthy._errors import WrongUse
from roadworthy.vet.naked.environ import environ_of
from roadworthy.vet.options import Options
from roadworthy.vet.process import RunningSimulator
from roadworthy.vet.road.bench import Bench, Sample
from roadworthy.vet.road.child import BROKEN
from roadworthy.vet.road.declared import Declared
from roadworthy.vet.road.learned import Learned, learn
from roadworthy.vet.road.provider import fork_simulator
from roadworthy.vet.road.trial import Trial
from roadworthy.vet.road.warm import IS_SUPPORTED, Warm

SILENCE_S: Final = 2.0
_HASH_SEEDS: Final = (1, 2)
"""Of the two warm processes that fork the runs in turn: what depends on the order of a set shows in the second run."""
_COPY_BYTES_MAX: Final = 200_000_000
_LEFT_OUT: Final = (
    ".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
    "*.db", "*.db-wal", "*.db-shm", "*.db-*",
)  # fmt: skip


@contextmanager
def open_bench(  # noqa: PLR0913 - what the command gives, by name
    app: str,
    input_: str,
    *,
    seed: int,
    minutes: float,
    answers: Sequence[Path] = (),
    passed: Mapping[str, str] | None = None,
    labels: Path | None = None,
    live_usd: str = "",
) -> Iterator[Bench]:
    """Load the app in a child, read its input there, and start the simulated provider.

    Args:
        app: `file.py`, `file.py:name` or `module:name`.
        input_: the input's name.
        seed: all chance comes from it.
        minutes: the effort.
        answers: files of recorded answers.
        passed: variables that the app sees besides the dummies.
        labels: a file of right answers; else those beside recorded answers, else those in the team's ledger.
        live_usd: what asking the real provider may cost; "" for never asking it.

    Raises:
        WrongUse: app or input cannot be used.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roadworthy-vet-")))
        folder, target = _copy(app, scratch / "app")
        warm = warmed()
        with fork_simulator(warm, {"seed": seed}) as first:
            declared = _declare(scratch, folder, target, input_, first, passed or {}, warm)
        if declared.function:
            raise NotAnApp(app, declared.function)
        options: Options = {
            "prices": declared.prices,
            "seed": seed,
            "silence_s": SILENCE_S,
            "stand_in": "copied",
            "fallback_schema": _fallback(declared),
        }
        learned = learn(declared, scratch)
        if answers:
            options["answers"] = [str(path) for path in answers]
        elif learned.answers:
            options["answers"] = learned.answers
        sim = stack.enter_context(fork_simulator(warm, options))
        yield Bench(
            app=app,
            input=input_,
            declared=declared,
            samples=_samples(scratch / "records.jsonl", seed, frozenset() if answers else learned.keys),
            seed=seed,
            minutes=minutes,
            answers=_words(answers, learned),
            learned=learned,
            options=options,
            sim=sim,
            folder=folder,
            target=target,
            warm=warm,
            passed=passed or {},
            labels=labels_of(declared, options, labels),
            live_usd=live_usd,
            notes=tuple(_notes(declared, answers, learned)),
            command=_command(app, input_, seed, minutes, answers, passed or {}, labels)
            + (f" --live {live_usd}" if live_usd else ""),
        )


@cache
def warmed() -> tuple[Warm, ...]:
    """The warm processes, loading. They know no app, so they are there once for all benches, and end with this process."""
    if not IS_SUPPORTED:
        return ()
    home = Path(tempfile.gettempdir())
    environ = environ_of("http://127.0.0.1:9/v1", home, "warm", os.environ, {})
    found = tuple(Warm(environ, seed) for seed in _HASH_SEEDS)
    for warm in found:
        atexit.register(warm.close)
    return found


def labels_of(declared: Declared, options: Options, given: Path | None) -> Mapping[str, Any]:
    """The right answers that the team has: of the file that was given, else of recorded answers, else of its ledger."""
    from roadworthy.vet.road.label import ledger_labels, read_labels, recorded_labels  # noqa: PLC0415 - loads the rooms

    if given is not None:
        return read_labels(given)
    return recorded_labels(options) or ledger_labels(declared.named_ledger, declared.app)


def _copy(app: str, to: Path) -> tuple[Path, str]:
    """A copy of the folder that the app's file is in, or of the working folder of a module; and the app in there."""
    place, mark, name = app.partition(":")
    is_file = place.endswith(".py")
    if is_file and not Path(place).is_file():
        raise WrongUse(f"There is no file {place!r} (looked in {Path.cwd()}).")
    source = Path(place).resolve().parent if is_file else Path.cwd()
    ignored = shutil.ignore_patterns(*_LEFT_OUT)

    def ignore(folder: str, names: list[str]) -> set[str]:
        return ignored(folder, names)

    size = _size(source, ignore)
    if size > _COPY_BYTES_MAX:
        raise WrongUse(
            f"The app's folder {source} holds more than {_COPY_BYTES_MAX:,} bytes, and every trial works on a copy of "
            "it. Put the app into a folder of its own."
        )
    shutil.copytree(source, to, ignore=ignore, symlinks=True)
    return to, f"{Path(place).name if is_file else place}{mark}{name}"


def _size(source: Path, ignore: Any) -> int:
    total = 0
    for folder, folders, files in os.walk(source):
        left_out = ignore(folder, [*folders, *files])
        folders[:] = [name for name in folders if name not in left_out]
        kept = [Path(folder, name) for name in files if name not in left_out]
        total += sum(place.stat().st_size for place in kept if not place.is_symlink())
        if total > _COPY_BYTES_MAX:
            break
    return total


def _declare(
    scratch: Path,
    folder: Path,
    target: str,
    input_: str,
    sim: RunningSimulator,
    passed: Mapping[str, str],
    warm: Sequence[Warm],
) -> Declared:
    from pydantic import TypeAdapter  # noqa: PLC0415 - heavy

    place = scratch / "declare"
    shutil.copytree(folder, place, symlinks=True)
    trial = Trial(place, target, "", sim, passed, warm=warm)
    words = ["describe", target, str(Path(input_).resolve()), str(scratch / "records.jsonl")]
    status, _, said, notes = trial.give(words, {})
    for note in notes:
        if "declared" in note:
            return TypeAdapter(Declared).validate_python(note["declared"])
        if "wrong" in note:
            raise WrongUse(str(note["wrong"]))
    broken = next((str(note["broken"]) for note in notes if "broken" in note), said[-500:])
    reason = broken if status == BROKEN else f"it ended with status {status}: {broken}"
    raise WrongUse(f"{target} cannot be tested: {reason}")


def _samples(place: Path, seed: int, known: frozenset[str]) -> tuple[Sample, ...]:
    """The first record of each key, in an order that the seed and the keys give: a prefix of it is a sample.

    Records whose answers are known come first.
    """
    first: dict[str, Sample] = {}
    for line in place.read_bytes().splitlines():
        said = orjson.loads(line)
        first.setdefault(said["key"], Sample(said["key"], said["body"]))
    salt = b"%d" % seed

    def place_of(sample: Sample) -> tuple[bool, bytes]:
        return sample.key not in known, blake2b(sample.key.encode(), key=salt).digest()

    return tuple(sorted(first.values(), key=place_of))


class NotAnApp(WrongUse):
    """The target is a plain function; the road test of functions takes it."""

    def __init__(self, app: str, function: str) -> None:
        super().__init__(
            f"{app} is a plain function and no app. Declare an app, and it can be tested: see the tutorial."
        )
        self.function = function


def _fallback(declared: Declared) -> str:
    """The schema of a function's answer: its own requests need not bring one."""
    found = [step.schema for step in declared.steps if any(model.is_function for model in step.models)]
    return orjson.dumps(found[0]).decode() if found else ""


def _words(answers: Sequence[Path], learned: Learned) -> str:
    if answers:
        return "recorded answers from " + ", ".join(str(path) for path in answers)
    made_up = "stand-ins: the plainest value of the schema, with words copied from the question"
    if learned.answers:
        return f"the replies that the app's own ledger holds for {len(learned.keys)} records, else {made_up}"
    return made_up


def _notes(declared: Declared, answers: Sequence[Path], learned: Learned) -> Iterator[str]:
    yield f"Answers are {_words(answers, learned)}."
    for model, experience in learned.models.items():
        yield f"The app's own ledger knows {model} from {experience.text()}."
    functions = [model.name for model in declared.models if model.is_function]
    if functions:
        yield f"{', '.join(functions)}: what happens inside cannot be seen; the provider's count of requests can."


def _command(
    app: str,
    input_: str,
    seed: int,
    minutes: float,
    answers: Sequence[Path],
    passed: Mapping[str, str],
    labels: Path | None = None,
) -> str:
    words = ["roadworthy", "vet", app, input_, "--seed", str(seed), "--minutes", f"{minutes:g}"]
    for path in answers:
        words += ["--answers", str(path)]
    if labels is not None:
        words += ["--labels", str(labels)]
    for name in passed:
        words += ["--pass", name]
    return shlex.join(words)
