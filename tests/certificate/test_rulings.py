"""Rulings on audits: what they do to the certificate, and where a correction counts."""

import json
from typing import Any

import pytest
from tests.certificate.conftest import Build
from tests.certificate.shop import Shop, by_truth, notes
from tests.ledgers import holds

PROMISE = "max_error=0.20, audit_share=0.5"


def truth(count: int) -> dict[str, str]:
    """What is right: `glad` for each note."""
    return {one["id"]: "glad" for one in notes(count)}


def claim(shop: Shop) -> dict[str, Any]:
    """The certificate of the newest epoch, as the report states it."""
    found: dict[str, Any] = shop.json("report", "shop.py")["certificates"]["feel"]["epoch"]
    return found


def wrong_now(shop: Shop, right: dict[str, str]) -> int:
    """How many accepted answers are wrong in truth."""
    rows = shop.rows()
    return sum(
        row["outcome"] == "accepted" and row["value"]["mood"] != right[key] for key, row in rows.items()
    )


def test_clean_rulings_certify_and_open_ones_count_as_wrong(build: Build) -> None:
    """An audit that nobody did would pass for a right answer, and a certificate would come of doing nothing."""
    shop = build(80, PROMISE)
    shop.run()
    before = claim(shop)
    assert before["state"] != "certified"
    assert before["wrong_at_most"] >= before["pending"] > 0
    assert not any(row["certified"] for row in shop.rows().values())
    assert "not ruled yet and counted as wrong" in shop.call("report", "shop.py")

    ruled = shop.review(by_truth(truth(80)))
    assert ruled == before["pending"]
    after = claim(shop)
    assert (after["state"], after["pending"], after["caught"]) == ("certified", 0, 0)
    summary = shop.run()
    assert summary["attempts"] == 0
    assert all(row["certified"] for row in shop.rows().values())
    assert "Certified for 20.0%" in shop.call("why", "shop.py", "N0001")


def test_the_bound_holds_over_known_errors(build: Build) -> None:
    """The claim would be below the truth: the one thing it may never be (P6)."""
    right = truth(120)
    moods = {key: "sad" for number, key in enumerate(right) if number % 12 == 0}
    shop = build(120, PROMISE, moods)
    shop.run()
    picked = claim(shop)["pending"]
    shop.review(by_truth(right))
    shop.run()
    stated = claim(shop)
    caught = shop.ask("SELECT count(*) FROM audit WHERE state = 'wrong'")[0][0]
    assert stated["caught"] == caught
    assert stated["audited"] == picked
    assert wrong_now(shop, right) == len(moods) - caught, "each one that was found is mended"
    assert stated["wrong_at_most"] >= wrong_now(shop, right)


def test_a_correction_counts_everywhere_at_once(build: Build) -> None:
    """A ruling would sit in a table while the wrong answer stays in the output (P7)."""
    right = truth(10)
    shop = build(10, "max_error=0.20, audit_share=1.0", {"N0003": "sad"})
    shop.run()
    queue = {one["key"]: one for one in shop.json("review", "shop.py")["waiting"]}
    assert len(queue) == 10
    assert queue["N0003"]["suggestion"]["mood"] == "sad"
    assert queue["N0003"]["record"]["text"].endswith("0003"), "the source is beside it"
    number = str(queue["N0003"]["id"])
    said = shop.json(
        *("review", "shop.py", "--as", "ann", "--id", number, "--ruling", "wrong"),
        *("--answer", '{"mood": "glad", "sure": 1.0}'),
    )
    assert said["certificates"]["feel"]["epoch"]["caught"] == 1
    kept = shop.ask("SELECT outcome, value, model FROM record WHERE key = 'N0003'")[0]
    assert (kept[0], json.loads(kept[1])["mood"], kept[2]) == ("accepted", right["N0003"], "person")
    shop.json("export", "shop.py", "-o", "rows.jsonl")
    rows = [json.loads(line) for line in (shop.folder / "rows.jsonl").read_text().splitlines()]
    assert next(row for row in rows if row["key"] == "N0003")["value"]["mood"] == "glad"
    assert shop.ask("SELECT label FROM label WHERE key = 'N0003'")[0][0] == '{"mood": "glad", "sure": 1.0}'
    story = shop.call("why", "shop.py", "N0003")
    assert "ann ruled wrong" in story
    assert "a person found it wrong" in story
    shop.run()
    assert shop.rows()["N0003"]["value"]["mood"] == "glad", (
        "the next run does not put the model's answer back"
    )
    assert len(shop.audits()) == 10, "a person's answer is not drawn"


def test_a_correction_in_a_workflow_goes_through_it_again(build: Build) -> None:
    """A workflow would keep a result that was built on an answer found wrong."""
    shop = build(6, "max_error=0.20, audit_share=1.0", {"N0003": "sad"})
    shop.run("twice")
    assert shop.rows()["N0003"]["value"]["mood"] == "sad"
    shop.review(by_truth(truth(6)))
    assert shop.ask("SELECT outcome FROM record WHERE key = 'N0003'") == [("pending",)]
    found = shop.run("twice")
    assert (found["accepted"], found["attempts"]) == (6, 0)
    assert shop.rows()["N0003"]["value"]["mood"] == "glad"


