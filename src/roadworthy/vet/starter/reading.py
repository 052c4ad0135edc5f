"""What a function of a proof of concept says of itself: read from its text, so that nothing of it runs.

What counts is the function and what it names: functions that it calls, constants that it uses, and what those name in turn.
What stands beside it in the file is another function's.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, TypeAlias

from roadworthy._errors import WrongUse
from roadworthy._quick import quick

_MODELS: Final = (
    (re.compile(r"(?:openai(?:-chat)?[:/])?((?:gpt-|o\d|chatgpt-)[\w.-]*)"), "openai"),
    (re.compile(r"(?:anthropic[:/])?(claude-[\w.-]+)"), "anthropic"),
    (re.compile(r"(?:google-gla[:/]|gemini[:/]|google[:/])?(gemini-[\w.-]+)"), "gemini"),
)
_ANSWER_WORDS: Final = frozenset(
    {"response_format", "response_model", "output_type", "result_type", "text_format", "output_cls"}
)
_PROMPT_WORDS: Final = frozenset({"instructions", "system_prompt", "system", "system_instruction"})
_MODEL_WORDS: Final = frozenset({"model", "model_name"})
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})
_ASKED_BY_NAME: Final = frozenset({"Agent", "from_provider", "init_chat_model"})
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@quick(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was found.

    Attributes:
        name: of the function.
        is_async: it is awaited.
        is_typed: its first parameter and what it returns are annotated.
        takes: the annotation of its first parameter, as text; "" for none.
        gives: the class of its answers; "" where none was found.
        instructions: the system message, word for word; "" where none was found, or several.
        models: Roadworthy's names of the models that it asks, its own before those of what it names.
        user: how the record is put into the user message, as Python text; "" where none was found.
        definitions: the classes that are named above with what they need, as Python text, in their order.
        imports: what those import: names by module; a module without names is imported whole.
    """

    name: str
    is_async: bool
    is_typed: bool
    takes: str = ""
    gives: str = ""
    instructions: str = ""
    models: tuple[str, ...] = ()
    user: str = ""
    definitions: tuple[str, ...] = ()
    imports: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """A step can take the function's place: what is asked, of whom, and what must come out are all known."""
        return bool(self.instructions and self.models and self.gives)


