"""The page about context: its apps are typed, planned and run."""

import json
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, Terminal, blocks

from roadworthy.vet.process import start_simulator

PAGE = ROOT / "docs" / "context.md"
ASKED = "How long is the ferry?"
ANSWERS = {
    "ask.py": {
        "gpt-5-nano": {"answer": "Nine days.", "quotes": ["The ferry takes nine days."], "cites": "[1]"}
    },
    "read.py": {"gpt-5-nano": {"summary": "Nothing happened."}},
    "judged.py": {"gpt-5-nano": {"says": "How long?"}, "gpt-5-mini": {"reason": "", "holds": True}},
    "graded.py": {"gpt-5-nano": {"says": "How long?"}, "gpt-5-mini": {"reason": "", "right": 0.97}},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_app_of_the_page_runs(name: str, tmp_path: Path) -> None:
    """A reader would copy the page's app and get an error, or an answer that its own checks refuse."""
    rows = [{"id": "q", "text": ASKED, "answers": ANSWERS[name]}]
    with start_simulator(answers=rows) as provider:
        terminal = Terminal(tmp_path, provider.port, "")
        terminal.type(f"export OPENAI_BASE_URL={provider.url}")
        terminal.save(next(block for block in blocks(PAGE) if block.note == name))
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "ship.md").write_text("# Ships\n\nThe ferry takes nine days.\n")
        text = ASKED if name != "read.py" else f"{ASKED}\n\n" * 2_000
        (tmp_path / "questions.jsonl").write_text(json.dumps({"id": "q", "text": text}) + "\n")
        planned = terminal.type(f"roadworthy plan {name} questions.jsonl")
        said = terminal.type(f"roadworthy run {name} questions.jsonl")
    assert "1 to ask" in planned, planned
    assert "1 records: 1 accepted" in said, said
