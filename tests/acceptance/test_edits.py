"""Edits: what is judged anew for free, what is asked again, and what wants a yes first."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.acceptance.bench import APP, Bench, messages

from roadworthy import App, Prompt
from roadworthy.vet.process import start_simulator

HEAD = """
import json
from typing import Literal
from pydantic import BaseModel
from roadworthy import App, Fault, Model, Price, Prompt

app = App("edits")
small = Model("openai:gpt-3.5", price=Price(input="0.50", output="1.50"))

class Message(BaseModel):
    id: str
    text: str

class Intent(BaseModel):
    intent: str
"""
STEP = """
@app.step(models=[small])
def classify(message: Message) -> Prompt[Intent]:
    return Prompt("Which intent does this message have?", message.text)
"""
CHECK = """
@classify.check
def not_{word}(answer: Intent, message: Message) -> None:
    if answer.intent == "{word}":
        raise Fault("`intent` may not be {word}")
"""
WORKFLOW = """
class Tone(BaseModel):
    intent: str

@app.step(models=[small])
def first(message: Message) -> Prompt[Intent]:
    return Prompt("{first}", message.text)

@app.step(models=[small])
def second(found: dict) -> Prompt[Tone]:
    return Prompt("{second}", found)

@app.workflow
async def both(message: Message) -> Tone:
    found = await first(message)
    return await second({{"text": message.text, "intent": found.intent}})
"""


@pytest.mark.timeout(120)
def test_an_edited_check_costs_only_what_now_fails(calm: Bench) -> None:
    """An edited check would buy every answer again, or leave old answers unchecked (P2, P5)."""
    messages(calm.folder, 600)
    app = calm.folder / "app.py"
    app.write_text(HEAD + STEP)
    calm.run(app, "messages.jsonl", "-o", "before.jsonl")
    bought = calm.sim.bill().total.requests
    assert bought == 600

    app.write_text(HEAD + STEP + CHECK.format(word="no_such_intent"))
    calm.run(app, "messages.jsonl")
    assert calm.sim.bill().total.requests == bought

    word = "card_arrival"
    wrong = sum(row["value"]["intent"] == word for row in calm.rows("before.jsonl"))
    assert 0 < wrong <= 60
    app.write_text(HEAD + STEP + CHECK.format(word=word))
    after = calm.run(app, "messages.jsonl", "-o", "after.jsonl")
    assert calm.sim.bill().total.requests == bought + wrong, "one re-ask for each answer that now fails"
    assert after["waiting"] == {"review": wrong}
    assert all(
        row["value"]["intent"] != word for row in calm.rows("after.jsonl") if row["outcome"] == "accepted"
    )


@pytest.mark.timeout(120)
def test_an_edited_prompt_asks_again_only_past_the_guard(calm: Bench) -> None:
    """An edit would silently buy every answer again, or be ignored."""
    messages(calm.folder, 200)
    app = calm.folder / "app.py"
    app.write_text(HEAD + STEP)
    calm.run(app, "messages.jsonl", "-o", "before.jsonl")
    bought = calm.sim.bill().total.requests
    app.write_text(HEAD + STEP.replace("Which intent", "What intent"))
    refused = calm.call("run", app, "messages.jsonl", "--json")
    assert refused.returncode == 2
    assert "200 of 200 answered records would be asked again" in refused.stderr
    assert "--yes" in refused.stderr
    assert calm.sim.bill().total.requests == bought, "nothing is bought before the guard"

    app.write_text(HEAD + STEP)
    calm.run(app, "messages.jsonl", "-o", "same.jsonl")
    assert calm.rows("same.jsonl") == calm.rows("before.jsonl"), "the refused edit changed nothing"

    app.write_text(HEAD + STEP.replace("Which intent", "What intent"))
    calm.run(app, "messages.jsonl", "--yes")
    assert calm.sim.bill().total.requests == 2 * bought


EDITED_UNDER_WAY = """
from pathlib import Path

