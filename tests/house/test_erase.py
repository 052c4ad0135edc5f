"""Contents go, accounts stay: retention and forgetting."""

import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from tests.house.conftest import Build
from tests.house.house import APP, STEP, House, letter
from tests.ledgers import change

from roadworthy._settings import DEFAULTS
from roadworthy.keep.jobs import note
from roadworthy.keep.store import SqliteStore

SECRETS = ("KEYMARK", "NAMEMARK", "BODYMARK", "ANSWERMARK", "RULEDMARK", "NUL-LOOKEDUP", "RAWMARK")
ACCOUNTS = "SELECT count(*), sum(cost_pico), sum(input_tokens), sum(output_tokens) FROM attempt"
MONEY = "SELECT scope, spent_pico, reserved_pico FROM budget ORDER BY scope"


def a_life(build: Build) -> House:
    """A ledger where one key left traces of every kind: two jobs, two versions, a ruling, a label, a lookup, a conflict."""
    marked = letter(1, id="KEYMARK-1", name="NAMEMARK", body="the words BODYMARK of a letter")
    other = letter(2, id="KEYMARK", body="BODYMARK once more", name="RAWMARK\0 with a NUL")
    plain = [letter(number) for number in range(3, 8)]
    house = build(
        [marked, other, *plain], {"KEYMARK-1": "?the topic ANSWERMARK", "KEYMARK": "the topic ANSWERMARK"}
    )
    house.put([marked | {"id": "KEYMARK"}, *plain])
    assert house.json("run", STEP, "in.jsonl")["waiting"] == {"review": 1}
    correction = json.dumps({"topic": "RULEDMARK", "sure": 1.0})
    assert "1 ruled" in house.call("review", APP, "--by", "judge", said=f"w\n{correction}\n").stdout
    assert house.json("run", STEP, "in.jsonl")["accepted"] == 6
    house.put([other, *plain, other | {"body": "not the same"}])
    assert house.json("run", STEP, "in.jsonl")["rejected"] == 1
    assert house.json("run", f"{APP}:handle", "in.jsonl")["accepted"] == 6
    for secret in SECRETS:
        assert house.holds(secret), secret
    assert house.ask("SELECT count(*) FROM record WHERE raw IS NOT NULL") != [(0,)]
    return house


@pytest.mark.timeout(90)
def test_after_forget_no_byte_of_the_record_is_left_and_its_accounts_are(build: Build) -> None:
    """A person who asks to be forgotten would still be in the file, or the money spent on them would be lost."""
    house = a_life(build)
    accounts, money = house.ask(ACCOUNTS), house.ask(MONEY)
    outcomes = house.ask("SELECT outcome, count(*) FROM record GROUP BY outcome ORDER BY outcome")
    said = house.json("forget", APP, "KEYMARK")
    assert (said["records"], said["put_off"]) == (5, "")
    for secret in SECRETS:
        assert house.holds(secret) == [], secret
    assert (house.ask(ACCOUNTS), house.ask(MONEY)) == (accounts, money)
    assert house.ask("SELECT outcome, count(*) FROM record GROUP BY outcome ORDER BY outcome") == outcomes
    assert house.holds("letter number 3"), "and nothing of anybody else went"
    assert house.ask("SELECT ruling, ruled_by FROM review WHERE ruling IS NOT NULL") == [("wrong", "judge")]
    assert house.json("doctor", APP)["wrong"] == []
    assert house.call("forget", APP, "KEYMARK").returncode == 2, "nobody has this key any more"


@pytest.mark.timeout(60)
def test_the_same_input_later_is_a_new_record(build: Build) -> None:
    """Who was forgotten would be recognized, or could never come again."""
    house = build([letter(number) for number in range(1, 13)])
    house.json("run", STEP, "in.jsonl")
    house.json("forget", APP, "L1")
    requests = house.sim.bill().total.requests
    again = house.json("run", STEP, "in.jsonl")
    assert (again["records"], again["accepted"], again["attempts"]) == (12, 12, 1)
    assert house.sim.bill().total.requests == requests + 1
    assert house.ask("SELECT count(*), count(DISTINCT id) FROM record WHERE key = 'L1'") == [(1, 1)]
    assert house.ask("SELECT key, outcome, reason FROM record WHERE key LIKE 'forgotten-%'") == [
        ("forgotten-1", "accepted", "forgotten: its contents were erased")
    ]


