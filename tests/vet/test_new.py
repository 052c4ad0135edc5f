"""The command `new`: what it writes runs at once, and it never overwrites."""

import ast
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
from roadworthy.vet.starter.reading import read

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


WHOLE = '''
from typing import Literal
from openai import OpenAI
from pydantic import BaseModel, Field

QUEUES = Literal["billing", "other"]
SYSTEM = """Say who answers.
Be "brief", and quote the message; this line is long enough that nobody would want to read it in one piece."""

class Triage(BaseModel):
    queue: QUEUES
    quote: str = Field(max_length=300)

client = OpenAI()

def triage(message: str) -> Triage | None:
    done = client.chat.completions.parse(
        model="gpt-5-nano", response_format=Triage,
        messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Message: " + message}])
    return done.choices[0].message.parsed
'''
PARTLY = """
import json, os, urllib.request

def triage(message: str) -> object:
    body = {"model": "gpt-5-nano", "messages": [{"role": "user", "content": f"JSON please: {message}"}]}
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
        {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
    with urllib.request.urlopen(request) as answer:
        return {"said": json.load(answer)["choices"][0]["message"]["content"]}
"""
LATER = PARTLY.replace("def triage", "async def triage")


@pytest.mark.parametrize(
    ("source", "is_step"), [(WHOLE, True), (PARTLY, False), (LATER, False)], ids=["whole", "partly", "async"]
)
def test_an_app_around_a_function_runs_at_once(tmp_path: Path, source: str, *, is_step: bool) -> None:
    """The bridge from a proof of concept would end in a file that does not run."""
    (tmp_path / "poc.py").write_text(source)
    folder = tmp_path / "made"
    done = CliRunner().invoke(new, [str(folder), "--from", f"{tmp_path / 'poc.py'}:triage"])
    assert done.exit_code == 0, done.output
    assert (folder / "poc.py").exists() is not is_step
    assert in_folder(folder, *FORMAT, "app.py").returncode == 0
    if is_step:
        [kept] = [
            ast.literal_eval(node.value)
            for node in ast.parse((folder / "app.py").read_text()).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "INSTRUCTIONS"
        ]
        assert kept == "Say who answers.\nBe " + WHOLE.partition("\nBe ")[2].partition('"""')[0]
    with start_simulator(stand_in="copied") as provider:
        environ = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "dummy"}
        for command in ("plan", "run"):
            ran = in_folder(
                folder, "-m", "roadworthy", command, "app.py", "input.jsonl", "--json", environ=environ
            )
            assert ran.returncode == 0, ran.stderr
        assert provider.bill().total.billed_requests == 3
    assert json.loads(ran.stdout)["accepted"] == 3


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A slip would end in a traceback, or in an app around nothing."""
    (tmp_path / "poc.py").write_text("x = 1")
    for target in (
        "poc.py",
        str(tmp_path / "poc.py:fn"),
        str(tmp_path / "gone.py:fn"),
        str(tmp_path / "a-b.py:fn"),
    ):
        done = CliRunner().invoke(new, [str(tmp_path / "made"), "--from", target])
        assert isinstance(done.exception, WrongUse), target
    assert not (tmp_path / "made").exists()


def test_nothing_of_the_function_runs(tmp_path: Path) -> None:
    """Reading a proof of concept would do whatever it does when it is imported."""
    (tmp_path / "poc.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('ran').touch()\ndef fn(x): ...\n"
    )
    done = CliRunner().invoke(new, [str(tmp_path / "made"), "--from", f"{tmp_path / 'poc.py'}:fn"])
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", ["", WHOLE, PARTLY, LATER], ids=["shipped", "whole", "partly", "async"])
def test_what_is_written_is_typed(tmp_path: Path, source: str) -> None:
    """A team that checks its types would begin with errors that are not its own."""
    (tmp_path / "poc.py").write_text(source)
    folder, words = tmp_path / "made", ["--from", f"{tmp_path / 'poc.py'}:triage"]
    assert CliRunner().invoke(new, [str(folder), *(words if source else [])]).exit_code == 0
    done = in_folder(folder, "-m", "mypy", "--strict", "--no-incremental", "app.py")
    assert done.returncode == 0, done.stdout
    done = in_folder(folder, *FORMAT, "app.py")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_project_is_a_go(project: Path) -> None:
    """The first road test that somebody sees would fail for no fault of theirs."""
    words = ("app.py", "input.jsonl", "--answers", "answers.jsonl", "--only", "intake", "--only", "budget")
    done = in_folder(project, "-m", "roadworthy", "vet", *words, "--minutes", "0.5")
    assert done.returncode == 0, done.stdout


SEVERAL = """
from openai import OpenAI
from pydantic import BaseModel

class A(BaseModel):
    a: str

class B(BaseModel):
    b: str

SYS_A = "Do A."
SYS_B = "Do B."
BODY = {"temperature": 0}
BODY.update(model="gpt-5")
client = OpenAI()

def first(text: str) -> A:
    done = client.chat.completions.parse(
        model="gpt-5-nano", response_format=A,
        messages=[{"role": "system", "content": SYS_A}, {"role": "user", "content": text}])
    return done.choices[0].message.parsed

def second(text: str) -> B:
    return ask([{"role": "system", "content": SYS_B}, {"role": "user", "content": text}], B)

def ask(messages, form):
    return client.chat.completions.parse(messages=messages, response_format=form, **BODY).choices[0].message.parsed

def both(text: str) -> B:
    return second(first(text).a)

def plain(text: str) -> str:
    SYS_A = text.upper()
    return SYS_A

def named(first: str) -> B:
    return second(first)

if __name__ == "__main__":
    client = OpenAI(base_url="http://localhost")
    print(first("x"))
"""


@pytest.mark.parametrize(
    ("name", "instructions", "models", "is_whole"),
    [
        ("first", "Do A.", ("openai:gpt-5-nano",), True),
        ("second", "Do B.", ("openai:gpt-5",), True),
        ("named", "Do B.", ("openai:gpt-5",), True),
        ("both", "", ("openai:gpt-5", "openai:gpt-5-nano"), False),
        ("plain", "", (), False),
    ],
)
def test_what_stands_beside_the_function_is_not_its_own(
    tmp_path: Path, name: str, instructions: str, models: tuple[str, ...], *, is_whole: bool
) -> None:
    """A step would be written with another function's prompt, and would ask models that this one never asks."""
    place = tmp_path / "poc.py"
    place.write_text(SEVERAL)
    found = read(place, name)
    assert (found.instructions, set(found.models), found.is_whole) == (instructions, set(models), is_whole)
    done = CliRunner().invoke(new, [str(tmp_path / "made"), "--from", f"{place}:{name}"])
    assert done.exit_code == 0, done.output
    app = (tmp_path / "made" / "app.py").read_text()
    assert [text for text in ("Do A.", "Do B.", "gpt-5-nano") if text in app] == (
        [text for text in (instructions, *(model[7:] for model in models)) if text != "gpt-5"]
        if is_whole
        else []
    )
