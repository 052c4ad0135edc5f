"""A run in progress survives an upgrade of the ledger and a restore of its backup (issue: "upgrade and restore")."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from tests import postgres
from tests.acceptance.test_processes import PICO, Crowd, crowd, ended
from tests.conftest import QUICK
from tests.ledgers import ask

from roadworthy.keep import postgres as postgres_module
from roadworthy.keep import store as store_module
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.queries import migrations

BEFORE = 17  # the ledger of the version before this one ends with a smaller number than 18
OLDER = f"""
import sys
from roadworthy.keep import postgres, queries, store
known = queries.migrations
def older(dialect="sqlite"):
    return tuple((number, script) for number, script in known(dialect) if number <= {BEFORE})
store.migrations = postgres.migrations = older
from roadworthy.__main__ import main
main()
"""
LISTED = "SELECT number FROM migration ORDER BY number"
DONE = "SELECT count(*) FROM record WHERE outcome = 'accepted'"
OPEN = """
import sys
from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import open_ledger
sys.stdin.readline()
open_ledger(sys.argv[1], DEFAULTS).close()
"""


def numbers(ledger: str) -> list[int]:
    """The numbers of a database's migrations."""
    return [number for number, _ in migrations("postgres" if "://" in ledger else "sqlite")]


@pytest.mark.timeout(90)
def test_four_processes_that_start_at_once_migrate_once(ledger: str) -> None:
    """Pods that start together would each make the tables, and all but one would fail."""
    four = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, ledger], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in four:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in four]
    assert [process.returncode for process in four] == [0, 0, 0, 0], said
    assert [row[0] for row in ask(ledger, LISTED)] == numbers(ledger)