@pytest.mark.timeout(90)
def test_a_key_of_two_namespaces_is_forgotten_in_the_one_that_is_meant(build: Build) -> None:
    """Whoever forgets one customer's record would erase another customer's of the same key, with what people said of it."""
    ours, theirs = letter(1, body="what WEWROTE"), letter(1, body="what THEYWROTE")
    house = build([ours, theirs | {"id": "theirs"}], {"L1": "the topic", "theirs": "the topic"})
    house.put([ours])
    house.json("run", STEP, "in.jsonl", "--job", "ours")
    house.put([theirs])
    house.json("run", STEP, "in.jsonl", "--job", "theirs")
    change(house.ledger, "UPDATE job SET namespace = 'acme' WHERE name = 'theirs'")
    for whose, word in (("", "OURLABEL"), ("acme", "THEIRLABEL")):
        change(
            house.ledger,
            "INSERT INTO label (app, entry, key, namespace, label, correct, source, at) "
            f"SELECT app, entry, 'L1', '{whose}', '{word}', NULL, 'people', 0 FROM job WHERE name = 'ours'",
        )
    unsaid = house.call("forget", APP, "L1")
    assert unsaid.returncode == 2
    assert "the app's own and acme" in unsaid.stderr
    assert "--namespace" in unsaid.stderr
    assert house.call("forget", APP, "L1", "--namespace", "other").returncode == 2
    assert house.ask("SELECT count(*) FROM record WHERE key = 'L1'") == [(2,)], "nothing was erased"
    assert house.json("forget", APP, "L1", "--namespace", "acme")["records"] == 1
    assert house.ask("SELECT namespace, label FROM label") == [("", "OURLABEL")]
    assert house.ask("SELECT job.name FROM record JOIN job ON job.id = record.job_id WHERE key = 'L1'") == [
        ("ours",)
    ]
    assert (house.holds("THEYWROTE"), house.holds("THEIRLABEL")) == ([], [])
    assert house.holds("WEWROTE")
    assert house.json("forget", APP, "L1")["records"] == 1, "one namespace alone has the key: it is meant"
    assert house.ask("SELECT count(*) FROM label") == [(0,)]


@pytest.mark.timeout(60)
def test_a_record_that_shared_the_reply_keeps_its_answer(build: Build) -> None:
    """Forgetting one person would take the answer of another, who asked the same question."""
    same = "the very same words"
    letters = [letter(1, body=same), letter(2, body=same), *(letter(number) for number in range(3, 23))]
    house = build(letters)
    house.put(letters[:1])
    house.json("run", STEP, "in.jsonl", "--job", "j")
    house.put(letters)
    first = house.json("run", STEP, "in.jsonl", "--job", "j")
    assert (first["accepted"], house.sim.bill().total.requests) == (22, 21), "the reply was shared"
    value = house.ask("SELECT value FROM record WHERE key = 'L2'")
    house.json("forget", APP, "L1")
    assert house.ask("SELECT value FROM record WHERE key = 'L2'") == value
    house.put(letters[1:])
    again = house.json("run", STEP, "in.jsonl", "--job", "j")
    assert (again["accepted"], again["attempts"]) == (21, 1), "judged anew, its reply is bought again"


@pytest.mark.timeout(60)
def test_a_record_in_work_is_not_forgotten(build: Build) -> None:
    """What a running job holds would be written back after it was erased."""
    house = build([letter(number) for number in range(1, 201)], latency_ms=3000)
    running = house.start("run", STEP, "in.jsonl", "--json")
    try:
        while house.sim.bill().total.requests < 2:
            assert running.poll() is None
        refused = house.call("forget", APP, "L1")
        assert refused.returncode == 3
        assert "roadworthy cancel" in refused.stderr
        assert house.holds("letter number 1")
    finally:
        running.kill()
        running.communicate()


