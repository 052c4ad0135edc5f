"""The gate from end to end: shadow runs that are paid for once, people who rule without knowing, a ruling that stands."""

import hashlib
import json
import signal
import subprocess
import time

import pytest
from tests.gate.conftest import Build
from tests.gate.trial import moods

from roadworthy._failpoints import VARIABLE

SURE = 'confidence="field:sure", review_below=0.1'
MARGIN = ("--margin", ".05")
PLAIN: dict[str, str] = {}


def test_an_equal_candidate_is_promoted(build: Build) -> None:
    """A change that does no harm would never be let in, or would be let in before anybody had looked."""
    small, big = moods(400, range(0, 400, 100)), moods(400, range(50, 400, 100))
    trial = build(400, small, big)
    for name, model in (("shop.py", "small"), ("better.py", "big")):
        trial.write(name, model, step=f", {SURE}")
    truth = moods(400, [])
    trial.run()
    before = trial.sim.bill().total.requests
    first = trial.gate("--sample", "400", *MARGIN)
    assert first["ruling"] == "not yet"
    assert first["in_shadow"] == 400
    assert (first["attempts"], first["waiting"]) == (400, 8), (
        "2 % disagree: how sure they say they are is no part"
    )
    assert first["rulings_likely"] > 0
    assert trial.sim.bill().total.requests == before + 400
    queue = trial.json("review", "shop.py")["waiting"]
    assert {one["kind"] for one in queue} == {"gate"}
    assert {len(one["suggestion"]) for one in queue} == {2}
    assert "big" not in json.dumps(queue), "nothing says which answer is the new one"

    assert trial.people(truth) == 8
    found = trial.gate("--sample", "400", *MARGIN)
    assert found["ruling"] == "promote"
    assert (found["attempts"], found["cost_usd"]) == (0, "0"), "the second command buys nothing"
    assert found["new_right"] + found["old_right"] <= 8
    assert trial.json("review", "shop.py")["waiting"] == []
    assert trial.sim.bill().total.requests == before + 400

    applied = trial.gate("--sample", "400", *MARGIN, "--apply")
    assert applied["state"] == 1
    assert trial.gate("--sample", "400", *MARGIN, "--apply")["state"] == 1, "once is enough"
    assert trial.ask("SELECT ruling, applied FROM gate WHERE number = 1") == [("promote", 1)]
    assert "promote" in trial.call("report", "shop.py")
    assert trial.json("doctor", "shop.py")["wrong"] == []


def test_a_worse_candidate_is_rejected_and_does_not_run(build: Build) -> None:
    """A change that does harm would be let in, or would run all the same."""
    trial = build(120, PLAIN, moods(120, range(0, 120, 4)))
    trial.run()
    trial.gate("--sample", "120", *MARGIN)
    trial.people(moods(120, []))
    found = trial.gate("--sample", "120", *MARGIN)
    assert found["ruling"] == "reject"
    assert found["old_right"] > found["new_right"]
    said = trial.call("learn", "shop.py", "--candidate", "better.py", *MARGIN, "--apply")
    assert "not promoted" in said
    trial.write("shop.py", "big")
    told = trial.call("run", "shop.py:feel", "in.jsonl", status=2)
    assert "rejected" in told
    assert "--yes" in told
    assert trial.run("feel", "--yes")["accepted"] == 120


def test_an_equal_request_costs_nothing(build: Build) -> None:
    """A candidate that only checks otherwise would buy every answer a second time (P2)."""
    trial = build(60, PLAIN, PLAIN)
    trial.run()
    before = trial.sim.bill().total.requests
    source = (trial.folder / "shop.py").read_text()
    check = (
        "\n@feel.check\ndef glad(answer: Mood, note: Note) -> None:\n"
        "    from roadworthy import Fault\n    if answer.mood == 'cross':\n        raise Fault('not so cross')\n"
    )
    (trial.folder / "better.py").write_text(source + check)
    found = trial.gate("--sample", "60", *MARGIN)
    assert (found["attempts"], found["reused"], found["alike"]) == (0, 60, 60)
    assert trial.sim.bill().total.requests == before


