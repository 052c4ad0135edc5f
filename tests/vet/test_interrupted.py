"""Ctrl-C: every command ends soon, with status 130 and one line; the road test ends what it runs."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.vet.stands import FUNCTION, GOOD, HEAD, notes

from roadworthy.vet.process import start_simulator

SOON_S = 8.0
STARTED_S = 60.0
SLOW = (
    HEAD
    + "import time\ndef ask(prompt: str) -> dict[str, str]:\n    time.sleep(30)\n    return {}\n"
    + FUNCTION
)


@contextmanager
def given(folder: Path, *words: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which is ended in any case."""
    with subprocess.Popen(
        [sys.executable, "-m", "roadworthy", *words],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str, float]:
    """Status, last words and seconds after an interrupt."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=STARTED_S)
    return process.returncode, said, time.monotonic() - began


def until(folder: Path, pattern: str) -> None:
    """Wait for a file."""
    ends = time.monotonic() + STARTED_S
    while not list(folder.glob(pattern)):
        assert time.monotonic() < ends, pattern
        time.sleep(0.02)


def children(folder: Path) -> list[str]:
    """Processes that work in this folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            where = str((place / "cwd").readlink())
        except OSError:
            continue
        if where.startswith(str(folder)) and place.name != str(os.getpid()):
            found.append(f"{place.name}: {(place / 'cmdline').read_bytes()!r}")
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a good app, a slow one and an input."""
    (tmp_path / "good").mkdir()
    (tmp_path / "slow").mkdir()
    (tmp_path / "good" / "app.py").write_text(GOOD)
    (tmp_path / "slow" / "app.py").write_text(SLOW)
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in notes(40)))
    return tmp_path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_the_road_test_ends_at_once_with_all_that_it_runs(home: Path) -> None:
    """Ctrl-C would look like a no-go, and last until a run of the app that waits is back."""
    with given(home, "vet", "slow/app.py", "in.jsonl", "--minutes", "0.1") as process:
        until(home, "roadworthy-trial-*/app/home-1/said")
        time.sleep(0.5)
        status, said, seconds = interrupt(process)
    assert (status, "roadworthy: interrupted" in said, "Traceback" in said) == (130, True, False), said
    assert seconds < SOON_S
    assert "broke" not in said
    ends = time.monotonic() + 2.0  # the kernel takes its time with what was killed
    while (left := children(home)) and time.monotonic() < ends:
        time.sleep(0.05)
    assert left == []
    assert list(home.glob("roadworthy-*")) == []


def test_a_sample_of_a_plan_is_interrupted(home: Path) -> None:
    """`plan --sample` would end as if records had failed."""
    with start_simulator(latency_ms=20_000, stand_in="copied") as provider:
        environ = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "dummy"}
        words = ("plan", "good/app.py", "in.jsonl", "--sample", "20")
        with given(home, *words, **environ) as process:
            ends = time.monotonic() + STARTED_S
            while not list(home.rglob("*.db")):
                assert time.monotonic() < ends
                time.sleep(0.02)
            time.sleep(0.5)
            status, said, seconds = interrupt(process)
    assert (status, said.splitlines()[-1]) == (130, "roadworthy: interrupted")
    assert seconds < SOON_S


def test_the_service_ends_in_order(home: Path) -> None:
    """An operator's Ctrl-C would look like a service that failed."""
    with given(home, "serve", "good/app.py", "--port", "0", OPENAI_API_KEY="dummy") as process:
        assert process.stdout is not None
        where = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{where}/healthz", timeout=STARTED_S) as answer:
            assert answer.status == 200
        status, said, seconds = interrupt(process)
    assert (status, said) == (130, "roadworthy: interrupted\n")
    assert seconds < SOON_S


def test_the_demo_is_interrupted(home: Path) -> None:
    """The first command that somebody gives, and stops, would end as if it had failed."""
    with given(home, "demo", "--dir", "shown") as process:
        until(home, "shown/triage.db")
        status, said, seconds = interrupt(process)
    assert (status, said.splitlines()[-1]) == (130, "roadworthy: interrupted")
    assert seconds < SOON_S


def test_a_demo_where_nothing_can_be_written_says_so(home: Path) -> None:
    """The first command that somebody gives would end in a traceback."""
    for place in ("/proc/nowhere", "in.jsonl/below"):
        with given(home, "demo", "--dir", place) as process:
            _, said = process.communicate(timeout=STARTED_S)
        assert (process.returncode, len(said.splitlines())) == (2, 1), said
        assert place in said
