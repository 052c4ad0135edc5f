"""The law of the house: a module imports only from rooms that sort before its own."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "roadworthy"
ROOMS = ("accept", "ask", "call", "check", "decide", "keep", "learn", "observe", "run", "serve", "vet")


def imported_names(tree: ast.AST) -> set[str]:
    """Every module that a file imports, at any depth, under `if TYPE_CHECKING` too."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return (
        names
        | {
            node.module or "."
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            if not node.level
        }
        | {"relative" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) if node.level}
    )


def breaches(path: Path) -> list[str]:
    """What a file imports against the law."""
    parts = path.relative_to(PACKAGE).parts
    here = parts[0] if len(parts) > 1 else ""
    found = []
    for name in imported_names(ast.parse(path.read_text(encoding="utf-8"))):
        if name == "relative":
            found.append(f"{path}: relative import")
        room = name.split(".")[1] if name.startswith("roadworthy.") else ""
        if room in ROOMS and parts[0] not in {"__init__.py", "__main__.py"} and (not here or room > here):
            found.append(f"{path}: {here or 'the ground floor'} imports {name}")
    return found


def test_rooms_import_only_what_sorts_before_them() -> None:
    """A cycle or a shortcut between rooms would creep in unseen."""
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 40
    assert [breach for path in files for breach in breaches(path)] == []


def test_the_law_can_be_broken(tmp_path: Path) -> None:
    """A test of the law that lets everything pass would go unnoticed."""
    (PACKAGE / "accept").is_dir()
    sample = ast.parse("def f():\n    from roadworthy.vet import x\n")
    assert imported_names(sample) == {"roadworthy.vet"}


def test_no_module_imports_itself_in_a_circle() -> None:
    """Import cycles inside a room would hide in deferred imports."""
    graph: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("roadworthy", *path.relative_to(PACKAGE).with_suffix("").parts))
        graph[name.removesuffix(".__init__")] = {
            target
            for target in imported_names(ast.parse(path.read_text(encoding="utf-8")))
            if target.startswith("roadworthy")
        }
    graph.pop("roadworthy.__main__")

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        for target in graph.get(start, ()):
            if target == goal:
                return True
            if target not in seen:
                seen.add(target)
                if reaches(target, goal, seen):
                    return True
        return False

    assert [name for name in graph if name != "roadworthy" and reaches(name, name, set())] == []


def test_functions_fit_a_screen_and_files_are_one_noun() -> None:
    """A function of two screens or a file of everything would be hard to read and easy to break."""
    long = []
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 400:
            long.append(f"{path}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > 70:
                    long.append(f"{path}:{node.name} {length} lines")
    assert long == []


def test_every_test_says_what_would_be_broken() -> None:
    """A test without a reason would be kept for ever or dropped at the first failure."""
    silent = [
        f"{path}:{node.name}"
        for path in (PACKAGE.parents[1] / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_")
        if not ast.get_docstring(node)
    ]
    assert silent == []
