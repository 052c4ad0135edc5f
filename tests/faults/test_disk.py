"""Rows D6 and D7: a ledger's file that is full, locked, read-only, damaged, half migrated or too new."""

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults.bench import PRICES, Bench, go, notes

from roadworthy._errors import LedgerUnavailable, Passing, RoadworthyError, WrongUse
from roadworthy.keep.queries import migrations
from roadworthy.vet.process import start_simulator
from roadworthy.vet.simulator import Simulator

JOB = ("run", "app.py", "in.jsonl", "--concurrency", "4")


def run_within(bench: Bench, file_bytes_max: int) -> "subprocess.CompletedProcess[str]":
    """Run the job in a process whose files may not grow beyond so many bytes."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))

    return subprocess.run(
        bench.command(*JOB),
        cwd=bench.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limited,
    )


def said_clearly(done: "subprocess.CompletedProcess[str]", ledger: str) -> None:
    """It stopped in a way that can be resumed, said what is wrong with which file, and showed no traceback."""
    assert done.returncode == 3, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert ledger in done.stderr
    assert "run the same command again" in done.stderr


@pytest.mark.fault("D6")
@pytest.mark.timeout(90)
def test_a_file_that_may_not_grow_stops_the_run_and_loses_nothing(file_bench: Bench) -> None:
    """A full disk would end in a traceback, go on sending what it cannot write down, or lose what was paid."""
    bench = file_bench
    bench.write("in.jsonl", notes(200))
    with start_simulator(prices=PRICES) as sim:
        bench.provider(sim.url)
        said_clearly(run_within(bench, 700_000), bench.ledger)
        sent, kept = sim.bill().total.requests, bench.ask("SELECT count(*) FROM reply")[0][0]
        assert 0 < kept < 200
        assert sent - kept <= 4, "nothing was sent that could not be noted"
        assert bench.call(*JOB).returncode == 0
        assert bench.ask("SELECT outcome, count(*) FROM record GROUP BY outcome") == [("accepted", 200)]
        assert sim.bill().total.requests - 200 == sent - kept


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of seven tenths of a megabyte; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    made = mount and os.geteuid() == 0
    if made:
        command = [str(mount), "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(place)]
        made = subprocess.run(command, check=False, capture_output=True).returncode == 0
    if not made:
        pytest.skip("a small file system can be mounted by root alone, and not in every container")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.fault("D6")
@pytest.mark.timeout(90)
def test_a_disk_that_is_full_or_read_only_stops_the_run_and_loses_nothing(
    file_bench: Bench, small_disk: Path
) -> None:
    """The same on a real file system, and after it was mounted read-only."""
    bench = file_bench
    bench.ledger = str(small_disk / "ledger.db")
    bench.monkeypatch.setenv("ROADWORTHY_LEDGER", bench.ledger)
    bench.write("in.jsonl", notes(400))
    with start_simulator(prices=PRICES) as sim:
        bench.provider(sim.url)
        said_clearly(bench.call(*JOB), bench.ledger)
        sent, kept = sim.bill().total.requests, bench.ask("SELECT count(*) FROM reply")[0][0]
        assert 0 < kept < 400
        assert sent - kept <= 4
        remount = ["mount", "-o", "remount,size=8m", str(small_disk)]
        subprocess.run([*remount[:2], "remount,ro", str(small_disk)], check=True)
        shut = bench.call(*JOB)
        assert shut.returncode in {2, 3}
        assert "Traceback" not in shut.stderr
        assert bench.ledger in shut.stderr
        subprocess.run([*remount[:2], "remount,rw,size=8m", str(small_disk)], check=True)
        assert bench.call(*JOB).returncode == 0
        assert bench.ask("SELECT outcome, count(*) FROM record GROUP BY outcome") == [("accepted", 400)]
        assert sim.bill().total.requests - 400 == sent - kept


@pytest.mark.fault("D6")
def test_an_output_that_does_not_fit_leaves_the_old_one_and_every_answer(
    file_bench: Bench, small_disk: Path
) -> None:
    """A run that went well would end in a traceback, with half a file where a whole one was."""
    out = small_disk / "out.jsonl"
    out.write_text("the old rows\n")
    with pytest.raises(OSError, match="No space"), (small_disk / "filler").open("wb") as filler:
        filler.write(b"x" * 1_000_000)
    bench = file_bench

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            with pytest.raises(Passing, match=r"out\.jsonl.*kept in the ledger"):
                await bench.run(bench.topics(), notes(40), output=out)
            assert out.read_text() == "the old rows\n"
            (small_disk / "filler").unlink()
            ran = await bench.run(bench.topics(), notes(40), output=out)
            assert (ran.status, ran.summary.attempts, out.read_text().count("\n")) == (0, 0, 40)

    go(scenario())


@contextmanager
def held(ledger: str, seconds: float) -> Iterator[None]:
    """Another program locks the ledger for so long, or until the block's end where that comes first."""
    connection = sqlite3.connect(Path(ledger), isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    done = threading.Event()

    def let_go() -> None:
        done.wait(seconds)
        connection.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=let_go)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.fault("D6")
