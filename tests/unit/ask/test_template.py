"""Prompt files: found by name only, rendered once, in a sandbox."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from roadworthy._errors import WrongUse
from roadworthy._settings import DEFAULTS
from roadworthy.ask.prompt import Prompt
from roadworthy.ask.template import load_template, resolve


class Ticket(BaseModel):
    body: str
    items: list[str] = []
    count: int = 1


def written(folder: Path, body: str, name: str = "triage") -> Path:
    """The folder, with this prompt file in it."""
    (folder / f"{name}.prompt.md").write_text(body, encoding="utf-8")
    return folder


def test_front_matter_and_body_are_rendered(tmp_path: Path) -> None:
    """If this fails, prompt files do not work at all."""
    source = (
        '+++\ndescription = "Routes"\nversion = "2"\nsystem = "You route for {{ company }}."\n+++\n'
        "{% for item in ticket.items %}\n- {{ item }}\n{% endfor %}\n{{ ticket.body }}\n"
    )
    template = load_template(written(tmp_path, source), "triage")
    ticket = Ticket(body="Help", items=["a", "b"])
    assert template.render({"company": "Acme", "ticket": ticket}) == ("You route for Acme.", "- a\n- b\nHelp")
    assert (template.description, template.version) == ("Routes", "2")


def test_a_field_is_read_before_a_method(tmp_path: Path) -> None:
    """If this fails, a record's field called `items` renders as a Python method."""
    template = load_template(written(tmp_path, "{{ ticket.items | join('+') }}"), "triage")
    assert template.render({"ticket": Ticket(body="", items=["x", "y"])})[1] == "x+y"


def test_a_file_without_front_matter_is_all_body(tmp_path: Path) -> None:
    """If this fails, the simplest prompt file, plain text, is refused."""
    template = load_template(written(tmp_path, "\ufeffRoute: {{ body }}\r\n"), "triage")
    assert template.render({"body": "x"}) == ("", "Route: x")


@pytest.mark.fault("E4")
@given(
    value=st.sampled_from(
        ["{{ 7 * 7 }}", "{% for x in y %}", "{# gone #}", "{{''.__class__.__mro__}}", "<b>&'\""]
    )
)
def test_a_value_that_looks_like_a_template_stays_text(
    value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """If this fails, a record can run template code, or is escaped as if it were HTML."""
    folder = written(tmp_path_factory.mktemp("prompts"), "{{ ticket.body }}|{{ raw }}")
    user = load_template(folder, "triage").render({"ticket": Ticket(body=value), "raw": value})[1]
    assert user == f"{value}|{value}"


@pytest.mark.fault("E3")
@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ ''|attr('__class__') }}",
        "{{ ticket['__class__'].mro() }}",
        "{{ ticket.update({'a': 1}) }}",
        "{{ ticket.items.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum() }}",
        "{{ [1, 2] | random }}",
        "{{ range(1000000) | list }}",
        "{{ 'x' * 100000000 }}",
        "{{ 100000000 * [1] }}",
        "{% include 'other' %}",
        "{% import 'other' as o %}",
        "{% from 'other' import o %}",
        "{% extends 'other' %}",
        "{{ open('/etc/passwd') }}",
        "{{ '%s' | format }}",
        "{{ 1 / 0 }}",
        "{{ unclosed",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ '' }}",
    ],
)
def test_what_a_template_may_not_do_is_wrong_use(body: str, tmp_path: Path) -> None:
    """If this fails, a template reaches Python, another file, chance or endless memory, or dies without a name."""
    folder = written(tmp_path, body)
    with pytest.raises(WrongUse, match="triage"):
        load_template(folder, "triage").render({"ticket": Ticket(body="x")})


def test_an_unknown_name_is_an_error_with_the_known_ones(tmp_path: Path) -> None:
    """If this fails, a misspelt variable renders as nothing and the model answers about nothing."""
    template = load_template(written(tmp_path, "{{ tickett.body }}"), "triage")
    with pytest.raises(WrongUse, match=r"'triage'.*'tickett' is undefined.*company, ticket"):
        template.render({"ticket": Ticket(body="x"), "company": "Acme"})


