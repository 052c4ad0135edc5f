"""Records that are known come again: nothing is bought, nothing is written, and an edit anywhere is seen all the same."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from tests.acceptance.bench import Bench, messages
from tests.ledgers import ask

from roadworthy import App, Fault, Function, Prompt, Waiting
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.reviews import open_reviews
from roadworthy.keep.rulings import rule
from roadworthy.keep.writer import Writer

FILES = {
    "words.py": """
import os
from pathlib import Path

TOPICS = Path(__file__).with_name("topics.txt").read_text()

def asked() -> str:
    return "Which intent does this message have?" + TOPICS + os.environ.get("TONE", "")

def allowed(intent: str) -> bool:
    return True

def shaped(intent: str) -> str:
    return intent
""",
    "topics.txt": "\n",
    "app.py": """
from typing import Annotated
from pydantic import AfterValidator, BaseModel
from roadworthy import App, Fault, Model, Price, Prompt
from words import allowed, asked, shaped

app = App("again")
small = Model("openai:gpt-3.5", price=Price(input="0.50", output="1.50"))

class Message(BaseModel):
    id: str
    text: str

class Intent(BaseModel):
    intent: Annotated[str, AfterValidator(shaped)]

@app.step(models=[small])
def classify(message: Message) -> Prompt[Intent]:
    return Prompt(asked(), message.text)

@classify.check
def known(answer: Intent, message: Message) -> None:
    if not allowed(answer.intent):
        raise Fault("`intent` is not allowed")
""",
}
EDITS = {
    "a helper of the prompt": ("words.py", "Which intent", "What intent"),
    "a file of data that is read at import": ("topics.txt", "\n", "\nThere are 77.\n"),
    "a setting of the model": ("app.py", 'output="1.50")', 'output="1.50"), temperature=0.5'),
    "the schema": ("app.py", "class Intent(BaseModel):", 'class Intent(BaseModel):\n    "What they want."\n'),
    "a helper of a check": ("words.py", "return True", "return False"),
}
SURROUNDINGS = {"the environment": {"TONE": " Be brief."}, "a setting": {"ROADWORTHY_ANSWER_BYTES_MAX": "5"}}


LINE = ("app.py", "messages.jsonl", "-o", "out.jsonl")
WRITTEN = "SELECT id, updated_at, owner, attempts FROM record ORDER BY id"


def begin(calm: Bench, ledger: str) -> list[dict[str, Any]]:
    """The app and its first run: the rows of its output."""
    messages(calm.folder, 20)
    for name, text in FILES.items():
        (calm.folder / name).write_text(text)
    calm.run(*LINE, ROADWORTHY_LEDGER=ledger)
    rows = calm.rows("out.jsonl")
    assert (calm.sim.bill().total.requests, {row["outcome"] for row in rows}) == (20, {"accepted"})
    return rows


@pytest.mark.timeout(300)
def test_an_edit_anywhere_is_seen_when_known_records_come_again(calm: Bench) -> None:
    """Answers would stand that today's code, data, settings or environment would not give (P5)."""
    before = begin(calm, str(calm.folder / "again.db"))
    said = "20 of 20 answered records would be asked again"
    for what, (name, old, new) in EDITS.items():
        assert old in FILES[name], what
        (calm.folder / name).write_text(FILES[name].replace(old, new))
        refused = calm.call("run", *LINE)
        assert (refused.returncode, said in refused.stderr) == (2, True), f"{what}: {refused.stderr}"
        (calm.folder / name).write_text(FILES[name])
    for what, more in SURROUNDINGS.items():
        refused = calm.call("run", *LINE, **more)
        assert (refused.returncode, said in refused.stderr) == (2, True), f"{what}: {refused.stderr}"
    calm.run(*LINE)
    assert calm.rows("out.jsonl") == before, "what was refused changed nothing"
    assert calm.sim.bill().total.requests == 20, "nothing of all that was bought"