def test_a_ruling_can_be_taken_back(build: Build) -> None:
    """A slip of the finger would become the result, a label and part of the certificate for ever."""
    shop = build(4, "max_error=0.20, audit_share=1.0")
    shop.run()
    before = shop.ask("SELECT id, outcome, value, model, confidence FROM record ORDER BY id")
    first = shop.json("review", "shop.py")["waiting"][0]
    shop.json("review", "shop.py", "--as", "ann", "--id", str(first["id"]), "--ruling", "reject")
    assert shop.ask("SELECT count(*) FROM record WHERE outcome = 'rejected'") == [(1,)]
    assert shop.json("review", "shop.py", "--as", "ben", "--undo")["undone"] is None, "it is not his"
    assert shop.json("review", "shop.py", "--as", "ann", "--undo")["undone"] == first["key"]
    assert shop.ask("SELECT id, outcome, value, model, confidence FROM record ORDER BY id") == before
    assert shop.ask("SELECT count(*) FROM label") == [(0,)]
    assert {row[4] for row in shop.audits()} == {"pending"}


def test_one_key_a_ruling_with_undo_in_the_terminal(build: Build) -> None:
    """Whoever rules on hundreds would need the mouse, or could not take a slip back."""
    shop = build(3, "max_error=0.20, audit_share=1.0")
    shop.run()
    said = shop.call("review", "shop.py", "--as", "ann", said="x\nu\nr\nr\nr\n")
    assert "is taken back" in said
    assert "3 ruled." in said
    assert {row[4] for row in shop.audits()} == {"right"}


def test_a_whole_word_means_what_it_says(build: Build) -> None:
    """`reject` on a pipe would rule right, since it begins with an r, and so would any other word."""
    shop = build(3, "max_error=0.20, audit_share=1.0")
    shop.run()
    said = shop.call("review", "shop.py", "--as", "ann", said="reject\nreally\n\nRIGHT\nX\n")
    assert "'really' is not one of them" in said
    assert "'' is not one of them" in said
    assert [row[0] for row in shop.ask("SELECT ruling FROM review ORDER BY id")] == [
        "reject",
        "right",
        "reject",
    ]


def test_a_pipe_of_other_words_ends(build: Build) -> None:
    """A script that pipes something else would be asked for ever, or its words would be taken for rulings."""
    shop = build(1, "max_error=0.20, audit_share=1.0")
    shop.run()
    assert "whole word" in shop.call("review", "shop.py", said="rrr\n" * 10 + "right\n", status=2)
    assert shop.ask("SELECT ruling FROM review") == [(None,)]


CHECK = """
@feel.check
def is_glad(answer: Mood, note: Note) -> None:
    if answer.mood == "sad":
        raise Fault("nobody is sad", where="mood")

"""


def doubting(shop: Shop) -> None:
    """Give the app's step a check that its answer fails."""
    source = (shop.folder / "shop.py").read_text().replace("Price, Prompt", "Price, Prompt, Fault")
    (shop.folder / "shop.py").write_text(source.replace("@app.workflow", CHECK + "@app.workflow"))


def test_an_answer_that_fails_its_checks_cannot_be_called_right(build: Build) -> None:
    """The ruling would be taken, the record end as failed, and a label call the invalid answer right."""
    shop = build(1, 'confidence="field:sure", review_below=0.5', {"N0000": "sad"})
    doubting(shop)
    assert shop.run()["waiting"] == {"review": 1}
    number = str(shop.json("review", "shop.py")["waiting"][0]["id"])
    told = shop.call("review", "shop.py", "--id", number, "--ruling", "right", status=2)
    assert "nobody is sad (check is_glad, field mood)" in told
    assert "give the right answer, or reject" in told
    said = shop.call("review", "shop.py", "--as", "ann", said='r\nw\n{"mood":"sad"}\n{"mood":"glad"}\n')
    assert "cannot be right" in said
    assert "not valid: nobody is sad" in said
    assert "1 ruled." in said
    assert shop.run()["accepted"] == 1
    assert shop.ask("SELECT label FROM label") == [('{"mood":"glad"}',)]


def test_held_answers_are_released_free_of_charge(build: Build) -> None:
    """`hold_until_certified` would let answers out unproved, lose them (P1), or buy them twice (P2)."""
    shop = build(80, f"{PROMISE}, hold_until_certified=True")
    first = shop.run()
    assert (first["accepted"], first["waiting"], first["pending"]) == (0, {"review": 80}, 0)
    assert all(row["value"] is None for row in shop.rows().values())
    picked = first["certificates"]["feel"]["epoch"]["pending"]
    assert len(shop.json("review", "shop.py")["waiting"]) == picked, "only audits are anybody's work"
    still = shop.run()
    assert (still["accepted"], still["attempts"]) == (0, 0)
    shop.review(by_truth(truth(80)))
    after = shop.run()
    assert (after["accepted"], after["waiting"], after["attempts"]) == (80, {}, 0)
    assert len(shop.audits()) == 80
    assert shop.sim.bill().total.requests == 80


