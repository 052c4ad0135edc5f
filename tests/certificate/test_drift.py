"""Warnings and alarms on real ledgers: what raises them, what they do, and who clears them."""

import json
import random

from tests.certificate.conftest import Build
from tests.certificate.shop import Shop, by_truth, go_through, notes

from roadworthy._settings import DEFAULTS
from roadworthy.keep.alarms import Reading
from roadworthy.keep.ledger import open_ledger
from roadworthy.learn.drift import Drift
from roadworthy.run.watch import alarm_words, shifted

PROMISE = "max_error=0.05, audit_share=0.5"


def more(shop: Shop, count: int, start: int, text: str = "this is note number") -> None:
    """Other notes as the input."""
    given = [{"id": f"M{start + n:04}", "text": f"{text} {n:04}"} for n in range(count)]
    (shop.folder / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in given))


def alarmed(build: Build) -> Shop:
    """A shop in which people found so many errors that the alarm is on."""
    right = {one["id"]: "glad" for one in notes(60)}
    shop = build(60, PROMISE, dict.fromkeys(right, "sad"))
    shop.run()
    shop.review(by_truth(right))
    return shop


def test_an_alarm_sends_everything_to_review_until_a_person_clears_it(build: Build) -> None:
    """A model that went wrong would go on answering customers while everybody knows of it."""
    shop = alarmed(build)
    found = shop.run()
    assert [(one["kind"], one["what"], one["step"]) for one in found["alarms"]] == [
        ("alarm", "errors", "feel")
    ]
    assert found["accepted"] == 60, "what was accepted before stays, and its audits are counted"
    more(shop, 20, 0)
    assert (stopped := shop.run("feel", "--job", "second"))["waiting"] == {"review": 20}
    assert stopped["accepted"] == 0
    assert "alarm: " in shop.rows()["M0001"]["reason"]
    assert "alarm: " in shop.call("why", "shop.py", "M0001")
    doubts = [one for one in shop.json("review", "shop.py")["waiting"] if one["kind"] == "doubt"]
    assert len(doubts) == 20
    assert all(one["suggestion"]["mood"] for one in doubts), "the answer stands beside the question"

    assert "ALARM of feel" in shop.call("report", "shop.py")
    assert any("ALARM of feel" in line for line in shop.json("doctor", "shop.py", status=1)["wrong"])
    shop.json("review", "shop.py", "--clear-alarm", "feel", "--as", "ann", "--note", "prompt mended")
    assert shop.ask("SELECT cleared_by, note FROM alarm WHERE kind = 'alarm'") == [("ann", "prompt mended")]
    said = [row[0] for row in shop.ask("SELECT data FROM event WHERE kind = 'cleared'")]
    assert len(said) == 1
    assert "cleared by ann: prompt mended" in said[0]
    after = shop.run("feel", "--job", "second")
    assert (after["accepted"], after["attempts"]) == (20, 0), "what waited is accepted, free of charge"
    assert not [one for one in shop.json("review", "shop.py")["waiting"] if one["kind"] == "doubt"]
    assert [one for one in after["alarms"] if one["kind"] == "alarm"] == [], (
        "the old rulings do not raise it again"
    )


def test_steps_inside_workflows_stop_too(build: Build) -> None:
    """An alarm would hold for a step alone, and its workflow would go on."""
    shop = alarmed(build)
    shop.run()
    more(shop, 6, 100)
    assert shop.run("twice", "--job", "third")["waiting"] == {"review": 6}


def test_only_what_stands_can_be_cleared(build: Build) -> None:
    """A typing error would pass for a clearance."""
    shop = build(4, PROMISE)
    shop.run()
    assert "Nothing is raised of the step 'feel'" in shop.call(
        "review", "shop.py", "--clear-alarm", "feel", status=2
    )


def test_another_input_warns_and_raises_the_audit_share(build: Build) -> None:
    """Records of a new kind would be audited as rarely as those that everybody knows."""
    shop = build(120, "max_error=0.05, audit_share=0.2", reading_answers=60)
    first = shop.run()
    assert first["alarms"] == [], "the same kind of record all the time"
    more(shop, 120, 0, "12345 67890 " * 20)
    found = shop.run("feel", "--job", "second")
    assert {(one["kind"], one["what"]) for one in found["alarms"]} == {
        ("warning", "length"),
        ("warning", "letters"),
    }
    assert found["waiting"] == {}, "a warning holds nothing back"
    shares = {row[3] for row in shop.audits()}
    assert shares == {0.2, 0.4}, "what came after the first reading that differed is audited twice as often"
    report = shop.json("report", "shop.py")["watched"]["feel"]
    assert (report["audit_share"], report["audit_share_now"]) == (0.2, 0.4)
    assert "40.0% of accepted answers are audited instead of 20.0%" in shop.call("report", "shop.py")
    assert shop.json("doctor", "shop.py")["wrong"] == []
    shop.json("review", "shop.py", "--clear-alarm", "feel", "--as", "ann")
    more(shop, 60, 500, "12345 67890 " * 20)
    again = shop.run("feel", "--job", "third")
    assert again["alarms"] == [], "what a person saw to is the new usual"


