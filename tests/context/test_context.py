"""A step's corpus, end to end: what is found, pinned, kept, shown, checked, and when it is read again."""

import json

import pytest
from tests.context.conftest import Desk

APP = '''
import json, re
from pydantic import BaseModel
from roadworthy import App, Function, Passage, Passages, Prompt
from roadworthy.check.ready import citations_exist, quotes_occur

app = App("desk")

class Asked(BaseModel):
    id: str
    text: str

class Answer(BaseModel):
    quote: str
    cites: str

def model(prompt: str) -> dict[str, str]:
    """Quotes the last line of the last passage that it was shown."""
    *_, cited = re.findall(r"^\\[(\\d+)\\] ", prompt, re.MULTILINE)
    return {"quote": prompt.split("\\n\\n")[-2].splitlines()[-1], "cites": f"[{cited}]"}

@app.step(models=[Function(model, usd_per_call="0.001")], context=Passages("docs", query="text", most=1))
def answer(asked: Asked, passages: list[Passage]) -> Prompt[Answer]:
    return Prompt("Answer from the passages.", passages, asked.text)

answer.check(quotes_occur("quote", in_="passages.text"))
answer.check(citations_exist("cites", in_="passages.id"))

@answer.check
def given(answer: Answer, asked: Asked, passages: list[Passage]) -> None:
    assert passages and all(passage.grounds for passage in passages), "no passages came to a check"
'''
REFUNDS = "# Refunds\n\nAn order is refunded within thirty days of delivery.\n\n## Late parcels\n\nA parcel that is a week late is refunded at once.\n"
SHIPPING = "# Shipping\n\nParcels to islands travel by ferry and take nine days.\n"


def prepared(desk: Desk) -> Desk:
    """Two documents and two questions."""
    desk.write("app.py", APP)
    desk.write("docs/refunds.md", REFUNDS)
    desk.write("docs/more/shipping.txt", SHIPPING)
    asked = [{"id": "a", "text": "Is my late parcel refunded?"}, {"id": "b", "text": "How long by ferry?"}]
    desk.write("in.jsonl", "".join(json.dumps(one) + "\n" for one in asked))
    return desk


def test_a_question_is_asked_with_what_fits_it(desk: Desk) -> None:
    """A model would be asked without context, with another record's, or a check would not see what it was given."""
    prepared(desk)
    plan = desk.json("plan", "app.py", "in.jsonl")
    assert (plan["to_ask"], plan["rejected"]) == (2, 0)
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert (run["accepted"], run["attempts"]) == (2, 2)
    late, ferry = (row["value"]["quote"] for row in desk.rows())
    assert "refunded" in late
    assert "nine days" in ferry
    told = desk.call("why", "app.py", "a").stdout
    assert "[1] refunds.md > Refunds > Late parcels, passage 2 (number 1 by words)" in told
    assert "judged valid" in told


def test_a_corpus_that_changed_buys_nothing_again(desk: Desk) -> None:
    """An edited document would silently buy every answer anew, or be missing from new questions."""
    prepared(desk)
    desk.json("run", "app.py", "in.jsonl")
    desk.write("docs/refunds.md", REFUNDS.replace("thirty", "forty"))
    (desk.folder / "docs/more/shipping.txt").unlink()
    again = desk.json("run", "app.py", "in.jsonl")
    assert (again["accepted"], again["attempts"]) == (2, 0), "the pinned question is replayed"
    with (desk.folder / "in.jsonl").open("a") as more:
        more.write(json.dumps({"id": "c", "text": "Within how many days of delivery is it refunded?"}) + "\n")
    third = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert third["attempts"] == 1
    assert "forty" in desk.rows()[2]["value"]["quote"]
    assert [key for (key,) in desk.ask("SELECT key FROM document")] == ["refunds.md"]


