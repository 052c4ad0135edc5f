"""A kept record becomes a value in one place, which knows of texts that are kept in pieces."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "roadworthy"
THE_ONE = "run/revive.py"
READS_INPUT = "accept/"
READS_ROWS = ("keep/record.py", "keep/records.py")


def _attributes() -> Iterator[tuple[str, ast.Attribute, ast.AST]]:
    """Every attribute of something, with where it stands and what it is a part of."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name == THE_ONE:
            continue
        for parent in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for node in ast.iter_child_nodes(parent):
                if isinstance(node, ast.Attribute):
                    yield name, node, parent


def test_what_is_kept_is_validated_in_one_place() -> None:
    """A record with a text in pieces would be taken for one that no longer fits its type, and silently left out."""
    found = {
        (name, ast.unparse(node))
        for name, node, _ in _attributes()
        if node.attr in {"validate", "validate_long"} and not name.startswith(READS_INPUT)
    }
    assert found == set()


def test_a_stored_body_is_only_asked_whether_it_is_there() -> None:
    """Whoever read it by hand would find a mark where a long record has its text."""
    found = {
        (name, ast.unparse(parent))
        for name, node, parent in _attributes()
        if node.attr == "stored" and name not in READS_ROWS and not _asks_whether_it_is_there(parent)
    }
    assert found == set()


def _asks_whether_it_is_there(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot)
