"""Run the examples offline, against recorded answers: every command of their pages, and what it prints.

python -m examples              all of them
python -m examples copy         one
python -m examples --write      put what is printed into the pages
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from roadworthy.vet.process import start_simulator

HERE = Path(__file__).parent
NAMES = ("minutes", "copy", "policies", "claims")
BLOCK = re.compile(r"^```(\w+) ?(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MOVES = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "... UTC"),
    (re.compile(r"after \d+\.\d\d s"), "after ... s"),
    (re.compile(r"USD in \d+\.\d+ s"), "USD in ... s"),
    (re.compile(r"chatcmpl-[\w-]+"), "..."),
    (re.compile(r"ATTEMPT \d+"), "ATTEMPT ..."),
    (re.compile(r"Job: \S+/"), "Job: .../"),
)
"""What is another at each run: the page shows `...`."""


def told(name: str) -> Iterator[tuple[str, str]]:
    """Each `sh` block of an example's page and what its commands print, in a copy of its folder."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / name
        shutil.copytree(HERE / name, folder)
        with start_simulator(answers=folder / "recorded.jsonl") as provider:
            environ = {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": made,
                "LANG": "C.UTF-8",
                "OPENAI_BASE_URL": provider.url,
                "OPENAI_API_KEY": "sk-offline",
            }
            for language, _, commands in BLOCK.findall(page(name).read_text(encoding="utf-8")):
                if language == "sh":
                    yield commands, _typed(commands, folder, environ)


def page(name: str) -> Path:
    """Where an example explains itself."""
    return HERE / name / "README.md"


def steady(said: str) -> str:
    """What was printed, without what is another at each run."""
    for pattern, shown in MOVES:
        said = pattern.sub(shown, said)
    return "\n".join(line.rstrip() for line in said.strip().splitlines()) + "\n"


def filled(name: str) -> str:
    """An example's page with what its commands print, and with the files that it shows."""
    said = told(name)
    last = ""

    def fill(found: re.Match[str]) -> str:
        nonlocal last
        language, note, text = found.groups()
        if language == "sh":
            _, last = next(said)
        elif language == "text":
            text = steady(last)
        elif note:
            text = (HERE / name / note).read_text(encoding="utf-8")
        return f"```{' '.join(filter(None, (language, note)))}\n{text}```"

    return BLOCK.sub(fill, page(name).read_text(encoding="utf-8"))


def _typed(commands: str, folder: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - the commands of our own pages
        ["bash", "-ec", commands],  # noqa: S607 - found in PATH, as a reader's is
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,  # and not shown together: how far it is differs with the machine
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"{folder.name}: {commands}ended with status {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def main(words: list[str]) -> None:
    """Run what is named, or all."""
    names = [word for word in words if not word.startswith("-")] or NAMES
    for name in names:
        if "--write" in words:
            page(name).write_text(filled(name), encoding="utf-8")
            continue
        print(f"\n== {name}: {page(name).read_text(encoding='utf-8').splitlines()[0].removeprefix('# ')}")
        for commands, said in told(name):
            print("".join(f"\n$ {line}" for line in commands.strip().splitlines()))
            print(said, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