@pytest.mark.timeout(90)
def test_retention_takes_contents_and_leaves_accounts(build: Build) -> None:
    """A ledger would keep everybody's words for ever, or lose what they cost."""
    letters = [letter(number, body=f"BODYMARK {number}") for number in range(1, 31)]
    house = build(letters, {"L1": "?unsure", "L2": "ANSWERMARK"})
    house.json("run", STEP, "in.jsonl")
    assert house.json("gc", APP)["records"] == 0, "nothing is as old as the default"
    dry = house.json("gc", APP, "--older-than", "0", "--dry-run")
    assert (dry["records"], dry["replies"]) == (29, 29), "a record that waits for a person is not done"
    assert house.holds("ANSWERMARK")
    accounts, money = house.ask(ACCOUNTS), house.ask(MONEY)
    done = house.json("gc", APP, "--older-than", "0")
    assert (done["records"], done["contents"]) == (dry["records"], dry["contents"])
    assert (done["after_bytes"] < done["before_bytes"]) or "://" in house.ledger
    assert bool(done["beyond"]) is ("://" in house.ledger), "a server's log and back-ups are not in our hands"
    assert house.holds("ANSWERMARK") == []
    assert (house.ask(ACCOUNTS), house.ask(MONEY)) == (accounts, money)
    assert house.ask("SELECT count(*) FROM record WHERE outcome = 'accepted' AND value IS NULL") == [(29,)]
    assert house.ask("SELECT key FROM record WHERE body IS NOT NULL") == [("L1",)]
    assert house.json("gc", APP, "--older-than", "0")["records"] == 0, "a second time finds nothing"
    assert house.json("doctor", APP)["wrong"] == []
    for command in (("report", APP), ("why", APP, "L2"), ("review", APP, "--json")):
        assert house.call(*command).returncode == 0, command


@pytest.mark.timeout(90)
def test_what_the_newest_run_saw_is_not_old(build: Build) -> None:
    """What comes every day would be forgotten for not having changed, or what came once would be kept for ever."""
    house = build([letter(number) for number in range(1, 5)])
    house.json("run", STEP, "in.jsonl")
    change(house.ledger, "UPDATE record SET updated_at = updated_at - 8640000")
    change(house.ledger, "UPDATE run SET started_at = started_at - 8640000")
    assert house.json("gc", APP, "--dry-run")["records"] == 4
    house.put([letter(1), letter(2, name="somebody else")])
    assert house.json("run", STEP, "in.jsonl")["accepted"] == 2
    assert house.json("gc", APP)["records"] == 3, "a former version, and two that no line names any more"
    assert house.ask("SELECT key, version FROM record WHERE body IS NOT NULL ORDER BY id") == [
        ("L1", 1),
        ("L2", 2),
    ]


@pytest.mark.timeout(60)
def test_what_code_handed_over_is_old_when_it_did_not_change(build: Build) -> None:
    """A service would keep every record for ever, because it runs; or what comes again would stay without its contents."""
    house = build([letter(number) for number in range(1, 4)])
    for number in (1, 2):
        assert house.result(letter(number)).startswith("accepted post")
    change(house.ledger, "UPDATE record SET updated_at = updated_at - 8640000 WHERE key = 'L1'")
    house.outlast_a_lease()
    assert house.json("gc", APP)["records"] == 1
    assert house.ask("SELECT key FROM record WHERE body IS NOT NULL") == [("L2",)]
    assert house.result(letter(1)).startswith("accepted post")
    assert house.ask("SELECT key FROM record WHERE body IS NOT NULL ORDER BY key") == [("L1",), ("L2",)]
    assert house.sim.bill().total.requests == 3


@pytest.mark.timeout(90)
def test_what_retention_took_is_bought_again_only_when_asked(build: Build) -> None:
    """A record that comes again after its reply is gone would fail, or be paid for without a word."""
    house = build([letter(number) for number in range(1, 31)])
    house.json("run", STEP, "in.jsonl")
    house.json("gc", APP, "--older-than", "0")
    refused = house.call("run", STEP, "in.jsonl")
    assert refused.returncode == 2
    assert "replies were removed: 30 of 30" in refused.stderr
    again = house.json("run", STEP, "in.jsonl", "--yes")
    assert (again["accepted"], again["attempts"], again["reused"]) == (30, 30, 0)
    assert house.ask("SELECT count(*) FROM record WHERE body IS NOT NULL AND value IS NOT NULL") == [(30,)]
    assert house.ask("SELECT count(*) FROM record") == [(30,)], "the same records, not new ones"