def test_the_cap_holds_and_the_app_pays(build: Build) -> None:
    """Shadow runs would spend what nobody allowed, or what no account shows (P3)."""
    trial = build(80, PLAIN, PLAIN)
    first = trial.run()
    one = float(first["job_cost_usd"]) / 80
    cap = f"{one * 30:.8f}"
    words = ("--sample", "80", *MARGIN, "--field", "mood", "--budget-usd")
    found = trial.gate(*words, cap, status=3)
    assert found["ruling"] == "not yet"
    assert found["unbought"]
    assert 0 < float(found["job_cost_usd"]) <= float(cap)
    accounts: dict[str, int] = dict(trial.ask("SELECT scope, spent_pico FROM budget"))
    shadow = round(float(found["job_cost_usd"]) * 1e12)
    assert accounts["app:shop:"] == round(float(first["job_cost_usd"]) * 1e12) + shadow
    assert "app:shop~candidate:" not in accounts
    assert trial.json("doctor", "shop.py")["wrong"] == []
    more = trial.gate(*words, "1")
    assert more["attempts"] == 80 - found["attempts"], "what was bought is not bought again"
    assert more["alike"] == 80


def test_labels_that_are_known_are_not_asked_for(build: Build) -> None:
    """A person would rule on what they have ruled on."""
    trial = build(40, moods(40, range(0, 40, 10)), PLAIN)
    trial.run()
    label = json.dumps({"mood": "glad", "sure": 0.8})
    rows = [json.dumps({"key": f"N{number:04}", "label": json.loads(label)}) for number in (0, 10)]
    (trial.folder / "labels.jsonl").write_text("\n".join(rows) + "\n")
    trial.json("label", "shop.py", "labels.jsonl")
    for name, model in (("shop.py", "small"), ("better.py", "big")):
        trial.write(name, model, step=f", {SURE}")
    found = trial.gate("--sample", "40", *MARGIN)
    assert found["waiting"] == 2


def test_fields_that_do_not_count_are_left_out(build: Build) -> None:
    """Every word that differs would be a question to a person."""
    trial = build(30, PLAIN, PLAIN)
    trial.run()
    assert trial.gate("--sample", "30", *MARGIN)["waiting"] == 30, "0.9 is not 0.8"
    assert trial.gate("--sample", "30", *MARGIN, "--field", "mood")["alike"] == 30


def test_a_killed_shadow_run_goes_on(build: Build) -> None:
    """What a process had bought when it died would be bought again, or be on no account."""
    trial = build(60, PLAIN, PLAIN)
    if "://" in trial.ledger:
        trial.environ["ROADWORTHY_LEASE_S"] = "1"
    trial.run()
    trial.environ[VARIABLE] = "outcome_written:20"
    done = subprocess.run(
        trial.command("learn", "shop.py", "--candidate", "better.py", "--sample", "60"),
        cwd=trial.folder,
        env=trial.surroundings,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    del trial.environ[VARIABLE]
    if "://" in trial.ledger:
        time.sleep(1.5)  # the dead process's lease
    found = trial.gate("--sample", "60", "--field", "mood")
    assert (found["in_shadow"], found["alike"]) == (60, 60)
    kept = trial.ask("SELECT count(*) FROM attempt WHERE state = 'settled' AND model LIKE '%big'")
    assert kept == [(60,)]
    assert trial.json("doctor", "shop.py")["wrong"] == []


def test_a_gated_app_runs_what_was_promoted(build: Build) -> None:
    """An edit that nobody compared would answer from the moment it is saved."""
    trial = build(20, PLAIN, PLAIN)
    trial.write("shop.py", "small", more=", gate=True")
    trial.run()
    trial.write("shop.py", "big", more=", gate=True")
    assert "never promoted" in trial.call("run", "shop.py:feel", "in.jsonl", status=2)
    trial.write("shop.py", "small", more=", gate=True")
    assert trial.run()["attempts"] == 0


@pytest.mark.timeout(300)  # many commands, one after the other
def test_rolling_back_is_one_command(build: Build) -> None:
    """A promotion that turns out wrong could not be taken back."""
    trial = build(200, PLAIN, PLAIN)
    trial.run()
    found = trial.gate("--sample", "200", *MARGIN, "--field", "mood", "--apply")
    assert (found["ruling"], found["state"]) == ("promote", 1), (
        "200 alike are enough for a margin of 5 points"
    )
    trial.write("shop.py", "big")
    assert trial.run("feel", "--yes")["attempts"] == 0, "the shadow's replies are the answers now"
    trial.json("learn", "shop.py", "--roll-back")
    assert "promoted once" in trial.call("run", "shop.py:feel", "in.jsonl", status=2)
    trial.write("shop.py", "small")
    assert trial.run("feel", "--yes")["accepted"] == 200


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("shop.py",), "Nothing that changes an answer differs"),
        (("better.py:other",), "has no step 'other'"),
        (("nowhere.py",), "There is no file"),
    ],
)
def test_what_cannot_be_a_candidate_is_refused(build: Build, words: tuple[str, ...], told: str) -> None:
    """A slip would buy a shadow run of the app itself."""
    trial = build(3, PLAIN, PLAIN)
    trial.run()
    assert told in trial.call("learn", "shop.py", "--candidate", *words, status=2)


