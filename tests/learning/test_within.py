"""Steps inside workflows learn from what people said of their answers there."""

from tests.certificate.shop import by_truth
from tests.learning.conftest import Build, give
from tests.learning.test_threshold import notes

STEP = 'max_error=0.10, audit_share=1.0, confidence="field:sure", examples=2'


def test_a_step_inside_a_workflow_learns(build: Build) -> None:
    """People would rule on a workflow's steps for ever, and nothing would come of it but corrected results."""
    said, later = notes(200), notes(20, "L")
    shop = build({**said, **later}, STEP)
    give(shop, said)
    assert shop.run("twice")["accepted"] == 200
    assert shop.json("learn", "shop.py:feel")["steps"]["feel"]["labels"] == 0
    assert shop.review(by_truth(dict.fromkeys(said, "glad"))) == 200
    before = shop.sim.bill().total.requests
    found = shop.json("learn", "shop.py:feel", "--apply")
    learned = found["steps"]["feel"]
    assert (learned["labels"], learned["threshold"]["kind"], found["state"]) == (200, "audit", 1)
    assert learned["threshold"]["cap"] is not None
    assert learned["examples"] > 0
    assert shop.sim.bill().total.requests == before, "labels are gone through from the ledger alone"
    assert shop.ask("SELECT DISTINCT number FROM proof") == [(1,)]
    give(shop, later)
    after = shop.run("twice", "--job", "later")
    assert (after["accepted"], after["waiting"]) == (16, {"review": 4}), (
        "the threshold holds inside the workflow too"
    )
    prompt = shop.ask("SELECT body FROM question ORDER BY id DESC LIMIT 1")[0][0]
    assert "this is note N" in str(prompt), "a correction of another record is shown"
