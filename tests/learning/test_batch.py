"""A finished run that is certified whole: people judge a sample and the worst answers, and the rest is proved."""

import json

from tests.certificate.shop import Shop, by_truth
from tests.learning.conftest import Build, give, label

SCORED = 'confidence="field:sure", review_below=0.01'
BATCH = ("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".05", "--sample", "60")
CHECK = """
@feel.check
def is_glad(answer: Mood, note: Note) -> None:
    if answer.mood == "sad":
        raise Fault("nobody is sad")

"""
RESULTS = "SELECT key, value, model FROM record ORDER BY id"


def said(number: int) -> tuple[str, float]:
    """What the model says: every tenth note is wrong, and it is not sure of those."""
    return ("sad", 0.3 + number / 1_000) if number % 10 == 0 else ("glad", 0.8 + number / 1_000)


def doubt_the_sad(shop: Shop) -> None:
    """A check that some answers do not pass is added, and the run given once more."""
    source = (shop.folder / "shop.py").read_text()
    doubting = source.replace("@app.workflow", CHECK + "@app.workflow").replace(
        "Price, Prompt", "Price, Prompt, Fault"
    )
    (shop.folder / "shop.py").write_text(doubting)
    shop.run("feel", "--yes", status=0)


def test_a_finished_run_is_certified(build: Build) -> None:
    """A team would check all of a finished run, or none of it."""
    keys = [f"N{number:03}" for number in range(120)]
    truth = dict.fromkeys(keys, "glad")
    shop = build({key: said(number) for number, key in enumerate(keys)}, SCORED)
    shop.fix_chance()
    shop.run()
    first = shop.json(*BATCH)
    assert (first["state"], first["waiting"], first["at_most"], first["sampled"]) == ("open", 60, 6, 60)
    assert shop.json(*BATCH) == first, "to look again asks nothing more and spends nothing"
    rounds = 0
    while (found := shop.json(*BATCH))["state"] == "open":
        rounds += 1
        assert shop.review(by_truth(truth)) == found["waiting"]
    assert 1 <= rounds <= 5
    assert found["state"] == "certified"
    assert found["labels"] < 100, "the rest was looked at by nobody"
    rows = shop.ask(RESULTS)
    left = [key for key, value, _ in rows if json.loads(value)["mood"] != truth[key]]
    assert len(left) <= found["at_most"]
    assert found["wrong_found"] + len(left) == 12, "what people found is put right"
    assert sum(model == "person" for _, _, model in rows) == found["wrong_found"]
    before = shop.sim.bill().total.requests
    shop.run()
    again = [(key, json.loads(value), model) for key, value, model in shop.ask(RESULTS)]
    assert again == [(key, json.loads(value), model) for key, value, model in rows], (
        "a run finds the rulings again"
    )
    assert shop.sim.bill().total.requests == before
    spent = shop.ask("SELECT data FROM event WHERE kind = 'delta_spent'")
    assert [json.loads(row[0])["use"] for row in spent] == ["batch"], (
        "each use of delta is an event, and there was one"
    )
    assert "at most 6 of 120 are wrong" in shop.call("report", "shop.py:feel")


def test_another_aim_is_another_use_of_delta(build: Build) -> None:
    """Whoever tries aims until one passes would be told that each holds with the first one's confidence."""
    keys = [f"N{number:03}" for number in range(40)]
    shop = build(dict.fromkeys(keys, ("glad", 0.9)), SCORED)
    shop.run()
    one = shop.json("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".2")
    other = shop.json("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".1")
    assert (one["number"], other["number"]) == (1, 2)
    assert other["delta"] < one["delta"] / 7
    assert len(shop.json("review", "shop.py")["waiting"]) == 40, "what the first one asked is not asked twice"
    shop.review(by_truth(dict.fromkeys(keys, "glad")))
    labelled = shop.json("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".1")
    assert labelled["state"] == "certified"


def test_answers_that_changed_overtake_a_batch(build: Build) -> None:
    """Labels of old answers would certify new ones."""
    keys = [f"N{number:03}" for number in range(20)]
    shop = build({key: ("sad" if key == "N007" else "glad", 0.9) for key in keys}, SCORED)
    shop.run()
    aim = ("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".1")
    assert shop.json(*aim)["state"] == "open"
    doubt_the_sad(shop)
    assert shop.json(*aim)["state"] == "overtaken"
    again = shop.json(*aim)
    assert (again["number"], again["answers"]) == (2, 19)


def test_what_cannot_be_a_batch_is_refused(build: Build) -> None:
    """A workflow, or what was never run, would be certified."""
    shop = build({"N0": ("glad", 0.9)}, SCORED)
    shop.run()
    words = ("--batch", "in.jsonl")
    assert "workflow" in shop.call("learn", "shop.py:twice", *words, status=2)
    assert "--max-error" in shop.call("learn", "shop.py:feel", *words, status=2)
    assert "never run" in shop.call("learn", "shop.py:feel", "--batch", "x", "--max-error", ".1", status=2)


def sampled_right(build: Build) -> tuple[Shop, tuple[str, ...]]:
    """A batch of 40 answers whose sample of 30 people found right, and the command that goes on with it."""
    keys = [f"N{number:03}" for number in range(40)]
    shop = build({key: ("sad" if number < 12 else "glad", 0.9) for number, key in enumerate(keys)}, SCORED)
    shop.fix_chance()
    shop.run()
    aim = ("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".1", "--sample", "30")
    shop.json(*aim)
    shop.review(lambda _waiter: ("right", None))
    return shop, aim


def test_answers_that_change_afterwards_overtake_a_certified_batch(build: Build) -> None:
    """A run that asked anew would keep the certificate of answers that are no more."""
    shop, aim = sampled_right(build)
    ended = shop.json(*aim)
    assert (ended["state"], ended["unlabelled"]) == ("certified", 10)
    shop.run()
    assert shop.json(*aim) == ended, "the same answers are certified still"
    doubt_the_sad(shop)
    assert shop.json(*aim)["state"] == "overtaken"
    assert shop.json(*aim)["number"] == 2


def test_a_ruling_that_is_taken_back_opens_a_certified_batch_again(build: Build) -> None:
    """The wrong answer would stand again, under a certificate that counts it as put right."""
    keys = [f"N{number:03}" for number in range(40)]
    truth = dict.fromkeys(keys, "glad")
    shop = build({key: ("sad" if number < 6 else "glad", 0.9) for number, key in enumerate(keys)}, SCORED)
    shop.run()
    aim = ("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".1", "--sample", "40")
    shop.json(*aim)
    shop.review(by_truth(truth))
    ended = shop.json(*aim)
    assert (ended["state"], ended["wrong_found"]) == ("certified", 6)
    shop.call("review", "shop.py", "--undo", "--as", "ann")
    assert "not yet certified" in shop.call("report", "shop.py:feel")
    found = shop.json(*aim)
    assert (found["state"], found["waiting"], found["number"]) == ("open", 1, 1)
    shop.review(by_truth(truth))
    assert shop.json(*aim) == ended, "nothing more was spent"


def test_a_ruling_that_is_taken_back_opens_the_newest_batch_alone(build: Build) -> None:
    """Nothing goes on with an older one: the report would say of it for ever that questions wait for people."""
    keys = [f"N{number:03}" for number in range(40)]
    truth = dict.fromkeys(keys, "glad")
    shop = build({key: ("sad" if number < 6 else "glad", 0.9) for number, key in enumerate(keys)}, SCORED)
    shop.run()
    for share in (".1", ".2"):
        aim = ("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", share, "--sample", "40")
        shop.json(*aim)
        shop.review(by_truth(truth))
        assert shop.json(*aim)["state"] in {"certified", "exhausted"}
    shop.call("review", "shop.py", "--undo", "--as", "ann")
    said = [line for line in shop.call("report", "shop.py:feel").splitlines() if line.startswith("batch: ")]
    assert ["not yet certified" in line for line in said] == [True, False], said
    assert ["overtaken" in line for line in said] == [False, True], said


def test_the_report_does_not_call_an_overtaken_batch_certified(build: Build) -> None:
    """Whoever reads the report alone would ship answers that nobody certified."""
    shop, aim = sampled_right(build)
    assert shop.json(*aim)["state"] == "certified"
    shop.run()
    assert "at most 4 of 40 are wrong" in shop.call("report", "shop.py:feel")
    doubt_the_sad(shop)
    assert "batch: feel: overtaken" in shop.call("report", "shop.py:feel")
    assert shop.json(*aim)["state"] == "overtaken"


def test_a_record_that_the_input_has_no_more_overtakes_its_batch(build: Build) -> None:
    """A share of all answers would be proved of some of them, perhaps of the wrong ones alone."""
    keys = [f"N{number:03}" for number in range(20)]
    shop = build(dict.fromkeys(keys, ("glad", 0.9)), SCORED)
    shop.run()
    label(shop, dict.fromkeys(keys, "glad"))
    aim = ("learn", "shop.py:feel", "--batch", "in.jsonl", "--max-error", ".1")
    assert shop.json(*aim)["state"] == "certified"
    give(shop, keys[:10])
    shop.run()
    assert "batch: feel: overtaken" in shop.call("report", "shop.py:feel")
    assert shop.json(*aim)["state"] == "overtaken"
