"""What people will have to do, before it is done; and whether two of them agree."""

import json

import pytest
from tests.certificate.conftest import Build
from tests.certificate.shop import by_truth, notes

from roadworthy.learn.certificate import Terms, clean_answers_needed, clean_audits_needed


def test_the_plan_prices_audits_and_says_how_far_the_certificate_is(build: Build) -> None:
    """A team would learn after the run that people's work costs more than the models, and certifies nothing."""
    shop = build(200, "max_error=0.03, audit_share=0.05", second_reader_share=0.5, review_usd=0.8)
    found = shop.json("plan", "shop.py:feel", "in.jsonl")
    people, promise = found["people"], found["promises"]["feel"]
    terms = Terms(0.03, 0.05)
    assert promise["clean_answers_needed"] == clean_answers_needed(terms)
    assert promise["clean_audits_needed"] == clean_audits_needed(terms)
    assert 2_000 <= promise["clean_answers_needed"] <= 2_400
    assert promise["audit_share_enough"] > 0.05, (
        "200 answers are too few at 5 %, and a share that would do is named"
    )
    assert people["audits"]["likely"] == pytest.approx(10)
    assert people["second_readings"] == pytest.approx(5)
    assert people["doubtful"] is None, "nothing was asked yet, so nothing is known"
    assert people["cost_usd"]["likely"] == "12.00"
    said = shop.call("plan", "shop.py:feel", "in.jsonl")
    assert (
        f"{clean_answers_needed(terms):,} clean answers are needed before it can be certified for 3.0%"
        in said
    )
    assert "at 0.8 USD a ruling" in said


def test_the_plans_audits_are_those_that_come(build: Build) -> None:
    """The forecast of people's work would be a figure that no run keeps."""
    shop = build(300, "max_error=0.03, audit_share=0.1")
    expected = shop.json("plan", "shop.py:feel", "in.jsonl")["people"]["audits"]
    shop.run()
    drawn = shop.ask("SELECT count(*) FROM audit WHERE state = 'pending'")[0][0]
    assert expected["likely"] == pytest.approx(30)
    assert 10 <= drawn <= 55, "six deviations"
    after = shop.json("plan", "shop.py:feel", "in.jsonl")["people"]
    assert after["waiting"] == drawn
    assert after["rulings"]["likely"] == 0, "nothing more is to be asked"


def test_doubtful_ones_are_forecast_from_a_sample(build: Build) -> None:
    """Records that only a person can decide would be missing from the price of an input."""
    shop = build(60, 'review_below=0.95, confidence="field:sure"')
    found = shop.json("plan", "shop.py:feel", "in.jsonl", "--sample", "20")
    assert found["to_ask"] == 40
    assert found["people"]["doubtful"]["likely"] == pytest.approx(40), "none of the sample was sure enough"
    assert found["people"]["doubtful"]["low"] > 30
    assert found["promises"] == {}


def test_a_plan_without_people_speaks_of_none(build: Build) -> None:
    """Every plan would carry a line about work that nobody does."""
    shop = build(5, "review=False")
    assert "people:" not in shop.call("plan", "shop.py:feel", "in.jsonl")


def test_the_report_says_how_far_two_readers_agree(build: Build) -> None:
    """Reviewers who guess would certify a step, and nobody would see it."""
    right = {one["id"]: "glad" for one in notes(60)}
    wrong = {key: "sad" for number, key in enumerate(right) if number % 5 == 0}
    shop = build(60, "max_error=0.20, audit_share=1.0", wrong, second_reader_share=1.0)
    shop.run()
    assert shop.json("report", "shop.py")["readers"] == {}
    shop.review(by_truth(right), "ann")
    slips = {key for number, key in enumerate(right) if number in {1, 2}}
    judged = {key: "sad" if key in slips else mood for key, mood in right.items()}
    shop.review(by_truth(judged), "ben")
    found = shop.json("report", "shop.py")["readers"]["feel"]
    assert (found["pairs"], found["agree"]) == (60, 58)
    assert found["low"] < found["kappa"] < found["high"]
    assert found["kappa"] == pytest.approx((58 / 60 - 0.66) / 0.34, abs=1e-5), (
        "by hand: by chance they agree on .66"
    )
    assert "two readers agree on 58 of 60 audits, kappa 0.90" in shop.call("report", "shop.py")
    assert json.dumps(found)
