"""A document too long to be held, through a ledger: the same record, the same questions, the same answers, and it can be erased."""

import shutil

from tests.context.conftest import Desk
from tests.ledgers import holds

APP = '''
import re
from pydantic import BaseModel
from roadworthy import App, Function, Prompt

app = App("long", budget_usd=1, settings={"merge_answers_max": 3, "document_held_chars": HELD})

class Paper(BaseModel):
    id: str
    text: str

class Found(BaseModel):
    numbers: list[int]

def model(prompt: str) -> dict[str, list[int]]:
    """The first and the last number of the prompt."""
    found = [int(n) for n in re.findall(r"[0-9]+", prompt)]
    return {"numbers": sorted({min(found), max(found)})}

@app.step(models=[Function(model, usd_per_call="0.001")], split="text", part_chars=40_000)
def numbers(paper: Paper) -> Prompt[Found]:
    return Prompt("List the numbers.", paper.text)

@numbers.merge
def merged(answers: list[Found], paper: Paper) -> Prompt[Found]:
    return Prompt("Merge these.", *answers)

@numbers.check
def stands_there(found: Found, paper: Paper) -> None:
    assert all(f"nr {n} " in paper.text for n in found.numbers)
'''
TEXT = "".join(
    f"This is nr {n} of all lines in the report, and the word is zzyzx.\n" for n in range(1, 6_001)
)


def test_pieces_change_nothing_but_the_memory(desk: Desk) -> None:
    """A document would be bought again, or another answer come of it, because it is kept in another way."""
    desk.write("app.py", APP.replace("HELD", "10_000_000"))
    desk.write("in/a.txt", TEXT)
    first = desk.json("run", "app.py", "in", "-o", "out.jsonl")
    assert (first["accepted"], first["attempts"]) == (1, 11 + 4 + 2 + 1)
    assert desk.ask("SELECT pieces FROM record") == [(0,)]
    desk.write("app.py", APP.replace("HELD", "1_000"))
    again = desk.json("run", "app.py", "in", "-o", "again.jsonl")
    assert (again["accepted"], again["attempts"], again["records"]) == (1, 0, 1)
    assert desk.rows("again.jsonl") == desk.rows("out.jsonl")
    anew = desk.json("run", "app.py", "in", "-o", "other.jsonl", "--job", "other")
    assert (anew["accepted"], anew["attempts"]) == (1, 0), "the same questions, found by what they say"
    assert [pieces for (pieces,) in desk.ask("SELECT pieces FROM record ORDER BY id")] == [0, 7]
    assert desk.ask("SELECT count(DISTINCT body_hash) FROM record") == [(1,)]
    assert desk.json("export", "app.py", "-o", "all.jsonl")["rows"] == 2
    one, two = desk.rows("all.jsonl")
    assert one["body"] == two["body"]
    assert one["body"]["text"] == TEXT
    assert "nr 5999 of all lines" in desk.call("why", "app.py", "a.txt", "--full").stdout


def test_a_run_goes_on_with_a_document_in_pieces(desk: Desk) -> None:
    """What a stopped run had paid for would be lost, or the rest of a long text never be asked about."""
    desk.write("app.py", APP.replace("HELD", "1_000"))
    desk.write("in/a.txt", TEXT)
    assert desk.json("plan", "app.py", "in")["to_ask"] == 1
    run = desk.json("run", "app.py", "in", "--budget-usd", "0.004", status=3)
    assert (run["attempts"], run["waiting"]) == (4, {"budget": 1})
    again = desk.json("run", "app.py", "in", "--budget-usd", "0.5", "-o", "out.jsonl")
    assert (again["accepted"], again["attempts"]) == (1, 14)
    assert desk.rows()[0]["value"] == {"numbers": [1, 6000]}


def test_pieces_are_erased_and_come_back(desk: Desk) -> None:
    """Words of someone who asked to be forgotten would stay in the ledger, or retention make a document unreadable."""
    desk.write("app.py", APP.replace("HELD", "1_000"))
    desk.write("in/a.txt", TEXT)
    desk.json("run", "app.py", "in")
    shutil.move(desk.folder / "in/a.txt", desk.folder / "kept.txt")
    desk.write("in/b.txt", "nr 7 ")
    desk.json("run", "app.py", "in")
    swept = desk.json("gc", "app.py", "--older-than", "0")
    assert swept["contents"] >= len(TEXT)
    assert holds(desk.ledger, "zzyzx") == []
    assert desk.ask("SELECT count(*) FROM piece") == [(0,)]
    shutil.move(desk.folder / "kept.txt", desk.folder / "in/a.txt")
    run = desk.json("run", "app.py", "in", "--yes", "-o", "out.jsonl")
    assert run["accepted"] == 2
    assert desk.rows()[0]["value"] == {"numbers": [1, 6000]}
    assert desk.json("forget", "app.py", "a.txt")["records"] == 1
    assert holds(desk.ledger, "zzyzx") == []
