"""What a step may be made of: sources of confidence, prompt files, functions, caps of a record, approvals."""

import asyncio
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Literal, assert_type

import pytest
from pydantic import BaseModel, Field

from roadworthy import App, Failed, Function, Model, Price, Prompt, Rejected, Waiting
from roadworthy.keep.reviews import open_reviews
from roadworthy.keep.rulings import rule
from roadworthy.run.load import load
from roadworthy.vet.process import start_simulator

PRICES = {"small": "0.1,0.4", "large": "1,4"}
SMALL, LARGE = (
    Model(f"openai:{name}", price=Price(input=price.split(",")[0], output=price.split(",")[1]))
    for name, price in PRICES.items()
)


class Note(BaseModel):
    id: str
    text: str


class Mood(BaseModel):
    mood: Literal["glad", "sad"]
    sure: float = Field(ge=0, le=1)


ROWS = [
    {"id": "1", "text": "what a fine day", "answers": {m: {"mood": "glad", "sure": 0.9} for m in PRICES}},
    {
        "id": "2",
        "text": "hard to say really",
        "answers": {"small": {"mood": "glad", "sure": 0.2}, "large": {"mood": "sad", "sure": 0.3}},
    },
    {
        "id": "3",
        "text": "it rained for a week",
        "answers": {"small": {"mood": "glad", "sure": 0.4}, "large": {"mood": "sad", "sure": 0.95}},
    },
]


@pytest.mark.parametrize(
    ("confidence", "outcomes"),
    [
        ("field:sure", {"1": "accepted", "2": "waiting", "3": "accepted"}),
        ("models", {"1": "accepted", "2": "waiting", "3": "waiting"}),
        ("samples:3", {"1": "accepted", "2": "accepted", "3": "accepted"}),
        ("tokens", {"1": "accepted", "2": "accepted", "3": "accepted"}),
    ],
)
def test_each_source_of_confidence_works_end_to_end(
    confidence: str, outcomes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A declared source of confidence would be ignored, or stop every record."""
    with start_simulator(answers=ROWS, prices=PRICES) as sim:
        monkeypatch.setenv("OPENAI_BASE_URL", sim.url)
        app = App("moods")

        @app.step(models=[SMALL, LARGE], review_below=0.55, confidence=confidence)
        def mood(note: Note) -> Prompt[Mood]:
            return Prompt("Glad or sad?", note.text)

        async def all_of_them() -> dict[str, str]:
            async with app:
                results = [await mood.result(Note(id=str(row["id"]), text=str(row["text"]))) for row in ROWS]
                if confidence == "samples:3":
                    assert all(result.attempts == 3 for result in results)
                if confidence == "tokens":
                    assert all(0 < (result.confidence or 0) <= 1 for result in results)
                return {result.key: result.outcome for result in results}

        assert asyncio.run(all_of_them()) == outcomes


def test_a_function_of_the_team_is_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof of concept could not be run as it is."""
    calls: list[object] = []

    async def poc(note: Note) -> dict[str, object]:
        calls.append(note)
        return {"mood": "sad", "sure": 1.0}

    app = App("poc", budget_usd="0.01")

    @app.step(models=[Function(poc, usd_per_call="0.004")])
    def mood(note: Note) -> Prompt[Mood]:
        return Prompt("Glad or sad?", note.text)

    first = mood.sync(Note(id="1", text="rain"))
    assert_type(first, Mood)
    assert first == Mood(mood="sad", sure=1.0)
    assert mood.sync(Note(id="1", text="rain")) == first
    assert calls == [Note(id="1", text="rain")]
    assert mood.sync(Note(id="2", text="hail")).mood == "sad"
    with pytest.raises(Waiting, match="budget"):
        mood.sync(Note(id="3", text="snow"))
    assert len(calls) == 2
    app.wait_for(app.close())


def test_a_prompt_file_is_filled_and_a_wrong_name_says_so(tmp_path: Path) -> None:
    """Prompts could not live in files, or an undefined name would be sent as nothing."""
    module = tmp_path / "files.py"
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "mood.prompt.md").write_text(
        '+++\nsystem = "Glad or sad?"\n+++\nSaid: {{ note.text }}\n'
    )
    (tmp_path / "prompts" / "wrong.prompt.md").write_text("+++\n+++\n{{ nobody }}\n")
    module.write_text(
        "from roadworthy import App, Function, Prompt\n"
        "seen = []\n"
        'def answer(prompt: str) -> str:\n    seen.append(prompt)\n    return \'{"value": "sad"}\'\n'
        "app = App('files')\n"
        "@app.step(models=[Function(answer, usd_per_call='0')])\n"
        "def mood(note: dict) -> Prompt[str]:\n    return Prompt.file('mood', note=note)\n"
        "@app.step(models=[Function(answer, usd_per_call='0')])\n"
        "def wrong(note: dict) -> Prompt[str]:\n    return Prompt.file('wrong', note=note)\n"
    )
    app = load(str(module)).app
    steps = {step.name: step for step in app.plan.steps}
    assert steps["mood"].sync({"id": "1", "text": "{{ 7 * 7 }} rain"}) == "sad"
    (sent,) = sys.modules["_roadworthy_app_files"].seen
    assert "Said: {{ 7 * 7 }} rain" in sent
    with pytest.raises(Failed, match="nobody"):
        steps["wrong"].sync({"id": "1", "text": "x"})
    app.wait_for(app.close())


