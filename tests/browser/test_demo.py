"""The demo in a real browser: ten reviews by keyboard, a certificate that moves, a record found, a version promoted."""

import json
import re

import pytest
from tests.browser.eyes import Eyes
from tests.browser.stage import CANDIDATE, JUDGED, Stage

expect = pytest.importorskip("playwright.sync_api", reason="no Playwright here").expect
pytestmark = pytest.mark.timeout(400)  # a busy machine draws slowly; nothing here waits for a clock
SHARE = re.compile(r"([\d.]+)% wrong at most")


def share_of(eyes: Eyes) -> float:
    """How many are wrong at most, in percent, as the desk shows it."""
    found = SHARE.search(eyes.text("aside"))
    assert found is not None
    return float(found[1])


def test_ten_reviews_by_keyboard_move_the_certificate(eyes: Eyes, stage: Stage) -> None:
    """A reviewer would need a mouse, would lose their place, or their rulings would not count."""
    stage.people("audit", leave=15)
    assert eyes.go("/desk") == 200
    before, open_before = share_of(eyes), int(eyes.text("aside header .soft").split()[0])
    seen = []
    for _ in range(9):
        seen.append(eyes.text(".ask h2"))
        if eyes.page.locator('[data-key="r"]').count():
            eyes.press("r")
        else:
            eyes.press("x")
        assert seen[-1] in eyes.text('[role="status"]')
    eyes.page.keyboard.press("w")
    assert eyes.page.evaluate("document.activeElement.id") == "answer", (
        "w leads to the field of the right answer"
    )
    eyes.page.keyboard.press("Escape")
    seen.append(eyes.text(".ask h2"))
    eyes.press("r" if eyes.page.locator('[data-key="r"]').count() else "x")
    assert len(set(seen)) == 10
    assert int(eyes.text("aside header .soft").split()[0]) == open_before - 10
    after = share_of(eyes)
    assert after < before
    assert eyes.page.locator("aside svg.chart polyline.line").count() == 1
    eyes.press("u")
    assert eyes.text(".ask h2") == seen[-1], "the last one is back"
    eyes.press("r" if eyes.page.locator('[data-key="r"]').count() else "x")
    assert eyes.clean, (eyes.ran, eyes.outside, eyes.policy, eyes.told)


def test_a_correction_is_typed_and_sent_by_keyboard(eyes: Eyes, stage: Stage) -> None:
    """A wrong answer could be called wrong and not be put right without a mouse."""
    eyes.go(stage.before_the_first("audit"))
    assert eyes.text(".ask .badge") == "audit"
    key = eyes.text(".ask h2")
    eyes.page.keyboard.press("w")
    right = re.sub(r'"queue": "\w+"', '"queue": "other"', eyes.page.locator("#answer").input_value())
    eyes.page.keyboard.press("Control+a")
    eyes.page.keyboard.insert_text("{")
    eyes.press("Control+Enter")
    assert "not JSON" in eyes.text('[role="status"]')
    assert eyes.text(".ask h2") == key, "a slip keeps the question"
    assert eyes.page.locator("#answer").input_value() == "{", "and what was typed"
    eyes.page.locator("#answer").fill(right)
    eyes.page.locator("#answer").focus()
    eyes.press("Control+Enter")
    assert key in eyes.text('[role="status"]')
    eyes.go(f"/records/{key}")
    assert '"queue": "other"' in eyes.text('section[aria-label="Answer"]')


def test_a_record_is_found_while_typing_and_its_story_reads(eyes: Eyes) -> None:
    """Whoever looks for a record would not find it, or would not see what happened to it."""
    eyes.go("/records")
    eyes.page.keyboard.press("/")
    eyes.page.keyboard.type("clock that can't")
    expect(eyes.page.locator("#found tbody tr")).to_have_count(1, timeout=90_000)
    assert "words=clock" in eyes.page.url
    with eyes.page.expect_navigation():
        eyes.page.locator("#found tbody a").click()
    assert "T-1006" in eyes.text("h1")
    story = eyes.text("main")
    assert all(
        words in story for words in ("What came in", "Answer", "Asked", "openai:gpt-5-nano", "judged valid")
    )
    assert eyes.page.locator("mark").count() == 1, "what the answer quotes is marked in the source"
    assert eyes.clean, (eyes.ran, eyes.outside, eyes.policy, eyes.told)


