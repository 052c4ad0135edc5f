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


HEAVY = (
    "asyncio",
    "charset_normalizer",
    "click",
    "ftfy",
    "genai_prices",
    "httptools",
    "importlib.metadata",
    "importlib.resources",
    "jinja2",
    "numpy",
    "pydantic",
    "pydantic_core",
    "pyreqwest",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "statistics",
    "tempfile",
)
ROOMS = ("keep", "learn", "observe", "serve", "vet")
ALSO = ("call.transport", "call.endpoint", "call.wire", "run.runtime", "run.step", "ask.schema")


def loaded(*words: str, app: Path | None = None) -> set[str]:
    """The modules that Python has imported when a command ends."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=app,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}


def test_the_public_names_import_quickly() -> None:
    """Every script and every command would pay for libraries and rooms that it does not use."""
    code = (
        "from roadworthy import App, Fault, Function, Image, Model, Passage, Passages, Price, Prompt, Result"
    )
    took = cpu_ms("-c", code) - cpu_ms("-c", "pass")
    print(f"import: {took:.0f} ms CPU")
    found = loaded("-c", code)
    assert found & set(HEAVY) == set()
    assert found & {f"roadworthy.{name}" for name in (*ROOMS, *ALSO)} == set()


def test_help_comes_quickly() -> None:
    """The first thing a newcomer types would feel slow, because it loads every room."""
    took = cpu_ms("-m", "roadworthy", "--help")
    print(f"--help: {took:.0f} ms CPU")
    found = loaded("-m", "roadworthy", "--help")
    assert found & (set(HEAVY) - {"click"}) == set()
    assert {name for name in found if name.startswith("roadworthy.")} <= {
        "roadworthy.__main__",
        "roadworthy._errors",
    }
    shown = subprocess.run(
        [sys.executable, "-m", "roadworthy", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert shown.index("demo") < shown.index("review") < shown.index("More")


def test_a_report_loads_nothing_that_asks_a_model(tmp_path: Path) -> None:
    """Looking at what was done would take as long to start as doing it."""
    found = loaded("-c", "import roadworthy.serve.report")
    assert found & {"asyncio", "ssl", "pyreqwest", "jinja2", "genai_prices", "fastapi"} == set()
    assert (
        found & {f"roadworthy.{name}" for name in ("call.transport", "call.endpoint", "run.runtime")} == set()
    )
