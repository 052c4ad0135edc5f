"""The command `new`."""

from __future__ import annotations

from pathlib import Path

import click

from roadworthy.vet.starter.project import Draft, shipped, write


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def new(folder: Path) -> None:
    """Write a small project to start from into DIR: an app, an input, recorded answers, a test."""
    draft = shipped(folder.resolve().name)
    write(draft, folder)
    click.echo(said(draft, folder))


def said(draft: Draft, folder: Path) -> str:
    """What was written and what to do next."""
    names = "\n".join(f"  {name}" for name in draft.files)
    steps = "\n".join(f"  {step}" for step in draft.steps)
    return f"{folder}/ now holds\n{names}\nTry it:\n  cd {folder}\n{steps}"
