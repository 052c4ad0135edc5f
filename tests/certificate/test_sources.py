"""Where confidence comes from, through the whole pipeline."""

import pytest
from tests.certificate.conftest import Build

CHECKS = """
from roadworthy.check.soft import soft

def short(answer: Mood, note: Note) -> float:
    return 0.3 if note.id < "N0003" else 0.99

def known(answer: Mood, note: Note) -> None:
    assert note.id != "N0007"

feel.check(short)
feel.check(soft(known, 0.4))
"""


def test_checks_and_tokens_together_decide_who_is_asked(build: Build) -> None:
    """A doubt that a check has, or the tokens' own, would be lost between the checks and the rule."""
    shop = build(10, 'review_below=0.5, confidence="checks+tokens"')
    source = (shop.folder / "shop.py").read_text()
    (shop.folder / "shop.py").write_text(source + CHECKS)
    found = shop.run()
    rows = shop.rows()
    doubted = {key for key, row in rows.items() if row["outcome"] == "waiting"}
    assert found["waiting"] == {"review": len(doubted)}
    assert {"N0000", "N0001", "N0002", "N0007"} <= doubted
    probable: dict[str, float | None] = dict(
        shop.ask(
            "SELECT record.key, reply.token_probability FROM record JOIN attempt ON attempt.record_id = record.id "
            "JOIN reply ON reply.attempt_id = attempt.id"
        )
    )
    accepted = {key: row["confidence"] for key, row in rows.items() if row["outcome"] == "accepted"}
    assert accepted
    for key, confidence in accepted.items():
        said = probable[key]
        assert said is not None, "the tokens' probability was asked for"
        assert confidence == pytest.approx(min(0.99, said))
        assert confidence >= 0.5
    told = shop.call("why", "shop.py", "N0007")
    assert "short gives it 0.99" in told
    assert "known gives it 0.40" in told
