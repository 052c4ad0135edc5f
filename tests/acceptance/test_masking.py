"""Personal data is hidden from the provider and shown in the answer: a real run over real sockets."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.bench import Bench

from roadworthy.vet.process import start_simulator

APP = """
from pydantic import BaseModel
from roadworthy import App, Fault, Model, Price, Prompt

app = App("letters")

class Letter(BaseModel):
    id: str
    text: str

class Contact(BaseModel):
    address: str
    quote: str

@app.step(models=[Model("openai:small", price=Price(input="0.1", output="0.4"))], mask=True)
def contact(letter: Letter) -> Prompt[Contact]:
    return Prompt("Where can they be reached?", letter.text)

@contact.check
def quoted(answer: Contact, letter: Letter) -> None:
    if answer.quote not in letter.text:
        raise Fault(f"`quote` is not in the letter of {answer.address}")
"""
TEXT = "Please write to ann@example.com or call +44 20 7946 0958 about order 17."
HIDDEN = "Please write to [EMAIL_1] or call [PHONE_1] about order 17."


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[Bench]:
    """One letter, and a provider that answers with what it was shown."""
    answer = {"address": "[EMAIL_1]", "quote": "call [PHONE_1]"}
    row = {"id": "l1", "text": HIDDEN, "answers": {"small": answer}}
    (tmp_path / "answers.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "letters.jsonl").write_text(json.dumps({"id": "l1", "text": TEXT}) + "\n")
    (tmp_path / "app.py").write_text(APP)
    with start_simulator(seed=3, answers=str(tmp_path / "answers.jsonl"), prices={"small": "0.1,0.4"}) as sim:
        yield Bench(tmp_path, sim)


def test_a_provider_never_sees_what_the_answer_holds(letters: Bench) -> None:
    """Personal data would leave the house, or the answer would hold placeholders, or a check would see them."""
    first = letters.run("app.py", "letters.jsonl", "-o", "out.jsonl", OPENAI_API_KEY="sk-test")
    assert (first["accepted"], first["attempts"]) == (1, 1)
    (row,) = letters.rows("out.jsonl")
    assert row["value"] == {"address": "ann@example.com", "quote": "call +44 20 7946 0958"}
    kept = letters.ask("letters.db", "SELECT question.body, reply.text FROM question, reply")
    assert HIDDEN in kept[0][0]
    assert "ann@example.com" not in kept[0][0] + kept[0][1]
    second = letters.run("app.py", "letters.jsonl", OPENAI_API_KEY="sk-test")
    assert (second["accepted"], second["attempts"]) == (1, 0), "hidden again in the same way"
    told = letters.call("why", "app.py", "l1")
    assert "valid" in told.stdout
    assert "is not in the letter" not in told.stdout


def test_a_fault_is_put_to_the_model_without_what_is_hidden(letters: Bench) -> None:
    """The words of a check quote the answer: they would carry personal data to the provider."""
    wrong = {"address": "[EMAIL_1]", "quote": "nothing of it"}
    row = {"id": "l1", "text": HIDDEN, "answers": {"small": wrong}}
    (letters.folder / "answers.jsonl").write_text(json.dumps(row) + "\n")
    with start_simulator(
        seed=3, answers=str(letters.folder / "answers.jsonl"), prices={"small": "0.1,0.4"}
    ) as sim:
        bench = Bench(letters.folder, sim)
        found = bench.run("app.py", "letters.jsonl", OPENAI_API_KEY="sk-test")
    assert found["waiting"] == {"review": 1}
    words = bench.ask("letters.db", "SELECT words FROM attempt WHERE words IS NOT NULL")
    assert words
    assert all("[EMAIL_1]" in text and "ann@example.com" not in text for (text,) in words)


def test_personal_data_below_one_another_in_a_record_is_hidden(letters: Bench) -> None:
    """A record as a part is sent as JSON, where a line ends with an escape: addresses that begin a line went out as they are."""
    text = "Reach me at:\nann@example.com\n+44 20 7946 0958\nabout order 17."
    row = {
        "id": "l1",
        "text": "about order 17.",
        "answers": {"small": {"address": "[EMAIL_1]", "quote": "[PHONE_1]"}},
    }
    (letters.folder / "answers.jsonl").write_text(json.dumps(row) + "\n")
    (letters.folder / "letters.jsonl").write_text(json.dumps({"id": "l1", "text": text}) + "\n")
    (letters.folder / "app.py").write_text(APP.replace('", letter.text)', '", letter)'))
    with start_simulator(
        seed=3, answers=str(letters.folder / "answers.jsonl"), prices={"small": "0.1,0.4"}
    ) as sim:
        bench = Bench(letters.folder, sim)
        found = bench.run("app.py", "letters.jsonl", "-o", "out.jsonl", OPENAI_API_KEY="sk-test")
    assert found["accepted"] == 1
    (kept,) = bench.ask("letters.db", "SELECT body FROM question")
    assert "ann@example" not in kept[0]
    assert "7946" not in kept[0]
    (answer,) = bench.rows("out.jsonl")
    assert answer["value"] == {"address": "ann@example.com", "quote": "+44 20 7946 0958"}
