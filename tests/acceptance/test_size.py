"""How much it takes: memory flat in the number of records, a quick start, a small install."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.acceptance.bench import Bench

from roadworthy.vet.process import start_simulator

APP_TEXT = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt

app = App("many")

class Note(BaseModel):
    id: int
    text: str

class Kind(BaseModel):
    kind: str

@app.step(models=[Model("openai:tiny", price=Price(input="0.1", output="0.4"))])
def sort_out(note: Note) -> Prompt[Kind]:
    return Prompt("What kind of note is this?", note.text)
"""
MEMORY_MB = 30


def peak_mb(bench: Bench, count: int) -> float:
    """Peak resident memory of a run over `count` short records."""
    name = f"notes-{count}.jsonl"
    with (bench.folder / name).open("w") as out:
        for number in range(count):
            out.write(json.dumps({"id": number, "text": f"note number {number} of the day"}) + "\n")
    process = bench.start("run", "app.py", name, "-o", f"out-{count}.jsonl")
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert sum(1 for _ in (bench.folder / f"out-{count}.jsonl").open()) == count
    return usage.ru_maxrss / 1024


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_is_flat_in_the_number_of_records(tmp_path: Path) -> None:
    """A run of a million records would need a bigger machine than a run of a thousand."""
    (tmp_path / "app.py").write_text(APP_TEXT)
    with start_simulator(default_answer='{"kind": "plain"}') as sim:
        bench = Bench(tmp_path, sim)
        small, large = peak_mb(bench, 1_000), peak_mb(bench, 100_000)
    print(f"{small=:.1f} MB {large=:.1f} MB")
    assert large - small <= MEMORY_MB


def cpu_ms(*words: str) -> float:
    """The least CPU of five starts, in milliseconds, less that of a bare interpreter's start."""

    def once(line: list[str]) -> float:
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return (usage.ru_utime + usage.ru_stime) * 1000

    return min(once([sys.executable, *words]) for _ in range(5))


def test_the_public_names_import_quickly() -> None:
    """Every script and every command would pay for libraries that it does not use."""
    code = "from roadworthy import App, Prompt, Fault"
    took = cpu_ms("-c", code) - cpu_ms("-c", "pass")
    print(f"import: {took:.0f} ms CPU")
    heavy = (
        "jinja2",
        "ftfy",
        "charset_normalizer",
        "genai_prices",
        "pyreqwest",
        "httptools",
        "click",
        "sqlalchemy",
    )
    loaded = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*[m for m in {heavy!r} if m in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert loaded == []


def test_help_comes_quickly() -> None:
    """The first thing a newcomer types would feel slow, because it loads every room."""
    took = cpu_ms("-m", "roadworthy", "--help")
    print(f"--help: {took:.0f} ms CPU")
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "roadworthy", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pyreqwest" not in loaded.stderr
    assert loaded.stdout.index("demo") < loaded.stdout.index("review") < loaded.stdout.index("More")