def test_an_unknown_field_is_an_error_with_the_known_ones(tmp_path: Path) -> None:
    """If this fails, a misspelt field renders as nothing."""
    template = load_template(written(tmp_path, "{{ ticket.bodyy }}"), "triage")
    with pytest.raises(WrongUse, match=r"no field 'bodyy'.*body, count, items"):
        template.render({"ticket": Ticket(body="x")})


def test_a_value_can_be_written_as_json(tmp_path: Path) -> None:
    """If this fails, `tojson` escapes as for HTML, or writes a misspelt name as null."""
    template = load_template(written(tmp_path, "{{ ticket | tojson }}"), "triage")
    assert template.render({"ticket": {"b": "<é>", "a": 1}})[1] == '{"a":1,"b":"<é>"}'
    with pytest.raises(WrongUse, match=r"'triage'.*'ticket' is undefined"):
        template.render({})


def test_prompts_in_code_do_not_load_the_template_engine() -> None:
    """If this fails, every start of the command line waits for Jinja2."""
    code = "import sys, roadworthy.ask.build, roadworthy.check.repair; print('jinja2' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "False\n"


@pytest.mark.fault("E3")
def test_output_is_capped_while_it_is_rendered(tmp_path: Path) -> None:
    """If this fails, a record's number decides how much memory a prompt takes."""
    folder = written(tmp_path, "{% for x in range(ticket.count) %}{{ ticket.body }}{% endfor %}")
    small = replace(DEFAULTS, field_chars_max=1_000)
    ticket = Ticket(body="x" * 100, count=90_000)
    with pytest.raises(WrongUse, match="more than 1000 characters"):
        load_template(folder, "triage", small).render({"ticket": ticket})


@pytest.mark.fault("E17")
@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "a/b", "a\0b", "", ".", "..", "A", "a.b", "-a", "a" * 101, "a\n", "é"],
)
def test_a_name_that_is_a_path_is_refused(name: str, tmp_path: Path) -> None:
    """If this fails, a name can leave the folder of prompt files."""
    written(tmp_path, "secret", "secret")
    with pytest.raises(WrongUse, match="no name of a prompt file"):
        load_template(tmp_path / "prompts", name)


@pytest.mark.fault("E17")
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """If this fails, a link in the folder reads any file of the machine into a prompt."""
    outside = tmp_path / "outside.md"
    outside.write_text("secret")
    inside = tmp_path / "prompts"
    inside.mkdir()
    (inside / "triage.prompt.md").symlink_to(outside)
    with pytest.raises(WrongUse, match="leads out"):
        load_template(inside, "triage")


def test_a_missing_file_names_the_ones_that_are_there(tmp_path: Path) -> None:
    """If this fails, a misspelt name is a puzzle."""
    with pytest.raises(WrongUse, match=r"There are: triage\."):
        load_template(written(tmp_path, "x"), "triag")


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ('modell = "x"', "the key 'modell'"),
        ("version = 3", "version = 3"),
        ("version = ", "not TOML"),
    ],
)
def test_front_matter_is_checked(front: str, told: str, tmp_path: Path) -> None:
    """If this fails, a misspelt key is silently without effect."""
    with pytest.raises(WrongUse, match=told):
        load_template(written(tmp_path, f"+++\n{front}\n+++\nbody"), "triage")


@pytest.mark.parametrize("source", ["+++\nversion = '1'\nbody", "+++\n+++\n \n", ""])
def test_a_file_without_an_end_or_a_body_is_refused(source: str, tmp_path: Path) -> None:
    """If this fails, half a file is sent as a prompt."""
    with pytest.raises(WrongUse, match="triage"):
        load_template(written(tmp_path, source), "triage")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """If this fails, a wrongly saved file reaches the model as mojibake."""
    (tmp_path / "triage.prompt.md").write_bytes(b"caf\xe9")
    with pytest.raises(WrongUse, match="not UTF-8 at byte 3"):
        load_template(tmp_path, "triage")


def test_resolve_reads_only_what_a_prompt_names(tmp_path: Path) -> None:
    """If this fails, a prompt in code looks for a file, or a prompt in a file is not found."""
    written(tmp_path, "{{ body }}")
    filed: Prompt[Ticket] = Prompt.file("triage", body="x")
    template = resolve(filed, tmp_path)
    assert template is not None
    assert template.name == "triage"
    assert resolve(Prompt[Ticket]("Route.", "x"), tmp_path) is None
