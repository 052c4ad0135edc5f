"""A project that is about to be written: its files as text, and what to do with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from roadworthy._errors import WrongUse
from roadworthy._quick import quick

FILES: Final = ("app.py", "input.jsonl", "answers.jsonl", "test_app.py", "README.md")
PORT: Final = 8400
STEPS: Final = (
    f"roadworthy sim --answers answers.jsonl --port {PORT} &",
    f"export OPENAI_BASE_URL=http://127.0.0.1:{PORT}/v1 OPENAI_API_KEY=dummy",
    "roadworthy plan app.py input.jsonl",
    "roadworthy run app.py input.jsonl",
    "roadworthy vet app.py input.jsonl",
)
_NAME_CHARS_MAX: Final = 60


@quick(frozen=True, slots=True)
class Draft:
    """Files by name, and the commands that try them.

    Attributes:
        files: text by name; no name holds a folder.
        steps: commands, in order.
    """

    files: Mapping[str, str]
    steps: tuple[str, ...]


def shipped(name: str) -> Draft:
    """The small project that comes with Roadworthy, its app named `name` as far as an app's name can be."""
    home = files("roadworthy.vet.starter").joinpath("template")
    texts = {file: home.joinpath(file).read_text(encoding="utf-8") for file in FILES}
    texts["app.py"] = texts["app.py"].replace('App("starter"', f'App("{app_name(name)}"')
    texts[".gitignore"] = home.joinpath("gitignore").read_text(encoding="utf-8")
    return Draft(texts, STEPS)


def app_name(folder: str) -> str:
    """A folder's name as an app's: letters, digits, `-` and `_`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", folder).strip("-_")[:_NAME_CHARS_MAX] or "app"


def write(draft: Draft, folder: Path) -> None:
    """Write the files. Nothing is written where one of them is there already.

    Raises:
        WrongUse: a file is there, or the folder cannot be written.
    """
    there = sorted(name for name in draft.files if (folder / name).exists())
    if there:
        raise WrongUse(
            f"{folder} already holds {', '.join(there)}; nothing was written. Name another folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in draft.files.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise WrongUse(f"{folder} cannot be written: {error}.") from error