def read(place: Path, name: str) -> Reading:
    """Read the function `name` of a file.

    Raises:
        WrongUse: no such file or function, or no Python.
    """
    try:
        source = place.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError) as error:
        raise WrongUse(f"{place} cannot be read as Python: {error}.") from error
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    function = next((node for node in functions if node.name == name), None)
    if function is None:
        raise WrongUse(f"{place} defines no function {name!r} at its top. Name one: {place}:NAME.")
    top = {bound: node for node in tree.body for bound in _bound(node)}
    nodes = _reached(function, tree)
    said = tuple(dict.fromkeys(_said(nodes, top, _SYSTEM_ROLES, _PROMPT_WORDS)))
    parameter = next(iter(function.args.posonlyargs + function.args.args), None)
    takes = ast.unparse(parameter.annotation) if parameter and parameter.annotation else ""
    gives = next((name for name in _answers(function, nodes) if isinstance(top.get(name), ast.ClassDef)), "")
    wanted = [name for name in (takes, gives) if isinstance(top.get(name), ast.ClassDef)]
    definitions, imports = _needed(wanted, top, source)
    return Reading(
        name=name,
        is_async=isinstance(function, ast.AsyncFunctionDef),
        is_typed=bool(takes and function.returns),
        takes=takes,
        gives=gives,
        instructions=said[0] if len(said) == 1 else "",
        models=tuple(dict.fromkeys(_models(nodes, top))),
        user=next(_user(nodes), ""),
        definitions=definitions,
        imports=imports,
    )


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (goal.id for goal in node.targets if isinstance(goal, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)


def _reached(function: _Function, tree: ast.Module) -> tuple[ast.AST, ...]:
    """Every node of the function and of what it names in the file, and that in turn; what is nearer comes first."""
    by_name: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in _made(statement):
            by_name.setdefault(name, []).append(statement)
    by_name[function.name] = [function]
    reached: list[ast.stmt] = [function]
    for statement in reached:
        for name in _used(statement):
            reached += [found for found in by_name.get(name, ()) if found not in reached]
    return tuple(node for statement in reached for node in ast.walk(statement))


def _made(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement at the top of the file binds, or changes what is behind: `BODY.update(...)`."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    elif not (isinstance(statement, ast.If) and "__name__" in _names(statement.test)):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
                yield from _names(node.value)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield from _names(statement.value.func)


def _used(statement: ast.stmt) -> Iterator[str]:
    """Names that it uses and does not bind itself, each once."""
    own: set[str] = set()
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        inner = list(ast.walk(statement))
        shared = {name for node in inner if isinstance(node, ast.Global) for name in node.names}
        own = {node.arg for node in inner if isinstance(node, ast.arg)}
        own |= {node.id for node in inner if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own -= shared
    yield from (name for name in dict.fromkeys(_names(statement)) if name not in own)


def _names(node: ast.AST) -> Iterator[str]:
    return (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _answers(function: _Function, nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Names that may be the class of its answers, the likeliest first."""
    if function.returns is not None:
        yield from (node.id for node in ast.walk(function.returns) if isinstance(node, ast.Name))
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        values = [word.value for word in call.keywords if word.arg in _ANSWER_WORDS]
        if isinstance(call.func, ast.Attribute) and call.func.attr == "with_structured_output":
            values += call.args[:1]
        yield from (value.id for value in values if isinstance(value, ast.Name))


def _text(node: ast.expr | None, top: dict[str, ast.stmt]) -> str:
    """A text that stands there, or behind the name that does."""
    if isinstance(node, ast.Name):
        bound = top.get(node.id)
        node = bound.value if isinstance(bound, ast.Assign | ast.AnnAssign) else None
    return node.value.strip() if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _messages(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Role and content of each message that is written out as a dict or a pair."""
    for node in nodes:
        if isinstance(node, ast.Dict):
            said = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            role, content = said.get("role"), said.get("content")
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
            role, content = node.elts
        else:
            continue
        if isinstance(role, ast.Constant) and isinstance(role.value, str) and content is not None:
            yield role.value, content


def _said(
    nodes: Sequence[ast.AST], top: dict[str, ast.stmt], roles: frozenset[str], words: frozenset[str]
) -> Iterator[str]:
    found = [_text(content, top) for role, content in _messages(nodes) if role in roles]
    calls = (node for node in nodes if isinstance(node, ast.Call))
    found += [_text(word.value, top) for call in calls for word in call.keywords if word.arg in words]
    yield from filter(None, found)


def _user(nodes: Sequence[ast.AST]) -> Iterator[str]:
    yield from (ast.unparse(content) for role, content in _messages(nodes) if role in {"user", "human"})


def _models(nodes: Sequence[ast.AST], top: dict[str, ast.stmt]) -> Iterator[str]:
    """The models that are named, in arguments and in bodies that are written out."""
    values: list[ast.expr] = []
    for node in nodes:
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            values += [
                value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "model"
            ]
        elif isinstance(node, ast.Call):
            values += [word.value for word in node.keywords if word.arg in _MODEL_WORDS]
            named = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            values += node.args[:1] if named in _ASKED_BY_NAME else []
    for said in (_text(value, top) for value in values):
        for pattern, provider in _MODELS:
            if match := pattern.fullmatch(said):
                yield f"{provider}:{match.group(1)}"


def _needed(
    wanted: list[str], top: dict[str, ast.stmt], source: str
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Definitions and imports behind these names, whatever they need in turn."""
    nodes: dict[int, ast.stmt] = {}
    imports: dict[str, set[str]] = {}
    queue, seen = list(wanted), set[str]()
    while queue:
        name = queue.pop()
        node = top.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if isinstance(node, ast.ImportFrom):
            imports.setdefault(node.module or "", set()).update(_spelt(node, name))
        elif isinstance(node, ast.Import):
            imports.setdefault(name, set())
        else:
            nodes[node.lineno] = node
            queue += [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    texts = tuple(ast.get_source_segment(source, nodes[line]) or "" for line in sorted(nodes))
    return texts, {module: tuple(sorted(names)) for module, names in imports.items()}


def _spelt(node: ast.ImportFrom, name: str) -> Iterator[str]:
    for alias in node.names:
        if (alias.asname or alias.name) == name:
            yield alias.name if alias.asname in {None, alias.name} else f"{alias.name} as {alias.asname}"
