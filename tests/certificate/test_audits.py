"""Coins: drawn once for each accepted answer, in the transaction of its outcome, and never again."""

import json
import signal
import subprocess
import time

import pytest
from tests.certificate.conftest import Build
from tests.certificate.shop import Shop, by_truth, go_through, notes

from roadworthy import App
from roadworthy._errors import WrongUse
from roadworthy._failpoints import VARIABLE

PROMISE = "max_error=0.10, audit_share=0.3"


def test_a_coin_is_drawn_once_and_stands(build: Build) -> None:
    """A second run, or another process, would draw anew: whoever asks often enough gets an unaudited answer (P6)."""
    shop = build(60, PROMISE)
    first = shop.run()
    drawn = shop.audits()
    assert len(drawn) == 60
    assert {row[3] for row in drawn} == {0.3}
    picked = [row for row in drawn if row[4] == "pending"]
    assert 6 <= len(picked) <= 32, "a share of 0.3 of 60"
    shown = first["certificates"]["feel"]["epoch"]
    assert (shown["accepted"], shown["audited"], shown["pending"]) == (60, len(picked), len(picked))
    queue = shop.json("review", "shop.py")["waiting"]
    assert [one["kind"] for one in queue] == ["audit"] * len(picked)

    again = shop.run()
    shop.json("report", "shop.py")
    assert shop.audits() == drawn
    assert again["certificates"] == first["certificates"]
    assert shop.json("review", "shop.py")["waiting"] == queue


def test_a_killed_run_draws_nothing_twice(build: Build) -> None:
    """Coins of a run that died would be drawn again, or an accepted answer would be without one."""
    shop = build(80, PROMISE)
    shop.environ[VARIABLE] = "outcome_written:25"
    done = subprocess.run(
        shop.command("run", "shop.py:feel", "in.jsonl"),
        cwd=shop.folder,
        env=shop.surroundings,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    before = shop.audits()
    accepted = shop.ask("SELECT count(*) FROM record WHERE outcome = 'accepted'")[0][0]
    assert len(before) == accepted, "the coin and the outcome are one commit"
    del shop.environ[VARIABLE]
    if "://" in shop.ledger:
        shop.environ["ROADWORTHY_LEASE_S"] = "1"
        time.sleep(1.5)  # the lease of the process that died
    shop.run()
    after = shop.audits()
    assert len(after) == 80
    assert [row for row in after if row in before] == before


def test_two_processes_draw_one_set_of_coins(build: Build) -> None:
    """Processes that share a ledger would open an epoch each, or draw twice for one answer."""
    shop = build(120, PROMISE)
    both = [
        subprocess.Popen(
            shop.command("run", "shop.py:feel", "in.jsonl", "--json"),
            cwd=shop.folder,
            env=shop.surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, (out[-300:], err[-2000:])
    drawn = shop.audits()
    assert len(drawn) == 120
    assert len({row[0] for row in drawn}) == 120
    assert shop.ask("SELECT count(*) FROM epoch") == [(1,)]
    assert shop.ask("SELECT count(*) FROM secret") == [(1,)]
    shop.run()
    assert shop.audits() == drawn


def test_an_answer_that_is_replaced_gets_a_coin_of_its_own(build: Build) -> None:
    """The new answer would hide behind the old one's coin, or the old one would drop out of the count."""
    given = notes(40)
    shop = build(40, PROMISE)
    shop.run()
    old = shop.audits()
    source = (shop.folder / "shop.py").read_text()
    (shop.folder / "shop.py").write_text(
        source
        + "\n@feel.check\ndef not_glad(answer: Mood, note: Note) -> None:\n"
        + "    from roadworthy import Fault\n"
        + "    if note.id < 'N0010' and answer.sure > 0.5:\n        raise Fault('not so sure')\n"
    )
    after = shop.run("feel", "--yes")
    drawn = shop.audits()
    assert [row for row in drawn if row in old] == old
    assert after["waiting"] == {"review": 10}, "the provider says the same again, so these fail the new check"
    assert len(drawn) == 40, (
        "an answer that is not accepted any more draws nothing, and its coin stays counted"
    )
    assert len(given) == 40


def test_a_promise_made_later_covers_answers_that_were_there(build: Build) -> None:
    """Answers accepted before the promise would stay outside the certificate for ever, or be asked again."""
    shop = build(40, "")
    shop.run()
    assert shop.audits() == []
    shop.open(PROMISE)
    found = shop.run()
    assert found["attempts"] == 0
    assert found["certificates"]["feel"]["epoch"]["accepted"] == 40
    assert len(shop.audits()) == 40


def test_a_step_without_a_promise_draws_nothing(build: Build) -> None:
    """Every step would pay for audits that nobody asked for."""
    shop = build(20, "")
    found = shop.run()
    assert found["certificates"] == {}
    assert shop.audits() == []
    assert shop.json("review", "shop.py")["waiting"] == []


def test_what_a_person_answered_is_not_audited(build: Build) -> None:
    """People would be asked to check people, and a certificate of the models would count their answers."""
    shop = build(30, f'{PROMISE}, review_below=0.95, confidence="field:sure"')
    assert shop.run()["waiting"] == {"review": 30}
    shop.review(by_truth({one["id"]: "glad" for one in notes(30)}))
    found = shop.run()
    assert found["accepted"] == 30
    assert found["certificates"]["feel"]["epoch"]["accepted"] == 0
    assert shop.audits() == []


def test_steps_inside_workflows_count(build: Build) -> None:
    """The answers of a workflow's steps would leave unaudited."""
    shop = build(40, PROMISE)
    found = shop.run("twice")
    assert found["certificates"]["feel"]["epoch"]["accepted"] == 40
    drawn = shop.audits()
    shop.run("twice")
    assert shop.audits() == drawn


def test_a_lower_share_opens_another_epoch(build: Build) -> None:
    """Audits drawn with a smaller chance would be counted as if they had been drawn with the larger one."""
    shop = build(30, PROMISE)
    shop.run()
    shop.open("max_error=0.10, audit_share=0.2")
    (shop.folder / "in.jsonl").write_text(
        "".join(json.dumps({"id": f"M{n}", "text": one["text"]}) + "\n" for n, one in enumerate(notes(30)))
    )
    shop.run()
    epochs = shop.ask("SELECT id, life, share FROM epoch ORDER BY id")
    assert [row[1:] for row in epochs] == [(1, 0.3), (2, 0.2)], "a lower share opens an epoch and a life"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_error": 0}, "max_error=0"),
        ({"max_error": 1.5}, "max_error=1.5"),
        ({"max_error": 0.1, "audit_share": 0}, "audit_share=0"),
        ({"audit_share": 0.1}, "max_error=0.03"),
        ({"hold_until_certified": True}, "max_error=0.03"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(given: dict[str, float], words: str) -> None:
    """A typing error would promise nothing, or everything."""
    with pytest.raises(WrongUse, match=words):
        App("wrong").step(models=["openai:gpt-5-nano"], **given)  # type: ignore[arg-type] # as a user may


__all__ = ["Shop", "go_through"]
