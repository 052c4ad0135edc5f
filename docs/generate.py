"""Writes the pages that come from the code: settings, errors, endings, commands, faults. `make docs` runs it."""  # noqa: INP001 - run with `python -m docs.generate`, never installed

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from roadworthy import _errors
from roadworthy._settings import PREFIX, Settings
from roadworthy.call.ending import TREATMENT
from roadworthy.run.job import DONE, INTERRUPTED, SOME_FAILED, STOPPED

HERE = Path(__file__).parent
ENTRY = importlib.import_module("roadworthy.__main__")
SAID = ("unit", "help", "source")
YES = {True: "yes", False: "no"}
_PLAIN = str.maketrans("[]", "()")
ROOTS = (_errors.RoadworthyError, _errors.Waiting)


def pages() -> dict[str, str]:
    """Every generated page: file name -> text."""
    makers = (settings_page, errors_page, endings_page, commands_page, faults_page)
    return {make.__name__.replace("_page", ".md"): make() for make in makers}


def settings_page() -> str:
    """One row a setting."""
    rows = [
        (
            f"`{row.name}`",
            f"`{PREFIX}{row.name.upper()}`",
            f"{row.default:,}",
            *map(row.metadata.__getitem__, SAID),
        )
        for row in fields(Settings)
    ]
    return _page(
        "Settings",
        "src/roadworthy/_settings.py",
        "Every limit and every rate. A setting comes from `App(settings={...})`, else from the environment, else from "
        "this table. A value is read once, when an app starts to work.",
        "A name that is not here, or a value below 0, is refused before anything is paid.",
        _table("Name | Environment | Default | Unit | What it means | Where the default comes from", rows),
    )


def errors_page() -> str:
    """The tree, then what each error means and how a command ends with it."""
    kinds = [kind for root in ROOTS for kind in _family(root)]
    rows = [
        (f"`{kind.__name__}`", (kind.__doc__ or "").partition("\n\n")[0], _status(kind)) for kind in kinds
    ]
    tree = inspect.cleandoc(_errors.__doc__ or "").partition("\n\n")[2]
    question, drawing = tree.split("\n\n")
    return _page(
        "Errors",
        "src/roadworthy/_errors.py",
        question.replace("\n", " "),
        "```text\n" + drawing.strip() + "\n```",
        "A message says what happened, the value, and what to do next. `Rejected`, `Failed` and `Waiting` are the fate "
        "of one record; a run writes them down and goes on. They are raised where code asks for one answer: "
        "`await step(record)`.",
        _table("Error | Meaning | Exit status of a command that ends with it", rows),
    )


def endings_page() -> str:
    """One row an ending."""
    rows = [
        (f"`{ending}`", found.meaning, found.done, YES[found.retries], YES[found.trips], found.charged)
        for ending, found in TREATMENT.items()
    ]
    return _page(
        "Endings",
        "src/roadworthy/call/ending.py",
        "Every attempt ends in exactly one of these ways. What an answer says is judged afterwards: `ok` means that a "
        "whole answer came, not that it is right.",
        "Charged: `usage` is what the provider reported, or the reservation where it reported nothing; `nothing` is "
        "zero unless the provider reported usage; `reservation` is the most that the request could have cost.",
        _table(
            "Ending | What happened | What is done | Same request again | Counts for the breaker | Charged",
            rows,
        ),
    )