FILE = Path(__file__).parent / "prompts" / "intent.prompt.md"
seen = []

@app.step(models=[small])
def classify(message: Message) -> Prompt[Intent]:
    seen.append(message.id)
    if len(seen) == 4 and not FILE.with_suffix(".edited").exists():
        FILE.with_suffix(".edited").touch()
        FILE.write_text("What intent is this? {{ message.text }}\\n")
    return Prompt.file("intent", message=message)
"""


@pytest.mark.timeout(120)
def test_a_prompt_file_edited_while_a_run_goes_on_is_noticed_by_the_next(calm: Bench) -> None:
    """Half the answers would be to another question than the file asks, for ever, and nobody told."""
    messages(calm.folder, 6)
    app = calm.folder / "app.py"
    app.write_text(HEAD + EDITED_UNDER_WAY)
    (calm.folder / "prompts").mkdir()
    (calm.folder / "prompts" / "intent.prompt.md").write_text("Which intent is this? {{ message.text }}\n")
    calm.run(app, "messages.jsonl", "--concurrency", "1")
    bought = calm.sim.bill().total.requests
    assert bought == 6, "each was asked once, with what the file said then"
    refused = calm.call("run", app, "messages.jsonl")
    assert refused.returncode == 2
    assert "3 of 6 answered records would be asked again" in refused.stderr
    calm.run(app, "messages.jsonl", "--yes")
    assert calm.sim.bill().total.requests == bought + 3


@pytest.mark.timeout(120)
def test_an_edited_step_of_a_workflow_asks_that_step_and_what_follows(calm: Bench) -> None:
    """A workflow's untouched steps would be bought again with the edited one."""
    messages(calm.folder, 100)
    app = calm.folder / "flow.py"
    app.write_text(HEAD + WORKFLOW.format(first="Find the intent.", second="Say it again."))
    done = calm.run(f"{app}:both", "messages.jsonl")
    assert done["accepted"] == 100
    assert calm.sim.bill().total.requests == 200

    app.write_text(HEAD + WORKFLOW.format(first="Find the intent.", second="Say it once more."))
    assert calm.call("run", f"{app}:both", "messages.jsonl").returncode == 2
    calm.run(f"{app}:both", "messages.jsonl", "--yes")
    assert calm.sim.bill().total.requests == 300, "the second step alone is asked again"

    app.write_text(HEAD + WORKFLOW.format(first="Find the intent!", second="Say it once more."))
    calm.run(f"{app}:both", "messages.jsonl", "--yes")
    assert calm.sim.bill().total.requests == 400, "the same intent comes back, so what follows it stands"


@pytest.mark.timeout(120)
def test_an_answer_stands_when_a_cheaper_model_can_be_asked_again(calm: Bench) -> None:
    """What a larger model answered while the small one's key was closed would be bought again, or stop the next run."""
    messages(calm.folder, 100)
    calm.sim.script({"models": {"gpt-3.5": {"faults": {"401": 1.0}}}})
    first = calm.run(APP, "messages.jsonl", "-o", "before.jsonl")
    assert first["accepted"] == 100
    calm.sim.script({"models": {}})
    bought = calm.sim.bill().total.requests
    again = calm.run(APP, "messages.jsonl", "-o", "after.jsonl")
    assert (again["attempts"], calm.sim.bill().total.requests) == (0, bought)
    assert again["reused"] == 100
    assert calm.rows("after.jsonl") == calm.rows("before.jsonl")


