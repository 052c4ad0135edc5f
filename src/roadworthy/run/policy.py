"""The version of how a step's answers come about: its code, its prompt files, schema, models, rule and checks."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from roadworthy.call.model import as_model
from roadworthy.run.entry import Step


def version_of(step: Step[Any, Any]) -> str:
    """16 hex digits that change with anything that changes which answers are given or accepted.

    The code stands for the prompt, because instructions may hold a record's own words; comments and layout do not
    count. A prompt file counts where the code names it.
    """
    code = code_of(step.fn)
    parts = [
        code,
        step.prepared.schema.canonical.decode(),
        repr([model.manner for model in step.models]),
        repr(step.rule),
        repr(sorted(step.mask)),
        "" if step.context is None else step.context.pinned(b"").hex(),
        ""
        if step.judge is None
        else repr((step.judge.question, [as_model(one).name for one in step.judge.models]))
        + (" grades" if step.judge.grades else ""),
        "" if step.split is None else f"{step.split.field} {step.part_chars} {code_of(step.merging)}",
        *(code_of(check) for check in step.checks),
        *_files(step.prepared.folder, code),
    ]
    found = hashlib.sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        found.update(len(text).to_bytes(8, "big") + text)
    return found.hexdigest()[:16]


def code_of(fn: Callable[..., object]) -> str:
    """A function's code without decorators, comments and layout; the compiled form where no source is at hand.

    What it was made with counts too, where that is plain data or a function: the field that a ready check looks at.
    """
    return _own_code(fn) + "".join(_made_with(fn))


def _made_with(fn: Callable[..., object]) -> Iterator[str]:
    code, cells = getattr(fn, "__code__", None), getattr(fn, "__closure__", None) or ()
    for name, cell in zip(code.co_freevars if code else (), cells, strict=True):
        try:
            held = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if inspect.isfunction(held) and held is not fn:
            yield f"\0{name}={_own_code(held)}"
        elif _is_plain(held):
            yield f"\0{name}={held!r}"


def _is_plain(held: object) -> bool:
    if isinstance(held, tuple):
        return all(map(_is_plain, held))
    return held is None or isinstance(held, str | int | float)


def _own_code(fn: Callable[..., object]) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError):
        code = getattr(fn, "__code__", None)
        return repr(fn) if code is None else f"{code.co_code.hex()} {code.co_consts!r} {code.co_names!r}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.decorator_list = []
    return ast.dump(tree)


def _files(folder: Path, code: str) -> list[str]:
    if not folder.is_dir():
        return []
    named = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.stem in code)
    return [f"{path.relative_to(folder)}\0{path.read_bytes().hex()}" for path in named]
