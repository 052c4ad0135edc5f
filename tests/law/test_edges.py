"""The law of the edges: everything is caught only where somebody else's code is run, and what was caught is told."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "roadworthy"
BROAD = {"Exception", "BaseException"}
HANDLERS = {
    "run/work.py": 1,  # the worker: a bug in a step or a workflow is the record's fate
    "serve/wicket.py": 1,  # the HTTP door: the caller is told that it broke, the log has the rest
}
TOLD = {
    "_daemons.py": 1,  # a call in a thread of its own: told to whoever waits for it
    "accept/papers/child.py": 1,  # a parser in a process of its own: the document's fate
    "accept/sheet.py": 1,  # a workbook that breaks its parser
    "call/rung.py": 1,  # a function in a model's place: kept with the attempt
    "keep/writer.py": 1,  # the ledger's thread: handed to each who waits for it
    "run/bug.py": 1,  # the team's code where nothing is bought: a warning with its place
    "run/load.py": 2,  # the team's own file: raised again with its place
    "run/split.py": 1,  # a question of a record in parts: raised again once the others have ended
    "vet/road/child.py": 1,  # an app under test in a process of its own: told to the parent
    "vet/road/stage.py": 1,  # a stage that breaks: a finding, with its trace
}
ENDS = {
    "_edge.py": 1,  # `told_to`
    "vet/naked/child.py": 1,  # a call of a function under test, where no Roadworthy is: told to the parent
}
"""Context managers that may keep what was raised inside from going on."""
WAITS = {
    "run/sharing.py": 1,  # what is told of a lane to other processes: a ledger that is away is met by whoever writes
    "run/tail.py": 1,  # outcomes on their way when a fault stops the run: the fault itself is raised
    "run/together.py": 1,  # the first is raised once the others have ended
    "serve/service.py": 2,  # a service that drains: each look and each record has told its own already
}
"""Waits for several things at a time, whatever each of them raises."""


def broad(tree: ast.AST) -> list[ast.ExceptHandler]:
    """The handlers that catch everything."""
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
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


def called(tree: ast.AST, name: str) -> list[ast.Call]:
    """The calls of a function by its name."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [one for one in calls if isinstance(one.func, ast.Name | ast.Attribute) and name_of(one) == name]


def name_of(call: ast.Call) -> str:
    """The name by which something is called."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def exits(tree: ast.AST) -> list[ast.Return]:
    """What an `__exit__` says that may be true: what was raised goes no further."""
    named = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    said = [
        line
        for function in named
        if function.name in {"__exit__", "__aexit__"}
        for line in ast.walk(function)
        if isinstance(line, ast.Return) and line.value is not None
    ]
    return [line for line in said if not isinstance(line.value, ast.Constant) or line.value.value]


def counted(found: dict[str, int]) -> dict[str, int]:
    """The files in which there is something."""
    return {place: count for place, count in found.items() if count}


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.AST]:
    """The product's files."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def test_everything_is_caught_by_the_worker_and_the_http_door_alone_and_recorded(
    trees: dict[str, ast.AST],
) -> None:
    """A bug of ours would end as somebody's fate, or as nothing at all."""
    assert counted({place: len(broad(tree)) for place, tree in trees.items()}) == HANDLERS
    silent = [
        f"{place}:{one.lineno}"
        for place, tree in trees.items()
        for one in broad(tree)
        if not is_recorded(one)
    ]
    assert silent == []


def test_what_somebody_elses_code_raises_ends_at_named_edges_and_is_told(trees: dict[str, ast.AST]) -> None:
    """A place that goes on whatever is raised would be opened in passing, and nobody would hear of it."""
    assert counted({place: len(called(tree, "told_to")) for place, tree in trees.items()}) == TOLD
    assert counted({place: len(exits(tree)) for place, tree in trees.items()}) == ENDS


def test_nothing_is_silenced_whatever_it_is(trees: dict[str, ast.AST]) -> None:
    """`suppress(Exception)` is a broad handler that tells nobody; so is a wait that forgets what it waited for."""
    silenced = {
        place: [
            call
            for call in called(tree, "suppress")
            if any(isinstance(node, ast.Name) and node.id in BROAD for node in ast.walk(call))
        ]
        for place, tree in trees.items()
    }
    assert counted({place: len(calls) for place, calls in silenced.items()}) == {}
    waits = {
        place: [
            call
            for call in called(tree, "gather")
            if any(word.arg == "return_exceptions" for word in call.keywords)
        ]
        for place, tree in trees.items()
    }
    assert counted({place: len(calls) for place, calls in waits.items()}) == WAITS


@pytest.mark.parametrize(
    ("code", "handlers", "ends"),
    [
        ("try: f()\nexcept: pass", 1, 0),
        ("try: f()\nexcept (KeyError, Exception): pass", 1, 0),
        ("try: f()\nexcept KeyError: pass", 0, 0),
        ("class A:\n  def __exit__(self, *_): return True", 0, 1),
        ("class A:\n  def __exit__(self, *_): return self.ok", 0, 1),
        ("class A:\n  def __exit__(self, *_): return None", 0, 0),
    ],
)
def test_the_law_can_be_broken(code: str, handlers: int, ends: int) -> None:
    """A law that lets everything pass would go unnoticed."""
    tree = ast.parse(code)
    assert (len(broad(tree)), len(exits(tree))) == (handlers, ends)
    assert not any(map(is_recorded, broad(tree)))
