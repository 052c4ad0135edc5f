"""The hand-written and generated pages, cut into what a reader would save, type and see."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_BLOCK = re.compile(r"^```(\w*) ?(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, what else stands behind the fence, its text."""

    language: str
    note: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield Block(*found.groups())


def matches(shown: str, said: str) -> bool:
    """Whether `said` is what the page shows; `...` on the page stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, said.strip(), re.DOTALL) is not None


class Terminal:
    """A reader's terminal: a folder, what was exported in it, and the port that really is free."""

    def __init__(self, folder: Path, port: int, shown_port: str) -> None:
        self._folder = folder
        self._exports = ""
        self._port = (shown_port, str(port))
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environ = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"}

    def type(self, commands: str) -> str:
        """What the commands print, on both streams."""
        commands = commands.replace(*self._port) if self._port[0] else commands
        done = subprocess.run(
            ["bash", "-c", self._exports + commands],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        self._exports += "".join(f"{line}\n" for line in commands.split("\n") if line.startswith("export "))
        return done.stdout.decode()

    def save(self, block: Block) -> None:
        """Save a block under the name that stands behind its fence; `append` adds it to what is there."""
        name, _, how = block.note.partition(" ")
        assert Path(name).name == name, block.note
        before = (self._folder / name).read_text(encoding="utf-8") + "\n\n" if how == "append" else ""
        (self._folder / name).write_text(before + block.text, encoding="utf-8")
