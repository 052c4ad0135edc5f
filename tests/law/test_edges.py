"""The law of the edges: everything is caught only where somebody else's code is run, and what was caught is recorded."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "roadworthy"
BROAD = {"Exception", "BaseException"}
EDGES = {
    "run/work.py": 2,  # the worker: a step's bug, or a workflow's, is the record's fate
    "run/split.py": 1,  # a question of a record in parts: raised again once the others have ended
    "run/load.py": 1,  # the team's own file: raised again with its place
    "serve/wicket.py": 1,  # the HTTP door: the caller is told that it broke, the log has the rest
    "run/bug.py": 1,  # the same code where nothing is bought: told with its place
    "call/rung.py": 1,  # a function in a model's place: kept with the attempt
    "keep/writer.py": 1,  # the ledger's thread: handed to each who waits for it
    "accept/papers/child.py": 1,  # a parser in a process of its own: the document's fate
    "vet/road/child.py": 1,  # an app under test in a process of its own: told to the parent
    "vet/road/stage.py": 1,  # a stage that breaks: a finding, with its trace
    "vet/naked/child.py": 2,  # a function under test in a process of its own, loaded and called: told to the parent
}


def broad(path: Path) -> list[ast.ExceptHandler]:
    """The handlers of a file that catch everything."""
    handlers = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ExceptHandler)]
    return [
        one
        for one in handlers
        if one.type is None
        or any(isinstance(node, ast.Name) and node.id in BROAD for node in ast.walk(one.type))
    ]


def is_recorded(handler: ast.ExceptHandler) -> bool:
    """Whether what was caught is used, or raised again."""
    if any(isinstance(line, ast.Raise) for line in handler.body):
        return True
    return handler.name is not None and any(
        isinstance(node, ast.Name) and node.id == handler.name
        for line in handler.body
        for node in ast.walk(line)
    )


def test_everything_is_caught_at_the_edges_alone_and_recorded() -> None:
    """A bug of ours would end as somebody's fate, or as nothing at all."""
    found = {path.relative_to(PACKAGE).as_posix(): broad(path) for path in sorted(PACKAGE.rglob("*.py"))}
    assert {place: len(handlers) for place, handlers in found.items() if handlers} == EDGES
    silent = [
        f"{place}:{one.lineno}"
        for place, handlers in found.items()
        for one in handlers
        if not is_recorded(one)
    ]
    assert silent == []