def test_two_versions_are_chosen_between_by_keyboard(eyes: Eyes, stage: Stage) -> None:
    """A person could not say of two answers which is right, each way, or could not take it back; or would see whose is whose."""
    key, number = _pair_of_two_answers(eyes, stage)
    panel = eyes.text('section[aria-label="Answer"]')
    assert "better" not in panel, "which one is new would be seen"
    assert eyes.page.locator('section[aria-label="Answer"] pre').count() == 2
    answers = json.loads(str(stage.ask(f"SELECT suggestion FROM review WHERE id = {number}")[0][0]))
    apart = {name for name, said in answers["a"].items() if said != answers["b"][name]}
    marked = eyes.page.locator('section[aria-label="Answer"] pre mark').all_inner_texts()
    assert {line.split('"')[1] for line in marked} == apart, "what differs is marked, and nothing else"
    label = f"SELECT label FROM label WHERE key = '{key}' AND source = 'choice by local'"
    for pressed, ruling in (("a", "a"), ("b", "b"), ("2", "both"), ("0", "neither")):
        eyes.press(pressed)
        assert f"{key}: {ruling}." in eyes.text('[role="status"]')
        assert stage.ask(f"SELECT ruling, ruled_by FROM review WHERE id = {number}") == [(ruling, "local")]
        labels = [json.loads(str(row[0])) for row in stage.ask(label)]
        assert labels == ([answers[ruling]] if ruling in answers else []), (
            "one alone that is right is a label"
        )
        eyes.press("u")
        assert eyes.text(".ask h2") == key, "the pair is back"
        assert stage.ask(f"SELECT ruling FROM review WHERE id = {number}") == [(None,)]
        assert stage.ask(label) == []
    eyes.page.keyboard.press("n")
    eyes.page.keyboard.type("either will do")
    eyes.page.keyboard.press("Escape")
    eyes.press("2")
    assert stage.ask(f"SELECT ruling, note FROM review WHERE id = {number}") == [("both", "either will do")]
    eyes.press("u")
    assert eyes.clean, (eyes.ran, eyes.outside, eyes.policy, eyes.told)


def _pair_of_two_answers(eyes: Eyes, stage: Stage) -> tuple[str, int]:
    """The desk before a pair of which neither is missing; (key, number of the question)."""
    for number, shown in stage.ask(
        "SELECT id, suggestion FROM review WHERE kind = 'gate' AND ruling IS NULL ORDER BY id"
    ):
        if all(json.loads(str(shown)).values()):
            eyes.go(f"/desk?after={int(str(number)) - 1}")
            return eyes.text(".ask h2"), int(str(number))
    raise AssertionError("no pair waits")


def test_a_version_is_promoted_and_rolled_back(eyes: Eyes, stage: Stage) -> None:
    """An operator could not put a candidate in force in the browser, or not take it back."""
    eyes.go(stage.before_the_first("gate"))
    assert "two versions" in eyes.text(".question")
    eyes.press("2" if eyes.page.locator('[data-key="2"]').count() else "0")
    stage.people("gate")
    said = stage.command(*CANDIDATE, *JUDGED)
    assert "promote" in said, said
    eyes.go("/versions")
    with eyes.page.expect_navigation():
        eyes.page.locator("button", has_text="Promote").click()
    assert "State 1:" in eyes.text('[role="status"]')
    assert "in force" in eyes.text("main")
    assert eyes.page.locator("button", has_text="Promote").count() == 0
    assert "promoted" in stage.command("learn", "triage.py", "--history")
    with eyes.page.expect_navigation():
        eyes.page.locator("button", has_text="Go back to 0").click()
    assert "State 2: back to state 0" in eyes.text('[role="status"]')
    assert "back to state 0" in stage.command("learn", "triage.py", "--history")
    assert eyes.clean, (eyes.ran, eyes.outside, eyes.policy, eyes.told)


def test_the_shipped_demo_keeps_its_prompt_and_its_forecast(eyes: Eyes) -> None:
    """What was asked, and what it was said to cost, would be known to nobody later."""
    eyes.go("/versions")
    assert "You sort the mail of Oakpeg" in eyes.page.content()
    eyes.go("/cost")
    assert "within" in eyes.text('[aria-label="Forecast against actual"]')