def test_ten_identical_concurrent_calls_are_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Concurrent callers with the same question would each pay for it (single flight)."""
    rows = [{"id": "1", "text": "hello there", "answers": {"gpt-5-nano": "a greeting"}}]
    with start_simulator(
        answers=rows, latency_ms=200.0, wrap="value", prices={"gpt-5-nano": "0.05,0.40"}
    ) as sim:
        monkeypatch.setenv("OPENAI_BASE_URL", sim.url)
        app = App("flight", ledger=tmp_path / "flight.db")

        @app.step(models=["openai:gpt-5-nano"])
        def name_it(text: str) -> Prompt[str]:
            return Prompt("What is this?", text)

        async def ten() -> list[str]:
            async with app:
                return await asyncio.wait_for(
                    asyncio.gather(*(name_it("hello there") for _ in range(10))), 30
                )

        assert len(set(asyncio.run(ten()))) == 1
        assert sim.bill().total.requests == 1


@pytest.mark.timeout(120)
def test_failed_records_are_asked_anew_only_when_told_to(calm: Bench) -> None:
    """A failed record would be bought at every run, or could never be tried again."""
    messages(calm.folder, 50)
    app = calm.folder / "app.py"
    app.write_text(
        HEAD
        + STEP.replace("models=[small]", "models=[small], review=False")
        + CHECK.format(word="card_arrival")
    )
    first = calm.run(app, "messages.jsonl", status=1)
    assert first["failed"] > 0
    bought = calm.sim.bill().total.requests
    again = calm.run(app, "messages.jsonl", status=1)
    assert (again["failed"], calm.sim.bill().total.requests) == (first["failed"], bought)
    calm.run(app, "messages.jsonl", "--retry", "failed", status=1)
    assert calm.sim.bill().total.requests == bought + 2 * first["failed"]


def test_bad_use_is_found_before_anything_is_paid(calm: Bench) -> None:
    """A typo would be found after the first paid request, or end in a traceback."""
    messages(calm.folder, 5)
    good, bad = HEAD + STEP, HEAD + STEP.replace("models=[small]", 'models=["openai:floobarp"]')
    cases = {
        "no app": (("run", "missing.py", "messages.jsonl"), good, "There is no file 'missing.py'"),
        "no input": (("run", "app.py", "missing.jsonl"), good, "missing.jsonl"),
        "no price": (("run", "app.py", "messages.jsonl"), bad, "The price of openai:floobarp is not known"),
        "no entry": (("run", "app.py:nope", "messages.jsonl"), good, "has no entry 'nope'"),
        "bad output": (("run", "app.py", "messages.jsonl", "-o", "out.xls"), good, ".jsonl, .csv"),
        "bad money": (("run", "app.py", "messages.jsonl", "--budget-usd", "ten"), good, "'ten'"),
        "no job": (("run", "app.py", "-"), good, "--job"),
        "syntax": (("run", "app.py", "messages.jsonl"), "def (", "SyntaxError"),
    }
    for name, (words, text, said) in cases.items():
        (calm.folder / "app.py").write_text(text)
        done = calm.call(*words)
        assert done.returncode == 2, (name, done.stderr)
        assert said in done.stderr, (name, done.stderr)
        assert "Traceback" not in done.stderr, name
    (calm.folder / "app.py").write_text(good)
    no_key = calm.call("run", "app.py", "messages.jsonl", OPENAI_BASE_URL="https://api.example.com/v1")
    assert no_key.returncode == 2
    assert "OPENAI_API_KEY" in no_key.stderr
    assert calm.sim.bill().total.requests == 0


def test_bad_records_are_named_and_the_rest_goes_on(calm: Bench) -> None:
    """One unreadable line would end a run of a million, or be dropped without a word."""
    lines = [b'{"id":"a","text":"hello"}', b"not json", b'{"id":"b"}', b'{"id":"c","text":"bye"}']
    (calm.folder / "mixed.jsonl").write_bytes(b"\n".join(lines))
    (calm.folder / "app.py").write_text(HEAD + STEP)
    done = calm.run("app.py", "mixed.jsonl", "-o", "out.jsonl")
    assert (done["records"], done["accepted"], done["rejected"]) == (4, 2, 2)
    rows = calm.rows("out.jsonl")
    assert [row["outcome"] for row in rows] == ["accepted", "rejected", "rejected", "accepted"]
    assert "line 2" in rows[1]["reason"]
    assert "`text`" in rows[2]["reason"] or "text" in rows[2]["reason"]
    assert json.dumps(rows)