def test_a_migration_that_came_in_between_is_not_passed_over(
    ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two changes made side by side would leave a ledger that lacks one of them for ever."""
    known = {dialect: migrations(dialect) for dialect in ("sqlite", "postgres")}
    first, late = (
        (9_001, "CREATE TABLE first (id INTEGER);"),
        (9_000, "CREATE TABLE late (id INTEGER);"),
    )
    for module in (store_module, postgres_module):
        monkeypatch.setattr(module, "migrations", lambda dialect="sqlite": (*known[dialect], first))
    open_ledger(ledger, QUICK).close()
    for module in (store_module, postgres_module):
        monkeypatch.setattr(module, "migrations", lambda dialect="sqlite": (*known[dialect], late, first))
    open_ledger(ledger, QUICK).close()
    assert ask(ledger, "SELECT count(*) FROM late") == [(0,)]
    assert [row[0] for row in ask(ledger, LISTED)][-2:] == [9_000, 9_001]


def test_a_ledger_without_the_list_gets_it(tmp_path: Path) -> None:
    """A ledger of the version that kept one number alone would be made anew, or refuse to open."""
    place = tmp_path / "ledger.db"
    open_ledger(str(place), QUICK).close()
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(
            "DROP TABLE migration; DROP TABLE lane; DROP INDEX label_key; ALTER TABLE label DROP COLUMN namespace;"
            "ALTER TABLE label DROP COLUMN ruled; ALTER TABLE label DROP COLUMN under;"
            "CREATE UNIQUE INDEX label_key ON label (app, entry, key); PRAGMA user_version = 17;"
        )
    open_ledger(str(place), QUICK).close()
    assert [row[0] for row in ask(str(place), LISTED)] == numbers(str(place))
    assert ask(str(place), "SELECT count(*) FROM lane") == [(0,)]


def older(many: Crowd, *words: str) -> subprocess.Popen[str]:
    """A command of the version before, whose ledger ends earlier."""
    return subprocess.Popen(
        [sys.executable, "-c", OLDER, *words, "--json"],
        cwd=many.folder,
        env={**os.environ, "OPENAI_BASE_URL": many.sim.url, "ROADWORTHY_LEDGER": many.ledger},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(300)
def test_a_run_in_progress_survives_an_upgrade(tmp_path: Path, ledger: str) -> None:
    """Installing a new version would end every run of the old one, or buy its answers again."""
    with crowd(tmp_path, ledger, latency_ms=150.0) as many:
        source = (tmp_path / "many.py").read_text()
        (tmp_path / "many.py").write_text(
            source.replace(
                '"lease_s": 1.5, "patience_s": 5',
                '"lease_s": 15, "patience_s": 30, "queue_max": 8, "intake_batch": 8',
            )
        )
        many.notes(300)
        first = older(many, "run", "many.py", "notes.jsonl", "--concurrency", "8")
        helper = older(many, "work", "many.py", "--concurrency", "4", "--wait", "5")
        many.until(DONE, 20, 90)
        many.sim.script({"latency_ms": 4_000})  # the new ones have time to come, however busy the machine is
        assert max(row[0] for row in ask(ledger, LISTED)) <= BEFORE
        newer = [many.start("work", "--concurrency", "4", "--wait", "3") for _ in range(2)]
        many.until("SELECT count(*) FROM migration WHERE number > 17", 1, 60)
        many.until("SELECT count(*) FROM lease WHERE ended_at IS NULL", 4, 60)
        many.sim.script({"latency_ms": 150})
        assert first.poll() is None, "the upgrade came too late to be a test"
        found = [ended(process) for process in (first, helper, *newer)]
        bodies = Counter(row.body for row in many.sim.requests())
    assert [status for status, _, _ in found] == [0, 0, 0, 0], [said[-800:] for _, _, said in found]
    assert [row[0] for row in ask(ledger, LISTED)] == numbers(ledger)
    assert ask(ledger, DONE) == [(300,)]
    assert (len(bodies), max(bodies.values())) == (300, 1)
    owners = ask(ledger, "SELECT owner, count(*) FROM attempt GROUP BY owner ORDER BY owner")
    print(f"attempts by process, the first two of the version before: {owners}")
    assert len(owners) >= 3, "old and new worked side by side"


def spent(ledger: str) -> Decimal:
    """What a ledger's books hold in USD: what is spent, and what is promised to what is on the wire."""
    total = ask(ledger, "SELECT sum(spent_pico + reserved_pico) FROM budget WHERE scope LIKE 'job:%'")[0][0]
    return Decimal(int(total)) / PICO


def copied(many: Crowd, server: postgres.Server | None) -> str:
    """Back the ledger up while it is worked on, and put the copy in a new place."""
    if server is None:
        place = many.folder / "copy" / "ledger.db"
        place.parent.mkdir()
        status, said, words = ended(many.start("backup", str(place)))
        assert (status, said["copy"]) == (0, str(place)), words
        return str(place)
    new, dump = server.new_database(), str(many.folder / "dump")
    tools = {name: postgres.find_binary(name) for name in ("pg_dump", "pg_restore")}
    subprocess.run(
        [str(tools["pg_dump"]), "--format=custom", f"--file={dump}", many.ledger], check=True, timeout=60
    )
    subprocess.run([str(tools["pg_restore"]), f"--dbname={new}", dump], check=True, timeout=60)
    return new


@pytest.mark.timeout(300)
def test_a_run_in_progress_survives_a_restore(
    tmp_path: Path, ledger: str, request: pytest.FixtureRequest
) -> None:
    """A backup would lose what was in it, pay for it again, or forget what was on the wire when it was made."""
    server = request.getfixturevalue("postgres_server") if "://" in ledger else None
    with crowd(tmp_path, ledger, latency_ms=100.0) as many:
        many.notes(300)
        running = many.start("run", "notes.jsonl", "--concurrency", "8")
        many.until(DONE, 60, 90)
        # Something is on the wire, however long the copy takes to begin.
        many.sim.script({"latency_ms": 2_000})
        copy = copied(many, server)
        many.sim.script({"latency_ms": 100})
        at_backup = spent(copy)
        (held,) = ask(copy, "SELECT count(*) FROM reply")[0]
        (in_flight,) = ask(copy, "SELECT count(*) FROM attempt WHERE state = 'intent'")[0]
        many.until(DONE, int(held) + 40)
        assert running.poll() is None, "the run was over before anything was lost"
        running.send_signal(signal.SIGKILL)
        running.communicate()
        lost = spent(ledger) - at_backup
        paid_before = len(many.sim.requests())
        known = {row[0] for row in ask(copy, "SELECT provider_id FROM attempt WHERE state = 'settled'")}
        many.ledger = copy
        if server is not None:
            time.sleep(1.6)  # `lease_s`: whoever was at work when the backup was made has been silent since
        status, summary, said = ended(many.start("run", "notes.jsonl", "--concurrency", "8"))
        log, bill = many.sim.requests(), many.sim.bill().total.cost_usd
    assert (status, summary["accepted"], summary["pending"]) == (0, 300, 0), said
    assert int(held) >= 60
    assert in_flight > 0, "nothing was on the wire when the backup was made"
    assert ask(copy, "SELECT count(*) FROM attempt WHERE state = 'unknown'") == [(in_flight,)]
    times = Counter(row.body for row in log)
    names = {f"{row.body[:16]}{row.n:08x}": row.body for row in log}
    again = [names[of] for of in (one.rpartition("-")[2] for one in known) if times[names[of]] > 1]
    assert again == [], "what the backup held was paid for again"
    books = spent(copy)
    print(
        f"{held} replies in the backup, {in_flight} on the wire, {paid_before} requests at the death; books {books}, lost {lost}, bill {bill}"
    )
    assert bill is not None
    assert books <= bill + Decimal("0.01")
    assert books + lost >= bill, "what was paid after the backup is all that its books lack"


def test_a_copy_is_not_written_over_anything(tmp_path: Path) -> None:
    """A typing error would replace a file with a backup."""
    with crowd(tmp_path, str(tmp_path / "ledger.db")) as many:
        many.notes(1)
        assert ended(many.start("run", "notes.jsonl"))[0] == 0
        status, _, said = ended(many.start("backup", "notes.jsonl"))
        assert (status, "is there already" in said) == (2, True)
        assert json.loads((tmp_path / "notes.jsonl").read_text())["id"] == "0"


def test_a_postgres_ledger_names_its_own_tools(tmp_path: Path, postgres_server: postgres.Server) -> None:
    """Someone with a Postgres ledger would believe that `backup` made a copy."""
    with crowd(tmp_path, postgres_server.new_database()) as many:
        status, _, said = ended(many.start("backup", "copy.db"))
    assert (status, "pg_dump" in said) == (2, True)
