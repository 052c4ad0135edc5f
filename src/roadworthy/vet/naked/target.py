"""What `FILE.py:NAME` names: read from the file's text, so that nothing of it runs to find out."""

from __future__ import annotations

import ast
from pathlib import Path

_ENTRIES = frozenset({"step", "workflow"})


def names_function(target: str) -> bool:
    """Whether `target` names a plain function: no app, and no step or workflow of one.

    A file that cannot be read or parsed holds no function; whoever loads it says why.
    """
    place, _, name = target.partition(":")
    path = Path(place) if place.endswith(".py") else Path(*place.split(".")).with_suffix(".py")
    if not name or not path.is_file():
        return False
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return False
    found = [is_plain for bound, is_plain in _bound(tree) if bound == name.partition(".")[0]]
    return bool(found) and found[-1]


def _bound(tree: ast.Module) -> list[tuple[str, bool]]:
    """The names that a file binds at its top, each with whether it may be a plain function."""
    found: list[tuple[str, bool]] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((node.name, not any(map(_is_entry, node.decorator_list))))
        elif isinstance(node, ast.Assign):
            is_plain = not isinstance(node.value, ast.Constant) and not _is_app(node.value)
            found += [(goal.id, is_plain) for goal in node.targets if isinstance(goal, ast.Name)]
        elif isinstance(node, ast.ImportFrom):
            found += [(alias.asname or alias.name, False) for alias in node.names]
    return found


def _is_entry(decorator: ast.expr) -> bool:
    plain = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(plain, ast.Attribute) and plain.attr in _ENTRIES


def _is_app(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    plain = value.func
    return (plain.attr if isinstance(plain, ast.Attribute) else getattr(plain, "id", "")) == "App"