def test_a_record_has_a_cap_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One difficult record could spend what was meant for a thousand."""
    with start_simulator(answers=ROWS, prices=PRICES) as sim:
        monkeypatch.setenv("OPENAI_BASE_URL", sim.url)
        app = App("capped", record_budget_usd="0.0004")

        @app.step(models=[SMALL, LARGE], review_below=0.55, confidence="field:sure")
        def mood(note: Note) -> Prompt[Mood]:
            return Prompt("Glad or sad?", note.text)

        result = app.wait_for(mood.result(Note(id="3", text="it rained for a week")))
        assert (result.outcome, result.waiting_for) == ("waiting", "review")
        assert "record:" in result.reason
        assert result.cost_usd <= Decimal("0.0004")
        app.wait_for(app.close())


class Claim(BaseModel):
    id: str
    amount: int


def test_a_workflow_waits_for_a_person_across_restarts_and_runs_a_side_effect_once() -> None:
    """An approval would be lost with the process, or money be paid twice on resume."""
    paid: list[tuple[str, str]] = []

    def build() -> tuple[App, object]:
        app = App("claims")

        @app.step(models=[Function(lambda _prompt: '{"value": "fair"}', usd_per_call="0.001", name="judge")])
        def judge(claim: Claim) -> Prompt[str]:
            return Prompt("Is this claim fair?", claim)

        @app.once
        async def pay(key: str, amount: int, idempotency_key: str = "") -> str:
            paid.append((key, idempotency_key))
            return f"paid {amount}"

        @app.workflow
        async def settle(claim: Claim) -> str:
            verdict = await judge(claim)
            approved = await app.approval("Pay this?", claim)
            receipt = await pay(approved.id, approved.amount)
            second = await pay(approved.id, approved.amount)
            assert receipt == second
            return f"{verdict}: {receipt}"

        return app, settle

    def attempt(claim: Claim) -> str:
        app, settle = build()
        try:
            return settle.sync(claim)  # type: ignore[attr-defined, no-any-return] # a workflow, built anew each time
        finally:
            app.wait_for(app.close())

    for key in ("1", "2", "3"):
        with pytest.raises(Waiting, match="Pay this"):
            attempt(Claim(id=key, amount=10))
    assert paid == []
    app, _ = build()
    runtime = app.start()
    waiting = runtime.store.read(lambda tx: open_reviews(tx, "claims", 0, 10))
    assert [waiter.kind for waiter in waiting] == ["approval"] * 3
    rulings: dict[str, tuple[str, str | None]] = {
        "1": ("right", None),
        "2": ("wrong", '{"id": "2", "amount": 7}'),
        "3": ("reject", None),
    }
    for waiter in waiting:
        change = partial(
            rule, review_id=waiter.id, ruling=rulings[waiter.key][0], correction=rulings[waiter.key][1]
        )
        assert runtime.store.write_now(lambda tx, change=change: change(tx, ruled_by="tester"))  # type: ignore[misc] # a lambda's default
    asyncio.run(runtime.close())
    assert attempt(Claim(id="1", amount=10)) == "fair: paid 10"
    assert attempt(Claim(id="2", amount=10)) == "fair: paid 7"
    with pytest.raises(Rejected, match="tester"):
        attempt(Claim(id="3", amount=10))
    assert attempt(Claim(id="1", amount=10)) == "fair: paid 10"
    assert [key for key, _ in paid] == ["1", "2"]
    assert all(token for _, token in paid)
