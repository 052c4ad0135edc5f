"""The simulated provider as a fork of a warm process: a stage starts several, and loading costs more than they do."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import orjson

from roadworthy._errors import WrongUse
from roadworthy.vet.options import Options
from roadworthy.vet.process import (
    START_TIMEOUT_S,
    RunningSimulator,
    arguments,
    rows_file,
    start_simulator,
)
from roadworthy.vet.road.warm import Forked, Warm

_LOOK_S: Final = 0.005
_SAID_BYTES_MAX: Final = 2_000


def fork_simulator(warm: Sequence[Warm], options: Options) -> RunningSimulator:
    """Start a simulated provider and wait until it listens; without warm processes, in an interpreter of its own.

    Raises:
        WrongUse: it refused its options, or did not listen within 60 s.
    """
    if not warm or not warm[0].is_ready():
        return start_simulator(**options)
    rows = rows_file(options)
    with tempfile.TemporaryDirectory(prefix="roadworthy-sim-") as place:
        printed, said = Path(place) / "printed", Path(place) / "said"
        words = arguments(options, rows)
        child = warm[0].start(
            {
                "environ": {**os.environ, "PYTHONHASHSEED": warm[0].hash_seed},
                "cwd": str(Path.cwd()),
                "printed": str(printed),
                "said": str(said),
                "task": {"simulator": ["--with-parent", *words]},
            }
        )
        spoken = said.open("w+b")  # it is gone with its folder, and read as long as it is open
        running = RunningSimulator(child, spoken, rows)
        with ExitStack() as undo:  # one that does not listen is ended, whatever stopped the wait for it
            undo.callback(running.close)
            running.url = _listening(child, printed, said)
            undo.pop_all()
        return running


def _listening(child: Forked, printed: Path, said: Path) -> str:
    """The URL that the child prints when it listens."""
    ends = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < ends:
        words = printed.read_bytes() if printed.exists() else b""
        if words.endswith(b"\n"):
            return str(orjson.loads(words)["url"])
        if (status := child.poll()) is not None:
            told = said.read_bytes()[:_SAID_BYTES_MAX].decode("utf-8", "replace").strip()
            raise WrongUse(
                f"The simulated provider ended at once, with status {status}. It said: {told or 'nothing'}"
            )
        time.sleep(_LOOK_S)
    raise WrongUse(f"The simulated provider did not listen within {START_TIMEOUT_S:g} s.")
