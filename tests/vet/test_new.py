"""The command `new`: what it writes runs at once, and it never overwrites."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from roadworthy._errors import WrongUse
from roadworthy.vet.process import start_simulator
from roadworthy.vet.starter.command import new
from roadworthy.vet.starter.project import app_name

FORMAT = ("-m", "ruff", "check", "--isolated", "--select", "E,F", "--line-length", "120")


def in_folder(
    folder: Path, *words: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command as somebody in the new folder would give it."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was just written."""
    done = CliRunner().invoke(new, [str(tmp_path / "first app")])
    assert done.exit_code == 0, done.output
    return tmp_path / "first app"


def test_a_new_project_plans_and_runs(project: Path) -> None:
    """Whoever starts from it would start with something broken."""
    with start_simulator(answers=str(project / "answers.jsonl")) as provider:
        environ = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "dummy"}
        plan = in_folder(
            project, "-m", "roadworthy", "plan", "app.py", "input.jsonl", "--json", environ=environ
        )
        assert plan.returncode == 0, plan.stderr
        run = in_folder(
            project, "-m", "roadworthy", "run", "app.py", "input.jsonl", "--json", environ=environ
        )
        assert run.returncode == 0, run.stderr
    fates = json.loads(run.stdout)
    assert (fates["records"], fates["accepted"], fates["rejected"]) == (
        11,
        10,
        1,
    )  # R-1 comes twice and shares its fate
    assert (project / "first-app.db").exists()


def test_the_test_that_comes_with_it_passes(project: Path) -> None:
    """The first thing somebody runs would fail, or would pass whatever the app does."""
    done = in_folder(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    place = project / "app.py"
    place.write_text(place.read_text().replace("not in request.text", "in request.text"))
    assert in_folder(project, "-m", "pytest", "-q", "-p", "no:cacheprovider").returncode == 1


def test_what_is_written_is_typed(project: Path) -> None:
    """A team that checks its types would begin with errors that are not its own."""
    done = in_folder(project, "-m", "mypy", "--strict", "--no-incremental", "app.py", "test_app.py")
    assert done.returncode == 0, done.stdout
    done = in_folder(project, *FORMAT, ".")
    assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten(project: Path) -> None:
    """A second `new` would take somebody's work away."""
    (project / "app.py").write_text("mine")
    (project / "input.jsonl").unlink()
    done = CliRunner().invoke(new, [str(project)])
    assert isinstance(done.exception, WrongUse)
    assert "app.py" in str(done.exception)
    assert (project / "app.py").read_text() == "mine"
    assert not (project / "input.jsonl").exists()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("inbox", "inbox"), ('a"); import os; ("', "a-import-os"), ("--", "app"), ("Größe 2", "Gr-e-2")],
    ids=["plain", "hostile", "empty", "foreign"],
)
def test_a_folder_s_name_becomes_an_app_s(folder: str, name: str) -> None:
    """A folder's name would end up as code in the app, or as a name that no app may have."""
    assert app_name(folder) == name
