"""The tutorial, typed from the first block to the last."""

from pathlib import Path

import pytest
from tests.docs.pages import ROOT, Block, Terminal, blocks, matches

from roadworthy.vet.process import start_simulator

TUTORIAL = ROOT / "docs" / "tutorial.md"
SHOWN_PORT = "8010"


def test_the_tutorial_shows_what_a_reader_will_see(tmp_path: Path) -> None:
    """A newcomer would type the tutorial's commands and get something else."""
    steps = list(blocks(TUTORIAL))
    recorded = next(block for block in steps if block.note == "recorded.jsonl")
    (tmp_path / recorded.note).write_text(recorded.text, encoding="utf-8")
    with start_simulator(answers=tmp_path / recorded.note) as provider:
        terminal = Terminal(tmp_path, provider.port, SHOWN_PORT)
        said = ""
        for block in steps:
            said = _follow(block, terminal, said)


def _follow(block: Block, terminal: Terminal, said: str) -> str:
    """Do what one block asks for; what the terminal said last."""
    match block:
        case Block("sh", ""):
            return terminal.type(block.text)
        case Block("text", ""):
            assert matches(block.text, said), f"the page shows:\n{block.text}\nthe terminal said:\n{said}"
        case Block("python" | "json", note) if note:
            terminal.save(block)
    return said


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        ("a ... c\n", "a b c", True),
        ("a\n...\nc", "a\nb\nb\nc\n", True),
        ("a b c", "a b d", False),
        ("1 of 2", "1 of 20", False),
    ],
)
def test_a_page_that_shows_something_else_is_found(shown: str, said: str, *, same: bool) -> None:
    """A comparison that lets everything pass would hide a page that is out of date."""
    assert matches(shown, said) is same
