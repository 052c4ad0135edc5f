"""A ledger that cannot be used just now: a clear stop, nothing lost, and the same command goes on."""

import fcntl
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.house.conftest import Build
from tests.house.house import APP, STEP, House, letter

from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._settings import DEFAULTS
from roadworthy.keep import store as store_module
from roadworthy.keep.jobs import open_job
from roadworthy.keep.queries import migrations
from roadworthy.keep.store import SqliteStore
from roadworthy.keep.turn import Turn

LETTERS = [letter(number) for number in range(1, 201)]


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The turn to write, held by somebody else."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def goes_on(house: House) -> None:
    """The same command finishes, and nothing was bought twice but what was on the wire."""
    before = house.ask("SELECT count(*) FROM attempt WHERE state IN ('intent', 'unknown')")[0][0]
    done = house.json("run", STEP, "in.jsonl")
    assert (done["records"], done["accepted"]) == (200, 200)
    assert house.sim.bill().total.requests <= 200 + before
    assert house.json("doctor", APP)["wrong"] == []


def stopped(done: subprocess.CompletedProcess[str], status: int, words: str) -> None:
    """One line says what happened and what to do; no traceback."""
    assert done.returncode == status, (done.stdout, done.stderr)
    assert words in done.stderr
    assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.timeout(60)
def test_a_locked_ledger_stops_a_command_in_time(file_build: Build) -> None:
    """A process that hangs while it holds the ledger would hang every other one with it."""
    house = file_build(LETTERS)
    house.environ["ROADWORTHY_LEDGER_BUSY_S"] = "0.5"
    with held(house.folder / "letters.db.lock"):
        stopped(house.call("run", STEP, "in.jsonl"), 3, "held")
    connection = sqlite3.connect(house.folder / "letters.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    stopped(house.call("run", STEP, "in.jsonl"), 3, "locked")
    connection.close()
    assert house.json("run", STEP, "in.jsonl")["accepted"] == 200


@pytest.mark.timeout(60)
def test_a_ledger_that_is_locked_in_the_middle_of_a_run_loses_nothing(file_build: Build) -> None:
    """Answers that came while the ledger was locked would be lost without a trace, or the run end as if all were well."""
    house = file_build(LETTERS, latency_ms=100)
    house.environ |= {"ROADWORTHY_LEDGER_BUSY_S": "0.5", "ROADWORTHY_CONCURRENCY": "8"}
    running = house.start("run", STEP, "in.jsonl", "--json")
    while house.sim.bill().total.requests < 40:
        assert running.poll() is None
        time.sleep(0.02)
    with held(house.folder / "letters.db.lock"):
        _out, err = running.communicate(timeout=30)
    assert running.returncode == 3, err
    assert "held" in err
    assert "Traceback" not in err, err
    goes_on(house)


def _little_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (450_000, 450_000))


@pytest.mark.timeout(60)
def test_a_full_disk_stops_a_run_and_loses_nothing(file_build: Build) -> None:
    """A full disk would end a run with a traceback, or with replies that were paid for and never kept."""
    house = file_build(LETTERS)
    stopped(house.call("run", STEP, "in.jsonl", before=_little_disk), 3, "cannot be used just now")
    assert house.sim.bill().total.requests < 200
    goes_on(house)


@pytest.mark.timeout(60)
def test_a_ledger_that_may_not_be_written_stops_a_command(file_build: Build) -> None:
    """A read-only file or folder would end in a traceback."""
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and there is no setpriv to do without that right")
        prefix = ("setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override")
    house = file_build(LETTERS)
    ledger = house.folder / "letters.db"
    house.put(LETTERS[:3])
    house.json("run", STEP, "in.jsonl")
    house.put(LETTERS)
    ledger.chmod(0o444)
    stopped(house.call("run", STEP, "in.jsonl", prefix=prefix), 3, "cannot be used just now")
    ledger.chmod(0o644)
    house.folder.joinpath("letters.db.lock").unlink()
    house.folder.chmod(0o555)
    stopped(house.call("run", STEP, "in.jsonl", prefix=prefix), 3, "cannot be opened for writing")
    house.folder.chmod(0o755)
    goes_on(house)


@pytest.mark.timeout(60)
def test_a_newer_schema_and_a_file_that_is_no_ledger_are_refused(file_build: Build) -> None:
    """An older version would write into a ledger that it does not understand."""
    house = file_build(LETTERS)
    connection = sqlite3.connect(house.folder / "letters.db")
    connection.execute(f"PRAGMA user_version = {migrations()[-1][0] + 1}")
    connection.close()
    stopped(house.call("run", STEP, "in.jsonl"), 2, "Install the version that wrote it")
    (house.folder / "letters.db").write_text("shopping list\n" * 100)
    stopped(house.call("run", STEP, "in.jsonl"), 2, "is not a ledger")


