"""Runs in the child process: the command line behind walls, or the telling of what an app declares.

`python -m roadworthy.vet.road.child TASK.json`, or a fork of a warm process. The task names the port that may be
reached, and where notes are left. Nothing of the product but the failpoints may be imported before `census`, which is
never a fork therefore: each module binds `failpoint` when it is loaded.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import sys
import traceback
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from roadworthy import _failpoints
from roadworthy._edge import told_to
from roadworthy._errors import WrongUse
from roadworthy._whence import kind_and_place
from roadworthy.vet.naked.child import Out, limit, lock_ports, wall

BROKEN: Final = 70
"""Exit status of a task that could not be done; the note says why."""


def census(place: Path) -> None:
    """Count every pass of every failpoint; written when the process ends."""
    passes: Counter[str] = Counter()
    setattr(_failpoints, "failpoint", lambda name: passes.update((name,)))  # noqa: B010 - it is bent on purpose
    atexit.register(lambda: place.write_text(json.dumps(passes)))


def tell_peak(out: Out) -> None:
    """Tell the most memory that the process ever held, when it ends by itself."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            out.say({"peak_bytes": int(line.split()[1]) * 1024})


def redirect(url: str) -> None:
    """Whatever place an app names for a model, it is the simulated provider."""
    from roadworthy.call import provider  # noqa: PLC0415 - see above
    from roadworthy.call.address import checked_base, is_loopback  # noqa: PLC0415 - see above

    def base(said: str, environ: Any) -> str:
        from urllib.parse import urlsplit  # noqa: PLC0415 - see above

        own = is_loopback(urlsplit(said).hostname or "") and urlsplit(said).port == urlsplit(url).port
        return checked_base(said if own else url, environ)

    setattr(provider, "checked_base", base)  # noqa: B010 - it is bent on purpose


def do(task: dict[str, Any]) -> None:
    """Do the one task, behind the walls; the simulated provider, which is ours, stands before them."""
    if "simulator" in task:
        sys.argv = ["sim", *task["simulator"]]
        importlib.import_module("roadworthy.vet.command").sim(prog_name="sim")
    notes = os.open(task["notes"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    limit(task["memory_bytes"], task["file_bytes"])
    out = Out(notes)
    wall(task["port"], out)
    lock_ports(task["port"])
    if task["census"]:
        census(Path(task["census"]))
    if Path("/proc/self/status").exists():
        atexit.register(tell_peak, out)
    redirect(task["url"])
    sys.argv = ["roadworthy", *task["words"]]
    if task["words"][0] == "describe":
        described = importlib.import_module("roadworthy.vet.road.declared")
        with told_to(partial(_end_broken, out)):
            out.say({"declared": described.declare(*task["words"][1:])})
        return
    importlib.import_module("roadworthy.__main__").main()


def _end_broken(out: Out, error: BaseException) -> NoReturn:
    """Whatever the app's file raised is told to the parent, and the process ends."""
    sys.stderr.write("".join(traceback.format_exception(error)))  # kept with what the child printed
    if isinstance(error, WrongUse):  # told as every command tells it: not the app is broken
        out.say({"wrong": str(error)})
        sys.exit(BROKEN)
    out.say({"broken": f"{kind_and_place(error)}: {error}"[:2_000]})
    sys.exit(BROKEN)


if __name__ == "__main__":
    do(json.loads(Path(sys.argv[1]).read_text()))