def test_readers_who_disagree_leave_it_wrong_until_it_is_settled(build: Build) -> None:
    """A certificate would rest on whoever ruled first."""
    shop = build(6, "max_error=0.20, audit_share=1.0", {"N0003": "sad"}, second_reader_share=1.0)
    shop.run()
    right = truth(6)
    assert shop.review(by_truth(right), "ann") == 6
    assert shop.review(by_truth(right), "ann") == 0, "nobody reads the same answer twice"
    assert shop.review(by_truth({**right, "N0003": "sad"}), "ben") == 6
    states = shop.ask("SELECT state, count(*) FROM audit GROUP BY state ORDER BY state")
    assert states == [("disputed", 1), ("right", 5)]
    stated = claim(shop)
    assert (stated["pending"], stated["caught"]) == (1, 0)
    waiting = shop.json("review", "shop.py", "--as", "cleo")["waiting"]
    assert [one["key"] for one in waiting] == ["N0003"]
    assert "disagree" in waiting[0]["grounds"]
    shop.json("review", "shop.py", "--as", "cleo", "--id", str(waiting[0]["id"]), "--ruling", "right")
    assert shop.ask("SELECT state, count(*) FROM audit GROUP BY state") == [("right", 6)]
    shop.run()
    assert shop.rows()["N0003"]["value"]["mood"] == "sad", "the settled ruling gives the model's answer back"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ruling", "right"), "--id N"),
        (("--id", "999", "--ruling", "right"), "No open question 999"),
        (("--id", "1"), "--ruling right, wrong or reject"),
        (("--id", "1", "--ruling", "wrong"), "--answer JSON"),
        (("--id", "1", "--ruling", "wrong", "--answer", '{"mod": 1}'), "not valid"),
    ],
)
def test_a_ruling_that_does_not_fit_is_refused(build: Build, words: tuple[str, ...], told: str) -> None:
    """A script's slip would rule on nothing, or on another question."""
    shop = build(1, "max_error=0.20, audit_share=1.0")
    shop.run()
    assert told in shop.call("review", "shop.py", *words, status=2)
    assert {row[4] for row in shop.audits()} == {"pending"}


LABELS = "SELECT key, label, source FROM label ORDER BY key"


def take_label(shop: Shop, key: str, mood: str, name: str = "labels.jsonl") -> None:
    """A file says what is right of one record."""
    (shop.folder / name).write_text(json.dumps({"key": key, "label": {"mood": mood, "sure": 1}}) + "\n")
    shop.call("label", "shop.py:feel", name)


def test_a_label_of_a_file_comes_back_with_a_ruling_that_is_taken_back(build: Build) -> None:
    """What a team had labelled itself would be gone for a slip of the finger, and no file be asked for it again."""
    shop = build(3, "max_error=0.20, audit_share=1.0", second_reader_share=1.0)
    shop.run()
    take_label(shop, "N0001", "sad")
    given = shop.ask(LABELS)
    everybody = by_truth(truth(3))
    shop.review(everybody, "ann")
    shop.review(everybody, "ben")
    for by in ("ben", "ben", "ben"):
        shop.call("review", "shop.py", "--undo", "--as", by)
    assert [row[2] for row in shop.ask(LABELS)] == ["ruling by ann"] * 3, "the other's ruling stands"
    for by in ("ann", "ann", "ann"):
        shop.call("review", "shop.py", "--undo", "--as", by)
    assert shop.ask(LABELS) == given
    shop.review(everybody, "ann")
    take_label(shop, "N0002", "sad", "later.jsonl")
    for by in ("ann", "ann", "ann"):
        shop.call("review", "shop.py", "--undo", "--as", by)
    assert [row[2] for row in shop.ask(LABELS)] == ["labels.jsonl", "later.jsonl"], "the newest one stands"


def test_a_label_that_a_ruling_replaced_is_forgotten_with_its_record(build: Build) -> None:
    """Words of somebody who asked to be forgotten would stay behind the ruling, and come back with its undo."""
    shop = build(2, "max_error=0.20, audit_share=1.0")
    shop.run()
    word = "xylophonic"
    for key in truth(2):
        take_label(shop, key, word)
    shop.review(by_truth(truth(2)))
    assert shop.ask("SELECT count(*) FROM label WHERE under LIKE '%xylophonic%'") == [(2,)]
    shop.call("forget", "shop.py", "N0000")
    shop.call("gc", "shop.py", "--older-than", "0")
    assert holds(shop.ledger, word) == []