def _after(*extra: str) -> Callable[[], tuple[tuple[int, str], ...]]:
    """Today's migrations and some more."""
    known = migrations()
    last = known[-1][0]
    more = tuple((last + 1 + place, script) for place, script in enumerate(extra))
    return lambda: (*known, *more)


ADDITIVE = (
    "ALTER TABLE record ADD COLUMN mood TEXT; CREATE TABLE later (id INTEGER PRIMARY KEY, words TEXT);",
    "CREATE INDEX later_words ON later (words);",
)


@pytest.mark.timeout(60)
def test_a_run_in_progress_survives_a_migration(file_build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing a new version would break every run of the old one that is under way."""
    house = file_build(LETTERS, latency_ms=100)
    running = house.start("run", STEP, "in.jsonl", "--json", "--concurrency", "8")
    while house.sim.bill().total.requests < 40:
        assert running.poll() is None
        time.sleep(0.02)
    monkeypatch.setattr(store_module, "migrations", _after(*ADDITIVE))
    newer = SqliteStore(house.folder / "letters.db", DEFAULTS)
    assert running.poll() is None, "the migration came too late to be a test"
    newer.close()
    assert house.ask("PRAGMA user_version") == [(migrations()[-1][0] + 2,)]
    _out, err = running.communicate(timeout=40)
    assert running.returncode == 0, err
    assert house.ask("SELECT outcome, count(*), count(mood) FROM record GROUP BY outcome") == [
        ("accepted", 200, 0)
    ]
    assert house.sim.bill().total.requests == 200


def test_a_migration_that_fails_half_way_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger would be left between two shapes, and neither version could open it."""
    place = tmp_path / "ledger.db"
    SqliteStore(place, DEFAULTS).close()
    monkeypatch.setattr(
        store_module, "migrations", _after(ADDITIVE[0], "CREATE TABLE x (id); CREATE TABLE x (id);")
    )
    with pytest.raises(LedgerUnavailable):
        SqliteStore(place, DEFAULTS)
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (migrations()[-1][0],)
    monkeypatch.setattr(store_module, "migrations", _after(ADDITIVE[0]))
    opened = SqliteStore(place, DEFAULTS)
    opened.close()
    tables = sqlite3.connect(place).execute("SELECT name FROM sqlite_master WHERE name IN ('x', 'later')")
    assert tables.fetchall() == [("later",)], "what failed left nothing"


KILLED = """
import sys
from pathlib import Path
from roadworthy._settings import DEFAULTS
from roadworthy.keep import store
known = store.migrations()
slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) SELECT count(*) FROM n;"
store.migrations = lambda: (*known, (known[-1][0] + 1, f"CREATE TABLE half (id INTEGER); {slow}"))
print("begun", flush=True)
store.SqliteStore(Path(sys.argv[1]), DEFAULTS)
"""


@pytest.mark.timeout(60)
def test_a_migration_that_is_killed_half_way_changes_nothing(tmp_path: Path) -> None:
    """A power cut while a new version starts would cost the ledger."""
    place = tmp_path / "ledger.db"
    opened = SqliteStore(place, DEFAULTS)
    job = opened.write_now(lambda tx: open_job(tx, "a", "e", "j"))
    opened.close()
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(place)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"begun\n"
    time.sleep(1.0)
    assert child.poll() is None, "the migration was over before it could be killed"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    again = SqliteStore(place, DEFAULTS)
    assert again.write_now(lambda tx: open_job(tx, "a", "e", "j")) == job
    again.close()
    connection = sqlite3.connect(place)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    assert connection.execute("PRAGMA user_version").fetchone() == (migrations()[-1][0],)


def test_a_folder_that_is_missing_is_a_wrong_use(tmp_path: Path) -> None:
    """A typing error in a path would look like a passing trouble."""
    with pytest.raises(WrongUse, match="does not exist"):
        SqliteStore(tmp_path / "none" / "ledger.db", DEFAULTS)


def test_a_wait_that_was_given_up_gives_the_turn_back(tmp_path: Path) -> None:
    """A process that gave up waiting would get the turn later and hold it for ever."""
    place = tmp_path / "lock"
    patient, hasty = Turn(place, 5.0), Turn(place, 0.1)
    with held(place), pytest.raises(LedgerUnavailable), hasty.taken():
        pass
    ends = time.monotonic() + 5
    while hasty._waiting:
        assert time.monotonic() < ends
        time.sleep(0.01)
    with patient.taken():
        pass
    with hasty.taken():
        pass
    patient.close()
    hasty.close()


def test_turns_are_taken_one_at_a_time(tmp_path: Path) -> None:
    """Two processes would write at once."""
    place, inside, most, done = tmp_path / "lock", 0, 0, []

    def work() -> None:
        nonlocal inside, most
        turn = Turn(place, 20.0)
        for _ in range(50):
            with turn.taken():
                inside += 1
                most = max(most, inside)
                time.sleep(0.0005)
                inside -= 1
        turn.close()
        done.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(done), most) == (4, 1)
