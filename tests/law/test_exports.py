"""The public names are few and frozen."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import roadworthy

NAMES = [
    "App",
    "Failed",
    "Fault",
    "Function",
    "Image",
    "Model",
    "Passage",
    "Passages",
    "Price",
    "Prompt",
    "Rejected",
    "Result",
    "Waiting",
]


def test_the_public_names_are_these() -> None:
    """A name would be added or lost without anybody deciding it."""
    assert sorted(roadworthy.__all__) == NAMES
    assert all(hasattr(roadworthy, name) for name in NAMES)


def test_type_checkers_and_programs_find_each_name_in_the_same_place() -> None:
    """An editor would show another object than the one that is imported, or miss one."""
    source = ast.parse(Path(roadworthy.__file__).read_text())
    shown = {
        name.name: node.module
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("roadworthy.")
        for name in node.names
    }
    assert sorted(shown) == NAMES
    assert {name: getattr(roadworthy, name).__module__ for name in NAMES} == shown
    assert set(NAMES) <= set(dir(roadworthy))


def test_a_name_that_is_not_there_is_an_ordinary_mistake() -> None:
    """`hasattr`, `copy` and editors probe modules for names; another error than AttributeError would break them."""
    with pytest.raises(AttributeError, match="module 'roadworthy' has no attribute 'Apps'"):
        _ = roadworthy.Apps  # type: ignore[attr-defined] # the mistake that is tested


def test_no_room_is_opened_before_a_name_is_asked_for() -> None:
    """`roadworthy --help` would load what a run needs."""
    code = "import sys, roadworthy; print(*(name for name in sys.modules if name.startswith('roadworthy.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
