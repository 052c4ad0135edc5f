"""A warm process: each run is a fork of it, and as much a process of its own as one that was started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.vet.stands import GOOD, HEAD, UNCHECKED, stand

from roadworthy.vet.naked.environ import environ_of
from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.warm import IS_SUPPORTED, Warm, WarmEnded

pytestmark = pytest.mark.skipif(not IS_SUPPORTED, reason="forks without an exec are for Linux")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A sound app, with its warm processes."""
    with stand(tmp_path_factory.mktemp("warm"), GOOD) as bench:
        yield bench


def order(folder: Path, bench: Bench, *words: str) -> dict[str, object]:
    """An order for the command line."""
    task = {
        "notes": str(folder / "notes"),
        "memory_bytes": 2**40,
        "file_bytes": 2**30,
        "port": 9,
        "census": "",
    }
    return {
        "environ": {"PATH": os.environ["PATH"], "MARK": "mine"},
        "cwd": str(folder),
        "printed": str(folder / "printed"),
        "said": str(folder / "said"),
        "task": {**task, "url": bench.sim.url, "words": list(words)},
    }


def test_a_run_is_the_same_in_a_fork_and_in_an_interpreter_of_its_own(bench: Bench) -> None:
    """What the road test measures would be the doing of its own short cut."""
    lines = [sample.line for sample in bench.take(8)]
    rans = []
    for warm in (bench.warm, ()):
        with bench.trial(lines) as trial:
            trial.warm = warm
            rans.append(trial.run())
    forked, started = rans
    assert forked.status == started.status == 0
    assert forked.rows == started.rows
    assert [row.body for row in forked.requests] == [row.body for row in started.requests]
    assert forked.peak_bytes > 0


def test_two_runs_in_a_row_are_two_processes_with_sets_in_another_order(tmp_path: Path) -> None:
    """An app that writes a set into its prompt pays for everything again in its next process, and nobody would see it."""
    app = HEAD + UNCHECKED.replace("note.text)", "note.text, ' '.join({'a', 'b', 'c', 'd', 'e', 'f', 'g'}))")
    with stand(tmp_path, app) as bench, bench.trial([sample.line for sample in bench.take(4)]) as trial:
        first, again = trial.run(), trial.run("--yes")
    assert len(first.requests) == 4
    assert len(again.requests) > 4


def test_a_child_that_is_not_back_in_time_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """A run that hangs would hold the road test up, and go on after it."""
    slow = (
        HEAD
        + UNCHECKED
        + "import subprocess, sys, time\n"
        + (
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "if os.environ.get('SLOW'):\n    open('started', 'w').write(str(child.pid))\n    time.sleep(600)\nchild.kill()\n"
        )
    )
    with stand(tmp_path, slow) as bench, bench.trial([bench.samples[0].line]) as trial:
        status, _, _, _ = trial.give(["run", trial.target, "input.jsonl"], {"SLOW": "1"}, timeout_s=3)
        assert status is None
        started = int((trial.folder / "started").read_text())
        assert _is_gone(started)


def test_a_child_that_kills_itself_is_told_as_such(bench: Bench) -> None:
    """`kill -9` at a failpoint would look like an end in order."""
    with bench.trial([sample.line for sample in bench.take(4)]) as trial:
        assert trial.run(failpoint="outcome_committed:1").status == -signal.SIGKILL


def test_a_child_sees_the_environment_of_its_order_alone(bench: Bench, tmp_path: Path) -> None:
    """A key that one trial was given would be there in the next."""
    folder = tmp_path / "run"
    folder.mkdir()
    status = bench.warm[0].run(order(folder, bench, "--version"), None, 30)
    assert (status, b"roadworthy" in (folder / "printed").read_bytes()) == (0, True)
    assert (folder / "said").read_bytes() == b""


def test_it_ends_with_its_block_and_says_so_to_whoever_comes_later(tmp_path: Path) -> None:
    """Processes would be left behind, or a run would wait for ever."""
    environ = environ_of("http://127.0.0.1:9/v1", tmp_path, "mark", os.environ, {})
    with Warm(environ, 1) as warm:
        assert warm.is_ready()
    assert warm.process.returncode == 0
    with pytest.raises(WarmEnded):
        warm.run({}, None, 5)


def test_it_ends_when_whoever_started_it_dies(tmp_path: Path) -> None:
    """`kill -9` of a road test would leave processes behind."""
    code = (
        "import os, sys, time; from pathlib import Path; from roadworthy.vet.naked.environ import environ_of\n"
        "from roadworthy.vet.road.warm import Warm\n"
        f"warm = Warm(environ_of('http://127.0.0.1:9/v1', Path({str(tmp_path)!r}), 'mark', os.environ, {{}}), 1)\n"
        "assert warm.is_ready()\nprint(warm.process.pid, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        assert _is_alive(number)
        parent.kill()
    assert _is_gone(number)


def _is_gone(number: int) -> bool:
    """Whether it ends within a time that a busy machine may take: a signal is on its way when `kill` returns."""
    ends = time.monotonic() + 30
    while _is_alive(number) and time.monotonic() < ends:
        time.sleep(0.05)
    return not _is_alive(number)


def _is_alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}
