"""What the package never does: run data, build SQL from strings, or open a connection when it is imported."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "roadworthy"
RUNS_DATA = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "jsonpickle",
    "xml",
}
EVALUATES = {"eval", "exec", "compile", "__import__"}
ALLOWED = {
    ("accept/papers/word.py", "xml.parsers"),  # expat, with every document type, and so every entity, refused
    ("vet/road/junit.py", "xml.etree.ElementTree"),  # writes, reads nothing
}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield str(path.relative_to(SOURCE)), ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.fault("E1")
def test_nothing_that_is_read_can_run() -> None:
    """A row, a reply or a file could run code when it is read."""
    found = set()
    for name, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {(name, one.name) for one in node.names if one.name.split(".")[0] in RUNS_DATA}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in RUNS_DATA:
                found.add((name, str(node.module)))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EVALUATES:
                found.add((name, node.func.id))
    assert found - ALLOWED == set()


@pytest.mark.fault("E10")
def test_no_sql_is_built_from_strings() -> None:
    """A value could become a part of a query. Queries stand in .sql files and are executed by name."""
    wrong = []
    for name, tree in _modules():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in {"execute", "executemany", "executescript"} or not node.args:
                continue
            first = node.args[0]
            built = [
                part for part in ast.walk(first) if isinstance(part, ast.JoinedStr | ast.BinOp | ast.Call)
            ]
            named = [part for part in built if ast.unparse(part) in _QUERIES]
            if built and built != named and not ast.unparse(first).startswith(_OWN_TEXT):
                wrong.append((name, ast.unparse(first)))
    assert set(wrong) == TEAMS_OWN


TEAMS_OWN = {("accept/database.py", "query.encode()")}
"""The query of an input is the command line's, in a transaction that only reads; records have no part in it."""
_QUERIES = {"queries()", "postgres_queries()"}
_OWN_TEXT = ("f'BEGIN IMMEDIATE;",)
"""The migrations: files of the package, joined, with a number of the package's own."""


@pytest.mark.fault("E22")
def test_every_locked_dependency_has_its_hashes() -> None:
    """A package that was exchanged on its way would be installed."""
    for lock in ("requirements.lock", "requirements-sdks.lock"):
        lines = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        pins = [line for line in lines if re.match(r"[A-Za-z0-9]", line)]
        assert pins
        assert [line for line in pins if "==" not in line or "--hash=sha256:" not in line] == []


@pytest.mark.fault("E22")
def test_importing_opens_no_connection_and_no_file_to_write() -> None:
    """An import would call home, or leave something behind."""
    code = (
        "import builtins, socket, sys\n"
        "def refuse(*args, **kwargs): raise SystemExit(f'connected: {args}')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "def watch(event, args):\n"
        "    if event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wax+'):\n"
        "        if '__pycache__' not in str(args[0]): raise SystemExit(f'wrote: {args}')\n"
        "sys.addaudithook(watch)\n"
        "import roadworthy, roadworthy.__main__, roadworthy.run.app, roadworthy.serve.http\n"
    )
    line = [sys.executable, "-B", "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