def test_a_ledger_that_another_program_locks_is_waited_for_as_long_as_it_is_said(file_bench: Bench) -> None:
    """A back-up that holds the file for a moment would end a run, or one that never lets go would hang it."""
    bench = file_bench

    async def scenario(locked_s: float, busy_s: float) -> int:
        topic = bench.topics(settings={"ledger_busy_s": busy_s})
        with held(bench.ledger, locked_s):
            return (await bench.run(topic, notes(3))).status

    async def every() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            await bench.run(bench.topics(), notes(1))
            with pytest.raises(LedgerUnavailable, match=r"locked.*run the same command again"):
                await scenario(50.0, 0.6)
            assert len(sim.requests()) == 1
            assert await scenario(0.2, 20.0) == 0
            assert len(sim.requests()) == 3

    go(every())


def read(place: Path) -> bytes:
    """A whole file."""
    return place.read_bytes()


def write(place: Path, data: bytes | bytearray) -> None:
    """A whole file."""
    place.write_bytes(data)


@pytest.mark.fault("D7")
@pytest.mark.timeout(120)
def test_flipped_bits_are_said_to_be_damage(file_bench: Bench) -> None:
    """A damaged ledger would end in a traceback, hang, or be written to as if nothing were wrong.

    Sixty copies with 20 or 300 bits flipped in each. SQLite keeps no checksum of a page: what still reads as a sound
    ledger is taken for one, and every reply in it is judged anew.
    """
    bench = file_bench
    ends: dict[str, int] = {}

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            await bench.run(bench.topics(), notes(40))
            ledger = bench.folder / "ledger.db"
            sound = read(ledger)
            for seed in range(60):
                for old in bench.folder.glob("ledger.db*"):
                    old.unlink()
                chance, data = random.Random(seed), bytearray(sound)
                for _ in range(20 if seed % 2 else 300):
                    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                write(ledger, data)
                end = "went on"
                try:
                    ran = await bench.run(bench.topics(), notes(40))
                    assert ran.summary.records == 40
                except RoadworthyError as error:
                    end = type(error).__name__
                except BaseExceptionGroup as group:
                    found, other = group.split(RoadworthyError)
                    assert other is None
                    assert found is not None
                    end = "LedgerUnavailable"
                ends[end] = ends.get(end, 0) + 1

    go(scenario(), 100)
    print(ends)
    assert ends["LedgerUnavailable"] > 20
    assert set(ends) <= {"LedgerUnavailable", "WrongUse", "went on"}


@pytest.mark.fault("D7")
def test_a_damaged_page_is_found_by_the_doctor(file_bench: Bench) -> None:
    """Damage that a run does not meet would be found when it is too late to put back a copy."""
    bench = file_bench
    bench.write("in.jsonl", notes(60))
    with start_simulator(prices=PRICES) as sim:
        bench.provider(sim.url)
        assert bench.call(*JOB).returncode == 0
        with sqlite3.connect(Path(bench.ledger)) as connection:
            root, size = connection.execute(
                "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = 'reply'"
            ).fetchone()
        connection.close()
        with Path(bench.ledger).open("r+b") as file:
            file.seek((root - 1) * size)
            file.write(b"\xff" * 64)
        for words in (("doctor", "app.py"), JOB):
            done = bench.call(*words)
            assert done.returncode in {1, 3}
            assert "Traceback" not in done.stderr
            assert "malformed" in done.stdout + done.stderr or "damaged" in done.stdout + done.stderr


HALF = """
import os, signal, sqlite3, sys
from roadworthy.keep.queries import migrations
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
parts, part = ["BEGIN IMMEDIATE;"], ""
for line in migrations()[0][1].splitlines(keepends=True):
    part += line
    if sqlite3.complete_statement(part):
        parts, part = [*parts, part], ""
for part in parts[: len(parts) * int(sys.argv[2]) // 4]:
    connection.execute(part)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.fault("D7")
@pytest.mark.parametrize("quarters", [1, 3, 4])
def test_a_process_that_is_killed_in_a_migration_leaves_the_old_shape(
    file_bench: Bench, quarters: int
) -> None:
    """A ledger would be left half in the old shape and half in the new one, and open to neither version."""
    bench = file_bench
    done = subprocess.run([sys.executable, "-c", HALF, bench.ledger, str(quarters)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            assert (await bench.run(bench.topics(), notes(3))).status == 0

    go(scenario())
    assert bench.ask("PRAGMA user_version") == [(migrations()[-1][0],)]
    assert bench.ask("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.fault("D7")
def test_a_ledger_of_a_newer_version_is_not_touched(file_bench: Bench) -> None:
    """An older program would write rows that the newer one cannot read."""
    bench = file_bench

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            await bench.run(bench.topics(), notes(2))
            with sqlite3.connect(Path(bench.ledger)) as connection:
                connection.execute("PRAGMA user_version = 9999")
            connection.close()
            before = bench.ask("SELECT count(*) FROM run")
            with pytest.raises(WrongUse, match=r"schema 9999.*Install the version"):
                await bench.run(bench.topics(), notes(2))
            assert bench.ask("SELECT count(*) FROM run") == before
            assert len(sim.requests()) == 2

    go(scenario())


@pytest.mark.fault("D7")
def test_a_file_that_is_no_ledger_is_left_alone(file_bench: Bench) -> None:
    """Somebody's file would be written over because its name was given by mistake."""
    bench = file_bench
    text = b"This is somebody's diary.\n" * 400
    Path(bench.ledger).write_bytes(text)

    async def scenario() -> None:
        with pytest.raises(WrongUse, match="is not a ledger"):
            await bench.run(bench.topics(), notes(1))

    bench.provider("http://127.0.0.1:9/v1")
    go(scenario())
    assert Path(bench.ledger).read_bytes() == text