@pytest.mark.timeout(60)
def test_retention_spares_a_run_under_way_and_not_what_a_dead_one_left(build: Build) -> None:
    """Answers would go before their run could write them out, or those of a run that was killed stay for ever."""
    house = build([letter(number) for number in range(1, 61)], latency_ms=300)
    running = house.start("run", STEP, "in.jsonl", "--json", "--concurrency", "4")
    try:
        while house.sim.bill().total.requests < 20:
            assert running.poll() is None
        assert house.json("gc", APP, "--older-than", "0")["records"] == 0
    finally:
        running.kill()
        running.communicate()
    ended = house.ask("SELECT count(*) FROM record WHERE outcome = 'accepted'")[0][0]
    house.outlast_a_lease()
    assert house.json("gc", APP, "--older-than", "0")["records"] == ended
    assert house.json("doctor", APP)["wrong"] == []


@pytest.mark.timeout(60)
def test_a_function_that_ran_once_keeps_its_token_through_retention(build: Build) -> None:
    """After retention a side effect would run again under another idempotency key."""
    house = build([letter(1)])
    house.json("run", f"{APP}:handle", "in.jsonl")
    token = house.ask("SELECT token FROM once")
    house.json("gc", APP, "--older-than", "0")
    assert house.ask("SELECT token, value, done FROM once") == [(*token[0], None, 0)]
    assert house.json("run", f"{APP}:handle", "in.jsonl", "--yes")["accepted"] == 1
    assert house.ask("SELECT token, done FROM once") == [(*token[0], 1)]


@pytest.mark.timeout(60)
def test_a_ledger_that_others_work_on_is_compacted_later(build: Build) -> None:
    """Writing a large file anew would stop everybody who works on it, or be reported as done when it was not."""
    house = build([letter(1)])
    house.json("run", STEP, "in.jsonl")
    house.environ["ROADWORTHY_COMPACT_SHARED_BYTES_MAX"] = "1"
    assert house.json("gc", APP, "--older-than", "0")["put_off"] == "", "nobody else is there"
    house.put([letter(number) for number in range(2, 40)])
    house.sim.script({"latency_ms": 3000})
    running = house.start("run", STEP, "in.jsonl", "--json")
    try:
        while house.sim.bill().total.requests < 2:
            assert running.poll() is None
        done = house.json("gc", APP, "--older-than", "0", status=3)
        assert "1 other processes work" in done["put_off"]
    finally:
        running.kill()
        running.communicate()


def test_compaction_removes_what_deleting_leaves_behind(tmp_path: Path) -> None:
    """Where SQLite does not overwrite what it deletes, erased words would stay in free pages and in the log."""
    place = tmp_path / "ledger.db"
    store = SqliteStore(place, DEFAULTS)
    store._connection.execute("PRAGMA secure_delete = OFF")
    for number in range(200):
        store.write_now(partial(note, kind="x", data=f"SECRETMARK {number} " * 50, record_id=1))
    store.write_now(lambda tx: tx.change("erase_events", record_id=1))

    def holds() -> bool:
        return any(b"SECRETMARK" in file.read_bytes() for file in tmp_path.iterdir())

    assert holds(), "deleting alone leaves it, else this is no test"
    done = store.compact()
    assert not holds()
    assert (done.put_off, done.after_bytes < done.before_bytes) == ("", True)
    assert store.read(lambda tx: tx.rows("events_of_record", record_id=1))[0][2] == "", "and it still works"
    store.close()


def test_compaction_leaves_the_ledger_whole(file_build: Build) -> None:
    """A ledger would be damaged by being written anew."""
    house = file_build([letter(number) for number in range(1, 20)])
    house.json("run", STEP, "in.jsonl")
    house.json("gc", APP, "--older-than", "0")
    connection = sqlite3.connect(house.folder / "letters.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
