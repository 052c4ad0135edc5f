"""One proof of concept written six ways, each put through the same road test: python -m benchmarks.pocs [NAME ...].

Each has an environment of its own under `.venv/pocs`, made from its requirements file. Without names all are tested.
The table is written to docs/naked.md from every report there is, so that one of them can be done again alone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.pocs.data import write_data
from benchmarks.pocs.table import NAMES, write_page

HERE = Path(__file__).parent
PLACE = ROOT / ".bench" / "pocs"
SEED = 7
OURS = "with_roadworthy"
_INSTALL_TIMEOUT_S = 900
_VET_TIMEOUT_S = 1_800


def interpreter(name: str) -> Path:
    """The interpreter of one environment, which is made where it is missing or its requirements have changed."""
    if name == OURS:
        return Path(sys.executable)
    wanted = HERE / name / "requirements.txt"
    place = ROOT / ".venv" / "pocs" / name
    python, ready = place / "bin" / "python", place / "installed.txt"
    if not ready.exists() or ready.read_bytes() != wanted.read_bytes():
        _uv("venv", "--clear", "--python", sys.executable, str(place))
        _uv("pip", "install", "--python", str(python), "-r", str(wanted))
        ready.write_bytes(wanted.read_bytes())
    return python


def _uv(*words: str) -> None:
    line = [str(Path(sys.executable).with_name("uv")), "--quiet", *words]
    subprocess.run(line, check=True, timeout=_INSTALL_TIMEOUT_S)  # noqa: S603 - uv, of the development environment


def vet(name: str) -> None:
    """Put one proof of concept through the road test; its report stays in `.bench/pocs`."""
    inbox, answers = write_data(PLACE)
    python, began = interpreter(name), time.monotonic()
    line = [sys.executable, "-m", "roadworthy", "vet", f"benchmarks/pocs/{name}/poc.py:triage"]
    line += [str(place.relative_to(ROOT)) for place in (inbox,)]
    line += ["--answers", str(answers.relative_to(ROOT)), "--seed", str(SEED), "--python", str(python)]
    line += ["--json", str(PLACE / f"{name}.json")]
    done = subprocess.run(  # noqa: S603 - our own command
        line, cwd=ROOT, check=False, timeout=_VET_TIMEOUT_S, stdout=subprocess.PIPE, text=True
    )
    first = done.stdout.splitlines()[:1]
    print(f"{name}: {first} in {time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    """Test those that were named, then write the page."""
    for name in sys.argv[1:] or NAMES:
        vet(name)
    write_page(PLACE, HERE, ROOT / "docs" / "naked.md")


if __name__ == "__main__":
    main()