def test_another_model_behind_the_name_warns(build: Build) -> None:
    """A provider would change the model, and nobody would look at its answers more closely."""
    shop = build(20, "max_error=0.05, audit_share=0.2")
    assert shop.run()["alarms"] == []
    shop.sim.script({"faults": {"served_model": 1.0}})
    more(shop, 20, 0, "that is note number")
    found = shop.run("feel", "--job", "second")
    assert [(one["kind"], one["what"]) for one in found["alarms"]] == [("warning", "served model")]
    assert "small-substitute" in found["alarms"][0]["words"]
    more(shop, 10, 50, "such is note number")
    shop.run("feel", "--job", "third")
    assert {row[3] for row in shop.audits()} == {0.2, 0.4}


def test_readings_count_first_answers_once(build: Build) -> None:
    """A second run, or one that was resumed, would count the same answers again and dilute what changed."""
    shop = build(30, PROMISE)
    shop.run()
    shop.run()
    shop.run("feel", "--limit", "10")
    assert shop.ask("SELECT sum(answers), sum(accepted) FROM reading") == [(30, 30)]


def reading(chance: random.Random, **given: float) -> Reading:
    """A reading of 200 answers."""
    accepted = sum(chance.random() < given.get("accepted", 0.8) for _ in range(200))
    place = [int(chance.gauss(given.get("length", 5.0), 1.5)) for _ in range(200)]
    return Reading(
        "feel",
        "v",
        0.0,
        200,
        accepted,
        {"length": [sum(bin_ == max(0, min(9, p)) for p in place) for bin_ in range(10)]},
    )


def test_false_warnings_are_bounded() -> None:
    """People would learn to clear warnings unread: the setting says how many come of nothing."""
    chance = random.Random(5)
    every, number = 20.0, 400
    earlier: list[Reading] = []
    false = 0
    for _ in range(number):
        now = reading(chance)
        false += bool(shifted(earlier, now, 1 / every))
        earlier = [now, *earlier][:20]
    assert false <= number / every + 3.1 * (number / every) ** 0.5
    assert shifted(earlier, reading(chance, accepted=0.5), 1 / 1_000)[0][0] == "accepted"
    assert shifted(earlier, reading(chance, length=7.0), 1 / 1_000)[0][0] == "length"


def test_the_alarm_is_the_detectors_at_its_first_moment() -> None:
    """An alarm that later rulings outweigh would never be raised, if nobody looked in between."""
    labels = [False] * 20 + [True] * 12 + [False] * 500
    drift = Drift(0.05)
    first = next(number for number, wrong in enumerate(labels, 1) if drift.see(wrong=wrong))
    assert alarm_words(labels, 0.05, 5_000.0).startswith(f"{sum(labels[:first])} of {first} audits")
    assert alarm_words([False] * 300, 0.05, 5_000.0) == ""


def test_rulings_during_a_run_stop_it_too(build: Build) -> None:
    """A service that runs for weeks would look at rulings when it ends."""
    right = {one["id"]: "glad" for one in notes(60)}
    shop = build(60, PROMISE, dict.fromkeys(right, "sad"))
    shop.run()
    store = open_ledger(shop.ledger, DEFAULTS)
    try:
        go_through(store, by_truth(right))  # as a door does that knows rulings and nothing else
    finally:
        store.close()
    more(shop, 20, 0, "that is note number")
    found = shop.run("feel", "--job", "second")
    assert found["accepted"] < 20
    assert [(one["kind"], one["what"]) for one in found["alarms"]] == [("alarm", "errors")]


def test_a_warning_says_what_moved_where_the_middle_did_not() -> None:
    """Somebody would read that lengths changed from '64 to 128' to '64 to 128', and clear it as a mistake of ours."""
    middle, short, long = [0] * 21, [0] * 21, [0] * 21
    middle[3] = 260  # records from 64 to 128 bytes
    short[1], long[9] = 240, 240
    before = Reading(
        "feel", "v 0", 0.0, 500, 500, {"length": [a + b for a, b in zip(middle, long, strict=True)]}, {}
    )
    now = Reading(
        "feel", "v 0", 0.0, 500, 500, {"length": [a + b for a, b in zip(middle, short, strict=True)]}, {}
    )
    [(what, words)] = shifted([before], now, 1 / 1_000)
    assert what == "length"
    assert words == "the length of records changed: 0.0% below 32 before, 48.0% in the last 500"