def commands_page() -> str:
    """Every command in the order of `--help`."""
    group: click.Group = ENTRY.commands
    context = click.Context(group, info_name="roadworthy", **group.context_settings)
    parts = [_command(context, name) for name in group.list_commands(context)]
    statuses = [
        (str(DONE), "Done. Records that wait for a person are included."),
        (str(SOME_FAILED), "Done, and some records failed."),
        ("2", "Wrong use: the app, the command, a file, a price or a key needs a change."),
        (
            str(STOPPED),
            "Stopped by a budget, by a provider or by `cancel`, or the ledger cannot be used just now. The same command goes on.",
        ),
        (str(INTERRUPTED), "Interrupted. The same command goes on."),
    ]
    return _page(
        "Commands",
        "src/roadworthy/__main__.py",
        "`APP` is `file.py`, `file.py:name` or `module:name`. `INPUT` is a file that ends in `.jsonl`, `.ndjson`, `.json`, `.csv` or "
        "`.tsv`, each also with `.gz`, in `.parquet`, or as a workbook does; a document or a folder of documents; the URL of a database with "
        "`--query`; or `-` for standard input. [Input](intake.md) says more. `python -m roadworthy` is the same as `roadworthy`.",
        _table("Exit status | Meaning", statuses),
        *parts,
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """A test that carries the mark of a row.

    Attributes:
        path: its file, from the root of the project.
        words: what would be broken if it failed.
    """

    path: str
    words: str


def fault_rows() -> dict[str, Any]:
    """The table of docs/faults.toml."""
    return tomllib.loads((HERE / "faults.toml").read_text(encoding="utf-8"))


def proofs() -> dict[str, list[Proof]]:
    """The tests that carry `@pytest.mark.fault("A1", ...)`, by row, in the order of their files."""
    found: dict[str, list[Proof]] = {}
    for path in sorted((HERE.parent / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                words = (ast.get_docstring(node) or node.name).partition("\n")[0]
                proof = Proof(str(path.relative_to(HERE.parent)), words)
                for row in sorted(_marks(node)):
                    found.setdefault(row, []).append(proof)
    return found


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The rows that a test's decorators name, those of its parameters included."""
    calls = [part for said in node.decorator_list for part in ast.walk(said) if isinstance(part, ast.Call)]
    return {
        str(word.value)
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "fault"
        for word in call.args
        if isinstance(word, ast.Constant)
    }


def faults_page() -> str:
    """One row a fault, with the tests that prove it."""
    said, proven = fault_rows(), proofs()
    parts = []
    for letter, title in said["groups"].items():
        names = [name for name in said if name[:1] == letter and name[1:].isdigit()]
        rows = [
            (name, said[name]["happens"], said[name]["does"], _proven(proven.get(name, []))) for name in names
        ]
        head = "Row | What happens | What Roadworthy does | What would be broken, each a test"
        parts += [f"## {title}", _table(head, rows)]
    return _page(
        "Faults",
        "docs/faults.toml` and the marks of the tests `tests/",
        "What is known to go wrong between a program and a model, and what is done about it. Each row is proven over real "
        "sockets, through the product as it is used; those that touch a ledger on every kind of ledger.",
        *parts,
    )


def _proven(tests: list[Proof]) -> str:
    return " ".join(f"[{proof.words.translate(_PLAIN)}](../{proof.path})" for proof in tests) or "not yet"


def _command(parent: click.Context, name: str) -> str:
    command = ENTRY.commands.get_command(parent, name)
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    rows = [
        (f"`{names}`", text)
        for names, text in (option.get_help_record(context) or ("", "") for option in options)
    ]
    said = "\n\n".join(part.replace("\n", " ") for part in inspect.cleandoc(command.help or "").split("\n\n"))
    return "\n\n".join((f"## {name}", f"```text\n{usage}\n```", said, _table("Option | Meaning", rows)))


def _page(title: str, source: str, *parts: str) -> str:
    note = f"Written by `make docs` from `{source}`. A change here is undone by the next one."
    return "\n\n".join((f"# {title}", note, *parts)) + "\n"


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([f"| {head} |", "|" + "---|" * (head.count("|") + 1), *map(line, rows)])


def _family(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    """A class and those below it, in the order of the file."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == _errors.__name__:
            yield from _family(child)


def _status(kind: type[BaseException]) -> str:
    """What `roadworthy` really exits with when this error reaches it."""

    def fail(**_: object) -> None:
        raise kind.__new__(kind)

    known = ENTRY.commands
    vars(ENTRY)["commands"] = fail
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            ENTRY.main()
    except SystemExit as stop:
        return str(stop.code)
    except _errors.Waiting:
        return "none ends with it"
    finally:
        vars(ENTRY)["commands"] = known
    return str(DONE)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with status 1 where a page is out of date.")
def main(*, check: bool) -> None:
    """Write docs/settings.md, errors.md, endings.md, commands.md and faults.md."""
    stale = 0
    for name, text in pages().items():
        page = HERE / name
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if not check:
            page.write_text(text, encoding="utf-8")
        click.echo(f"docs/{name} {'is out of date: run `make docs`' if check else 'written'}")
    sys.exit(int(check and stale > 0))


if __name__ == "__main__":
    main()
