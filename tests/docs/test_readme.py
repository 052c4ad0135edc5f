"""The README's code runs and its commands exist."""

import ast
import asyncio
import importlib.util
import json
import re
from pathlib import Path
from types import CodeType

import pytest
from tests.docs.pages import PAGES, ROOT, Block, Terminal, blocks, matches

from roadworthy.__main__ import COMMANDS
from roadworthy.vet.process import start_simulator

README = ROOT / "README.md"
BODY = "I was charged twice for my order in May."
ANSWER = {"queue": "billing", "urgency": 3, "quote": "charged twice"}
SAID_OF_A_COMMAND = re.compile(r"(?:^|`|\s)roadworthy ([a-z]+)\b", re.MULTILINE)


def test_the_example_runs_from_the_command_line(tmp_path: Path) -> None:
    """The first thing that a reader copies would not work."""
    app, commands = _blocks_with("from roadworthy import", "roadworthy plan")
    (tmp_path / "inbox.jsonl").write_text(json.dumps({"id": "T-1042", "body": BODY}) + "\n", encoding="utf-8")
    with start_simulator(answers=[{"text": BODY, "answers": {"gpt-5-nano": ANSWER}}]) as provider:
        terminal = Terminal(tmp_path, provider.port, "")
        terminal.save(app)
        terminal.type(f"export OPENAI_BASE_URL={provider.url}")
        said = [terminal.type(line) for line in commands.text.strip().split("\n")]
    assert len(said) == 4
    planned, ran, explained, _queue = said
    assert "1 to ask" in planned
    assert "1 records: 1 accepted" in ran
    assert "charged twice" in explained
    assert "Traceback" not in "".join(said)


def test_the_demo_prints_what_the_first_screen_says(tmp_path: Path) -> None:
    """The first command that a newcomer runs would end otherwise than the page says."""
    (shown,) = _blocks_with("478 records")
    said = Terminal(tmp_path, 0, "").type("roadworthy demo")
    said = re.sub(r"^\d+/478 .*\n", "", said, flags=re.MULTILINE)  # a slow machine shows progress
    assert matches(f"...\n{shown.text.strip()}\n...", said), said
    assert "The provider is simulated" in said
    assert "export OPENAI_API_KEY" in said


def test_the_three_doors_in_code_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines for the reader's own code would not run, or not give what they say."""
    app, doors = _blocks_with("from roadworthy import", "await triage(ticket)")
    place = tmp_path / "triage.py"
    place.write_text(app.text, encoding="utf-8")
    with start_simulator(answers=[{"text": BODY, "answers": {"gpt-5-nano": ANSWER}}]) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.url)
        names = _loaded(place)
        names["ticket"] = names["Ticket"](id="T-1042", body=BODY)  # type: ignore[operator] # the example's class
        asyncio.run(_run(compile(doors.text, "README", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names))
        requests = provider.bill().total.requests
    assert names["answer"] == names["Triage"](**ANSWER)  # type: ignore[operator] # the example's class
    assert getattr(names["result"], "outcome", "") == "accepted"
    assert requests == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    """A page would send its reader to a command that is not there."""
    said = {
        name
        for block in [*blocks(page), Block("sh", "", _code_in_lines(page))]
        if block.language == "sh"
        for name in SAID_OF_A_COMMAND.findall(block.text)
    }
    assert said <= COMMANDS.keys()


def _code_in_lines(page: Path) -> str:
    return "\n".join(re.findall(r"`(roadworthy [^`\n]+)`", page.read_text(encoding="utf-8")))


def _blocks_with(*words: str) -> list[Block]:
    found = [next(block for block in blocks(README) if word in block.text) for word in words]
    assert len(found) == len(words)
    return found


def _loaded(place: Path) -> dict[str, object]:
    spec = importlib.util.spec_from_file_location("readme_example", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


async def _run(code: CodeType, names: dict[str, object]) -> None:
    started = eval(code, names)  # the README's own lines
    if started is not None:
        await started