@pytest.mark.timeout(300)
def test_known_records_come_again_unwritten_and_are_judged_anew(calm: Bench, ledger: str) -> None:
    """Each run over a finished file would write it anew, or an edited helper of a validator would be passed over."""
    before, written = begin(calm, ledger), ask(ledger, WRITTEN)
    again = calm.run(*LINE, ROADWORTHY_LEDGER=ledger)
    assert (again["reused"], again["attempts"], again["accepted"]) == (20, 0, 20)
    assert (calm.rows("out.jsonl"), ask(ledger, WRITTEN)) == (before, written)

    shouting = FILES["words.py"].replace("return intent", "return intent.upper()")
    (calm.folder / "words.py").write_text(shouting)
    calm.run(*LINE, ROADWORTHY_LEDGER=ledger)
    loud = [row["value"]["intent"].upper() for row in before]
    assert [row["value"]["intent"] for row in calm.rows("out.jsonl")] == loud
    assert calm.sim.bill().total.requests == 20


class Note(BaseModel):
    id: str
    text: str


class Mood(BaseModel):
    mood: str


class Shop:
    """An app in this process whose model is a function that counts, with what it says and what it refuses in reach."""

    def __init__(self, ledger: str) -> None:
        self.words = "Glad or sad?"
        self.refused: set[str] = set()
        self.calls = 0
        self.app = App("again", ledger=ledger)

        def model(prompt: str) -> dict[str, Any]:
            self.calls += 1
            return {"mood": "glad" if "fine" in prompt else "sad"}

        @self.app.step(models=[Function(model, usd_per_call="0")])
        def feel(note: Note) -> Prompt[Mood]:
            return Prompt(self.words, note.text)

        @feel.check
        def allowed(answer: Mood, note: Note) -> None:
            if answer.mood in self.refused:
                raise Fault(f"`mood` may not be {answer.mood} for {note.id}")

        self.feel = feel


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was handed to the ledger's writer from an event loop, by the real writer."""
    seen: list[object] = []
    write: Callable[..., Any] = Writer.write

    def counted(self: Writer, change: object) -> object:
        seen.append(change)
        return write(self, change)

    monkeypatch.setattr(Writer, "write", counted)
    return seen


def test_a_known_record_costs_no_write_and_an_edit_is_seen(ledger: str, writes: list[object]) -> None:
    """Each answer from the ledger would wait for the disk, or an edit within one process would be passed over."""
    shop, note = Shop(ledger), Note(id="1", text="a fine day")

    async def work() -> None:
        async with shop.app:
            first = await shop.feel(note)
            known = len(writes)
            assert [await shop.feel(note) for _ in range(3)] == [first] * 3
            assert (len(writes), shop.calls) == (known, 1)

            shop.words = "Is it glad or sad?"
            await shop.feel(note)
            assert shop.calls == 2, "another question is asked"
            shop.words = "Glad or sad?"
            await shop.feel(note)
            assert shop.calls == 2, "the first one's reply is there still"

            shop.refused = {"glad"}
            with pytest.raises(Waiting):
                await shop.feel(note)
            known = len(writes)
            with pytest.raises(Waiting):
                await shop.feel(note)
            assert len(writes) == known, "who waits for a person is not put before them again"
            shop.refused = set()
            assert await shop.feel(note) == first

            await shop.feel(Note(id="1", text="a rainy day"))
            assert shop.calls == 4, "one more for the fault in words, one for another text under the same key"

    asyncio.run(work())


def test_a_correction_by_a_person_is_seen_with_the_next_call(ledger: str) -> None:
    """A person's word would be overlooked because the record is known."""
    shop, note = Shop(ledger), Note(id="1", text="a fine day")
    shop.refused = {"glad"}

    async def work() -> None:
        async with shop.app:
            with pytest.raises(Waiting):
                await shop.feel(note)
            with pytest.raises(Waiting):
                await shop.feel(note)
            store = open_ledger(ledger, shop.app.start_settings())
            (waiter,) = store.read(lambda tx: open_reviews(tx, "again", 0, 9))
            correction = json.dumps({"mood": "moved"})
            store.write_now(lambda tx: rule(tx, waiter.id, "wrong", correction, "ann"))
            store.close()
            assert await shop.feel(note) == Mood(mood="moved")
            calls = shop.calls
            assert await shop.feel(note) == Mood(mood="moved")
            assert shop.calls == calls

    asyncio.run(work())
