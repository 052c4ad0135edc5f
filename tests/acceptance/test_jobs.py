"""Which job a command means: by its entry, and by its name or its input."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.acceptance.small import APP, DOUBT, call, notes, told


@pytest.fixture
def folder(folder: Path) -> Path:
    """One input that went through two entries, the dear one last."""
    (folder / "app.py").write_text(APP + DOUBT)
    assert call(folder, "run", "app.py:feel", "in.jsonl").returncode == 0
    assert call(folder, "run", "app.py:doubt", "in.jsonl").returncode == 0
    return folder


def test_a_report_is_of_the_entry_that_is_named(folder: Path) -> None:
    """Of two jobs over one input only the newest could be reported, and its money stood under the other one's name."""
    for entry, cost in (("feel", "0.003"), ("doubt", "0.03")):
        for words in ((), ("--job", "in.jsonl"), ("--job", str(folder / "in.jsonl"))):
            found = told(folder, "report", f"app.py:{entry}", *words)
            assert (found["entry"], found["spent_usd"]) == (entry, cost), words
        assert f"{folder / 'in.jsonl'} through {entry}" in call(folder, "report", f"app.py:{entry}").stdout
    newest = call(folder, "report", "app.py")
    assert "through doubt" in newest.stdout
    assert "feel has a job of this name, too" in newest.stderr


def test_a_report_of_no_job_lists_those_that_there_are(folder: Path) -> None:
    """Whoever mistyped a name would get another job's report, or no word of how the jobs are called."""
    for words in (("app.py", "--job", "in.json"), ("app.py:fel",)):
        done = call(folder, "report", *words)
        assert done.returncode == 2, done.stdout
        assert f"{folder / 'in.jsonl'} (feel)" in done.stderr
        assert f"{folder / 'in.jsonl'} (doubt)" in done.stderr


def test_why_tells_of_the_entry_that_is_named(folder: Path) -> None:
    """The story of another entry's record would be told for the one that was asked about."""
    assert [one["entry"] for one in told(folder, "why", "app.py:feel", "1")["stories"]] == ["feel"]
    assert [one["entry"] for one in told(folder, "why", "app.py:doubt", "1")["stories"]] == ["doubt"]
    assert [one["entry"] for one in told(folder, "why", "app.py", "1")["stories"]] == ["doubt", "feel"]
    done = call(folder, "why", "app.py:fel", "1")
    assert done.returncode == 2
    assert "a record of doubt, feel has it" in done.stderr


@pytest.mark.parametrize(
    ("what", "counts"),
    [("records", (3, 3, 6)), ("attempts", (3, 3, 6)), ("runs", (1, 1, 2)), ("labels", (1, 0, 1))],
)
def test_an_export_is_of_the_entry_that_is_named(
    folder: Path, what: str, counts: tuple[int, int, int]
) -> None:
    """Another entry's rows would stand in the file as this one's, and be counted into its cost and its errors."""
    (folder / "labels.csv").write_text("key,correct\n1,true\n")
    assert call(folder, "label", "app.py:feel", "labels.csv").returncode == 0
    for target, count in zip(("app.py:feel", "app.py:doubt", "app.py"), counts, strict=True):
        assert told(folder, "export", target, "--what", what, "-o", "out.jsonl")["rows"] == count, target
    done = call(folder, "export", "app.py:fel", "--what", what, "-o", "none.jsonl")
    assert done.returncode == 2, done.stdout
    assert "'fel'" in done.stderr
    assert "feel" in done.stderr
    assert not (folder / "none.jsonl").exists()


def test_a_cancel_is_of_the_entry_that_is_named(folder: Path) -> None:
    """Whoever stops one entry would stop what runs through every other one as well."""
    (folder / "app.py").write_text(
        (APP + DOUBT).replace('Path("paid").touch()', "import time; time.sleep(60)")
    )
    (folder / "more.jsonl").write_text(notes("a", "b"))
    line = [sys.executable, "-m", "roadworthy", "run", "app.py:feel", "more.jsonl", "--json"]
    with subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        try:
            ends = time.monotonic() + 30
            while not told(folder, "export", "app.py", "--what", "runs", "-o", "runs.jsonl")["rows"] > 2:
                assert time.monotonic() < ends
            assert told(folder, "cancel", "app.py:doubt")["cancelled"] == []
            assert call(folder, "cancel", "app.py:doubt", "--job", "more.jsonl").returncode == 2
            done = call(folder, "cancel", "app.py:fel")
            assert done.returncode == 2, done.stdout
            assert "(feel)" in done.stderr
            assert len(told(folder, "cancel", "app.py:feel")["cancelled"]) == 1
            assert running.wait(30) == 3
        finally:
            running.kill()
