"""The page about input: its app runs over what the page says it takes."""

from pathlib import Path

from tests.docs.pages import ROOT, Terminal, blocks
from tests.unit.accept.papers.test_reader import pdf

from roadworthy.vet.process import start_simulator

PAGE = ROOT / "docs" / "intake.md"
ANSWER = {"title": "A lease", "about": "A flat is let."}


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    """A reader would copy the page's app and commands and get an error."""
    found = list(blocks(PAGE))
    (tmp_path / "contracts").mkdir()
    lease = pdf(["We let a flat."])
    (tmp_path / "contract.pdf").write_bytes(lease)
    (tmp_path / "contracts" / "lease.pdf").write_bytes(lease)
    (tmp_path / "contracts" / "broken.docx").write_bytes(b"no archive")
    rows = [{"id": "lease", "text": "We let a flat.", "answers": {"gpt-5-nano": ANSWER}}]
    with start_simulator(answers=rows) as provider:
        terminal = Terminal(tmp_path, provider.port, "")
        terminal.type(f"export OPENAI_BASE_URL={provider.url}")
        terminal.save(next(block for block in found if block.note == "shelf.py"))
        commands = next(
            block.text for block in found if block.language == "sh" and "contracts/" in block.text
        )
        said = [terminal.type(line) for line in commands.strip().split("\n")]
    assert "1 records: 1 accepted" in said[0], said[0]
    assert "2 records: 1 accepted, 1 rejected" in said[1], said[1]