def test_what_is_unchanged_is_not_read_again(desk: Desk) -> None:
    """Each run would cut and index the whole corpus anew."""
    prepared(desk)
    desk.json("run", "app.py", "in.jsonl")
    before = desk.ask("SELECT id, text FROM passage ORDER BY id")
    with (desk.folder / "in.jsonl").open("a") as more:
        more.write(json.dumps({"id": "c", "text": "ferry"}) + "\n")
    desk.write("docs/new.md", "A ferry leaves at noon.")
    desk.json("run", "app.py", "in.jsonl")
    after = desk.ask("SELECT id, text FROM passage ORDER BY id")
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1


def test_a_table_is_a_corpus_too_and_bad_rows_are_told(desk: Desk) -> None:
    """A list of answers would have to be written into files, or a row that cannot be read would vanish."""
    prepared(desk)
    desk.write("app.py", APP.replace('"docs", query', '"faq.csv", text="reply", query'))
    desk.write(
        "faq.csv", "id,reply\n1,Parcels that are late are refunded.\n2,\n3,The ferry takes nine days.\n"
    )
    done = desk.call("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert done.returncode == 0, done.stderr
    assert "2 is left out" in done.stderr
    assert [row["value"]["quote"] for row in desk.rows()] == [
        "Parcels that are late are refunded.",
        "The ferry takes nine days.",
    ]


def test_words_of_a_record_are_never_a_query_language(desk: Desk) -> None:
    """A record could break the search, or search what it should not, with quotes, operators or wild cards."""
    prepared(desk)
    hostile = [
        '" OR 1',
        "ferry' ; DROP TABLE passage; --",
        "NEAR(a b) AND NOT *",
        "text: ferry^3",
        "-",
        "%s %(x)s :words",
    ]
    rows = [{"id": str(n), "text": text + " ferry"} for n, text in enumerate(hostile)]
    desk.write("in.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert run["accepted"] == len(hostile)
    assert all("ferry" in row["value"]["quote"] for row in desk.rows())


def test_meaning_is_fused_with_words(desk: Desk) -> None:
    """A named embedder would not be asked, or what only it finds would not reach the prompt."""
    prepared(desk)
    embed = '''
def embed(texts):
    """Two directions: boats and all else."""
    return [[1.0, 0.0] if "ferry" in text or "boat" in text else [0.0, 1.0] for text in texts]

@app.step('''
    desk.write("app.py", APP.replace("@app.step(", embed, 1).replace("most=1", "most=1, embed=embed"))
    desk.write("in.jsonl", json.dumps({"id": "a", "text": "boat"}) + "\n")
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert run["accepted"] == 1
    assert "ferry" in desk.rows()[0]["value"]["quote"]
    assert "number 1 by meaning" in desk.call("why", "app.py", "a").stdout


def test_an_embedder_that_never_returns_fails_its_record_and_holds_nothing_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run would stand still for ever at that question, and so would its process after Ctrl-C."""
    prepared(desk)
    embed = '''
import time

def embed(texts):
    """Knows the corpus, and hangs over one question."""
    if texts == ["How long by ferry?"]:
        time.sleep(20)
    return [[1.0, 0.0] for _ in texts]

@app.step('''
    desk.write("app.py", APP.replace("@app.step(", embed, 1).replace("most=1", "most=1, embed=embed"))
    monkeypatch.setenv("ROADWORTHY_ATTEMPT_TIMEOUT_S", "1")
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl", status=1)
    assert (run["accepted"], run["failed"]) == (1, 1)
    assert "1 s" in desk.call("why", "app.py", "b").stdout


def test_a_corpus_that_is_not_there_is_told_before_anything_is_paid(desk: Desk) -> None:
    """Every record would fail one by one with the same error."""
    prepared(desk)
    desk.write("app.py", APP.replace('"docs"', '"dosc"'))
    done = desk.call("run", "app.py", "in.jsonl")
    assert done.returncode == 2, done.stderr
    assert "dosc" in done.stderr
