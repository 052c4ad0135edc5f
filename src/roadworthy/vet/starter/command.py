"""The command `new`."""

from __future__ import annotations

from pathlib import Path

import click

from roadworthy.vet.starter.around import around
from roadworthy.vet.starter.project import Draft, shipped, write


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from",
    "target",
    metavar="FILE.py:FUNCTION",
    help="Write the app around this function; it is read, not run.",
)
def new(folder: Path, target: str | None) -> None:
    """Write a small project to start from into DIR: an app, an input, recorded answers, a test.

    With --from, write an app around a function that exists. Where its system message, its model and the class of its
    answers can be read from its file, a step takes its place; else the function itself is asked, as a `Function`.
    """
    name = folder.resolve().name
    draft = shipped(name) if target is None else around(target, name)
    write(draft, folder)
    click.echo(said(draft, folder))


def said(draft: Draft, folder: Path) -> str:
    """What was written and what to do next."""
    names = "\n".join(f"  {name}" for name in draft.files)
    steps = "\n".join(f"  {step}" for step in draft.steps)
    return f"{folder}/ now holds\n{names}\nTry it:\n  cd {folder}\n{steps}"