def test_one_key_a_ruling(build: Build) -> None:
    """A person could not rule on two answers in the terminal, or not take it back."""
    trial = build(30, moods(30, [3, 9, 21]), PLAIN)
    for name, model in (("shop.py", "small"), ("better.py", "big")):
        trial.write(name, model, step=f", {SURE}")
    trial.run()
    trial.gate("--sample", "30")
    said = trial.call("review", "shop.py", "--as", "ann", said="a\nu\nb\n2\nx\n0\n")
    assert "A:" in said
    assert "taken back" in said
    rulings = trial.ask("SELECT ruling FROM review WHERE kind = 'gate' ORDER BY id")
    assert rulings == [("b",), ("both",), ("neither",)]
    (labels,) = trial.ask("SELECT count(*) FROM label")
    assert labels == (1,), "where one alone is right it is the label"


def test_a_ruling_that_corrects_a_result_is_the_result(build: Build) -> None:
    """People would say which answer is right, and the wrong one would go on leaving."""
    trial = build(40, moods(40, [3, 7]), moods(40, [9]))
    for name, model in (("shop.py", "small"), ("better.py", "big")):
        trial.write(name, model, step=f", {SURE}")
    trial.run()
    trial.gate("--sample", "40", *MARGIN)
    assert trial.people(moods(40, [])) == 3
    results = "SELECT key, model, value FROM record JOIN job ON job.id = job_id WHERE app = 'shop' ORDER BY record.id"
    corrected = [row for row in trial.ask(results) if row[1] == "person"]
    assert [row[0] for row in corrected] == ["N0003", "N0007"], "what was right stays the model's"
    assert all('"glad"' in row[2] for row in corrected)
    before = trial.sim.bill().total.requests
    trial.run()
    assert [row for row in trial.ask(results) if row[1] == "person"] == corrected, (
        "a run finds the ruling again"
    )
    assert trial.sim.bill().total.requests == before
    assert "was accepted: " in trial.call("why", "shop.py", "N0003")
    for _ in range(3):
        assert "taken back" in trial.call("review", "shop.py", "--by", "ann", "--undo")
    assert not [row for row in trial.ask(results) if row[1] == "person"], "what a ruling replaced is put back"


def test_records_whose_old_answers_are_not_known_do_not_hide_the_others(build: Build) -> None:
    """A gate would say for ever that there is nothing to compare on, or stay at too few records, though many are there."""
    trial = build(30, PLAIN, PLAIN)
    rows = [json.loads(line) for line in (trial.folder / "in.jsonl").read_text().splitlines()]
    rows.sort(key=lambda row: hashlib.sha256(f"feel\0{row['id']}".encode()).digest())

    def run(part: list[dict[str, str]], job: str) -> None:
        (trial.folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
        trial.run("feel", "--job", job, "--yes")

    trial.write("shop.py", "big")
    run(rows[:20], "of another model")
    trial.write("shop.py", "small")
    run(rows[20:], "of this one")
    found = trial.gate("--sample", "5", *MARGIN)
    assert (found["in_shadow"], found["unbought"]) == (5, False)
    assert trial.gate("--sample", "30", *MARGIN)["in_shadow"] == 10, "and no more than there are"
