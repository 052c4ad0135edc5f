"""Pages that come from the code are up to date and leave nothing out."""

import subprocess
import sys
from dataclasses import fields

import pytest
from docs.generate import HERE, pages
from tests.docs.pages import ROOT

from roadworthy import _errors
from roadworthy.__main__ import COMMANDS, commands
from roadworthy._settings import PREFIX, Settings
from roadworthy.call.reply import Ending


def test_generated_pages_are_up_to_date() -> None:
    """A setting, error, ending or command would be described as it was and not as it is."""
    done = subprocess.run(
        [sys.executable, "-m", "docs.generate", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_a_stale_page_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that finds nothing would let pages rot."""
    monkeypatch.setattr(
        Settings.__dataclass_fields__["concurrency"], "metadata", {"unit": "", "help": "", "source": ""}
    )
    assert pages()["settings.md"] != (HERE / "settings.md").read_text(encoding="utf-8")


def test_every_setting_is_on_its_page() -> None:
    """A reader could not find a limit that the program enforces."""
    page = pages()["settings.md"]
    for row in fields(Settings):
        assert f"| `{row.name}` | `{PREFIX}{row.name.upper()}` |" in page


def test_every_error_is_on_its_page_with_its_exit_status() -> None:
    """A script could not tell a mistake from a passing trouble."""
    page = pages()["errors.md"]
    named = [
        kind for kind in vars(_errors).values() if isinstance(kind, type) and issubclass(kind, BaseException)
    ]
    rows = {line.split("`")[1]: line for line in page.split("\n") if line.startswith("| `")}
    assert rows.keys() == {kind.__name__ for kind in named}
    assert rows["WrongUse"].endswith("| 2 |")
    assert rows["LedgerUnavailable"].endswith("| 3 |")
    assert rows["Failed"].endswith("| 1 |")


def test_every_ending_is_on_its_page() -> None:
    """A row of the ledger would hold a word that no page explains."""
    page = pages()["endings.md"]
    assert all(f"| `{ending}` |" in page for ending in Ending)


def test_every_command_and_option_is_on_its_page_in_the_order_of_help() -> None:
    """A reader could not find an option, or would find commands in another order than `--help` has."""
    page = pages()["commands.md"]
    context = commands.make_context("roadworthy", ["--help"], resilient_parsing=True)
    names = [line.removeprefix("## ") for line in page.split("\n") if line.startswith("## ")]
    assert names == commands.list_commands(context)
    assert sorted(names) == sorted(COMMANDS)
    for name in names:
        command = commands.get_command(context, name)
        assert command is not None
        said = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert all(option in said for option in parameter.opts), (name, parameter.opts)
