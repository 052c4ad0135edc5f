"""A template: the prompt file `NAME.prompt.md`, loaded by name and rendered in a sandbox.

    +++
    description = "Routes a support ticket"
    version = "shorter, after the March review"
    system = "You route tickets for {{ company }}."
    +++
    Route this ticket:

    {{ ticket.body }}

The front matter is TOML, the body and `system` are Jinja2, rendered in one pass: a value that looks like a
template stays text. Prompt files are the team's own words and are trusted like its code; values are not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import DEFAULTS, Settings
from roadworthy.accept.record import Json
from roadworthy.ask.part import plain
from roadworthy.ask.prompt import Prompt

ENDING = ".prompt.md"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
FENCE = "+++"
KEYS = ("description", "version", "system")


class Compiled(Protocol):
    """A template that was parsed once and can be rendered many times."""

    def generate(self, *args: Json, **kwargs: Json) -> Iterator[str]:
        """The rendered text, piece by piece."""


@quick(frozen=True, slots=True)
class Template:
    """One prompt file, parsed.

    Attributes:
        name: its name without the ending.
        description: what it is for, in the team's words.
        version: the team's own note; the prompt's version is a hash and needs none.
        source_hash: SHA-256 of the file's bytes, 32 bytes.
        chars_max: the most characters that either text may have once it is rendered.
    """

    name: str
    description: str
    version: str
    source_hash: bytes
    chars_max: int
    system: Compiled | None
    body: Compiled

    def render(self, values: Mapping[str, object]) -> tuple[str, str]:
        """The system text (empty where the file has none) and the user text.

        Raises:
            WrongUse: a name that was not given, an expression the sandbox refuses or that fails, or a text
                that is blank or too long.
        """
        data = {name: plain(value) for name, value in values.items()}
        system = self._text(self.system, data) if self.system else ""
        user = self._text(self.body, data)
        if not user:
            raise WrongUse(f"Prompt file {self.name!r} gave no text for these values: {_listed(data)}.")
        return system, user

    def _text(self, compiled: Compiled, data: Mapping[str, Json]) -> str:
        from jinja2 import TemplateError  # noqa: PLC0415 - heavy

        pieces: list[str] = []
        room = self.chars_max
        try:
            for piece in compiled.generate(dict(data)):
                pieces.append(piece)
                room -= len(piece)
                if room < 0:
                    break
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise WrongUse(
                f"Prompt file {self.name!r} cannot be filled: {error}. The values given are: {_listed(data)}."
            ) from error
        if room < 0:
            raise WrongUse(
                f"Prompt file {self.name!r} gave more than {self.chars_max} characters. "
                "Shorten what goes in, or raise the setting field_chars_max."
            )
        return "".join(pieces).strip()


def resolve(prompt: Prompt[object], folder: Path, settings: Settings = DEFAULTS) -> Template | None:
    """The template of a prompt made by `Prompt.file`; None for a prompt that stands in code.

    Reads the file each time: keep the result by `prompt.template`.
    """
    return load_template(folder, prompt.template, settings) if prompt.template else None


def load_template(folder: Path, name: str, settings: Settings = DEFAULTS) -> Template:
    """The prompt file `name` in `folder`, parsed.

    Raises:
        WrongUse: a name that is not `[a-z0-9][a-z0-9_-]*`, a file that is not there, lies outside the folder
            or is not UTF-8, front matter that is not TOML or has an unknown key, or a body that does not parse.
    """
    return _parsed(name, _read(folder, name), settings.field_chars_max)


@lru_cache(maxsize=64)
def _parsed(name: str, raw: bytes, chars_max: int) -> Template:
    """What a file says; it is read for every record, and is parsed again where it says something else."""
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise WrongUse(
            f"Prompt file {name!r} is not UTF-8 at byte {error.start}. Save it as UTF-8."
        ) from error
    front, body = _split(name, text)
    if not body.strip():
        raise WrongUse(
            f"Prompt file {name!r} has no body. Write what the model is asked below the front matter."
        )
    from roadworthy.ask.sandbox import PromptSandbox, compile_text  # noqa: PLC0415 - loads Jinja2

    sandbox = PromptSandbox(chars_max)
    system = front.get("system", "").strip()
    return Template(
        name=name,
        description=front.get("description", ""),
        version=front.get("version", ""),
        source_hash=hashlib.sha256(raw).digest(),
        chars_max=chars_max,
        system=compile_text(sandbox, system, name=name) if system else None,
        body=compile_text(sandbox, body, name=name),
    )


def _read(folder: Path, name: str) -> bytes:
    if not NAME.fullmatch(name):
        raise WrongUse(
            f"{name!r} is no name of a prompt file. Use lower-case letters, digits, `_` and `-`, without the ending."
        )
    home = folder.resolve()
    path = (home / (name + ENDING)).resolve()
    if not path.is_relative_to(home):
        raise WrongUse(
            f"Prompt file {name!r} is a link that leads out of {str(home)!r}. Put the file itself there."
        )
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        there = sorted(found.name.removesuffix(ENDING) for found in home.glob("*" + ENDING))
        raise WrongUse(
            f"There is no prompt file {name + ENDING!r} in {str(home)!r}. There are: {_listed(there)}."
        ) from error
    except OSError as error:
        raise WrongUse(f"Prompt file {name!r} cannot be read: {error}.") from error


def _split(name: str, text: str) -> tuple[dict[str, str], str]:
    """The front matter and the body; a file that does not begin with the fence is all body."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return {}, text
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == FENCE:
            return _front(name, "\n".join(lines[1:number])), "\n".join(lines[number + 1 :])
    raise WrongUse(f"Prompt file {name!r} opens its front matter with {FENCE!r} and never closes it.")


def _front(name: str, text: str) -> dict[str, str]:
    import tomllib  # noqa: PLC0415 - most apps have no prompt files

    try:
        front = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongUse(f"The front matter of prompt file {name!r} is not TOML: {error}.") from error
    for key, value in front.items():
        if key not in KEYS:
            raise WrongUse(f"Prompt file {name!r} has the key {key!r}. The known keys are: {_listed(KEYS)}.")
        if not isinstance(value, str):
            raise WrongUse(f"Prompt file {name!r} has {key} = {value!r}. Give text in quotes.")
    return front


def _listed(names: Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    return ", ".join(sorted(names)) or "none"
