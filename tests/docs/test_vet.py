"""The page about the road test says what the command does."""

import re
import shutil
from pathlib import Path

from tests.docs.pages import ROOT, Terminal, blocks, matches

from roadworthy.vet.road.command import vet
from roadworthy.vet.road.stages import STAGES

PAGE = ROOT / "docs" / "vet.md"
DEMO = ROOT / "src" / "roadworthy" / "vet" / "demo"


def test_the_page_shows_what_a_reader_will_see(tmp_path: Path) -> None:
    """A reader would type the command and get something else."""
    command, shown, *_ = blocks(PAGE)
    for name in ("triage.py", "inbox.jsonl", "answers.jsonl"):
        shutil.copy(DEMO / name, tmp_path)
    shutil.copytree(DEMO / "policies", tmp_path / "policies")
    said = Terminal(tmp_path, 0, "").type(command.text)
    assert matches(shown.text, said), said


def test_every_stage_and_option_is_on_the_page() -> None:
    """A stage would be driven, or an option be there, that no page explains."""
    text = PAGE.read_text(encoding="utf-8")
    stages = set(re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE))
    assert {stage.name for stage in STAGES} <= stages
    options = {name for option in vet.params for name in option.opts if name.startswith("--")}
    assert [name for name in sorted(options) if f"`{name}" not in text] == []
