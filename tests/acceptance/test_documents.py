"""A folder of documents through a whole run: each ends with its fate, duplicates cost nothing, offsets hold."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.bench import Bench
from tests.unit.accept.papers.test_reader import pdf

from roadworthy.vet.process import start_simulator

APP = """
from typing import Any
from pydantic import BaseModel
from roadworthy import App, Fault, Model, Price, Prompt

app = App("shelf")

class Paper(BaseModel):
    id: str
    text: str
    document: dict[str, Any]

class Title(BaseModel):
    title: str

@app.step(models=[Model("openai:small", price=Price(input="0.1", output="0.4"))])
def title(paper: Paper) -> Prompt[Title]:
    return Prompt("Give the title.", paper.text)
"""
TEXTS = {"a.txt": "alpha speaks of apples", "sub/c.md": "# Chapter\ngamma"}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Bench]:
    """A folder with a text, its copy, a page of Markdown, a PDF and a broken one."""
    papers = tmp_path / "papers"
    (papers / "sub").mkdir(parents=True)
    for name, text in TEXTS.items():
        (papers / name).write_text(text)
    (papers / "b.txt").write_text(TEXTS["a.txt"])
    (papers / "d.pdf").write_bytes(pdf(["delta page one", "delta page two"]))
    (papers / "e.pdf").write_bytes(b"%PDF-1.4 broken")
    (tmp_path / "app.py").write_text(APP)
    said = {**TEXTS, "d.pdf": "delta page one"}
    rows = [{"id": name, "text": text, "answers": {"small": {"title": name}}} for name, text in said.items()]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with start_simulator(seed=3, answers=str(tmp_path / "answers.jsonl"), prices={"small": "0.1,0.4"}) as sim:
        yield Bench(tmp_path, sim)


def test_each_document_of_a_folder_ends_with_its_fate(shelf: Bench) -> None:
    """A document would be lost, paid for twice, or one that is broken would stop all others."""
    planned = json.loads(shelf.call("plan", "app.py", "papers", "--json", OPENAI_API_KEY="sk-test").stdout)
    assert (planned["records"], planned["duplicates"], planned["rejected"], planned["to_ask"]) == (5, 1, 1, 3)
    first = shelf.run("app.py", "papers", "-o", "out.jsonl", OPENAI_API_KEY="sk-test")
    assert (first["accepted"], first["rejected"], first["attempts"]) == (4, 1, 3)
    rows = shelf.rows("out.jsonl")
    assert [(row["key"], row["outcome"]) for row in rows] == [
        ("a.txt", "accepted"),
        ("a.txt", "accepted"),
        ("d.pdf", "accepted"),
        ("e.pdf", "rejected"),
        ("sub/c.md", "accepted"),
    ]
    assert rows[1]["reason"] == "duplicate of an earlier line"
    assert "papers: e.pdf: it is damaged, or no PDF" in rows[3]["reason"]
    again = shelf.run("app.py", "papers", OPENAI_API_KEY="sk-test")
    assert (again["accepted"], again["rejected"], again["attempts"]) == (4, 1, 0)
    told = shelf.call("why", "app.py", "d.pdf", OPENAI_API_KEY="sk-test")
    assert "delta page two" in told.stdout


def test_one_document_is_an_input_and_a_large_one_waits_in_the_ledger(shelf: Bench) -> None:
    """A single file would need a folder; records too large for the queue would be lost on the way back."""
    alone = shelf.run(
        "app.py",
        "papers/d.pdf",
        "-o",
        "out.jsonl",
        OPENAI_API_KEY="sk-test",
        ROADWORTHY_QUEUE_RECORD_BYTES_MAX="5",
        ROADWORTHY_INTAKE_BYTES_MAX="1",
    )
    assert (alone["records"], alone["accepted"]) == (1, 1)
    all_of_it = shelf.run("app.py", "papers", OPENAI_API_KEY="sk-test", ROADWORTHY_QUEUE_RECORD_BYTES_MAX="5")
    assert (all_of_it["accepted"], all_of_it["rejected"], all_of_it["attempts"]) == (4, 1, 2)
