"""Prompts: what may stand in them, and what mypy makes of them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import assert_type

import pytest
from mypy import api
from pydantic import BaseModel

from roadworthy._errors import WrongUse
from roadworthy.ask.prompt import Prompt

SNIPPET = """
from collections.abc import Callable
from typing import TypeVar
from roadworthy.ask.prompt import Prompt

R = TypeVar("R")
T = TypeVar("T")

class Ticket: body: str
class Triage: queue: str
class Other: pass

def step(function: Callable[[R], Prompt[T]]) -> Callable[[R], T]:
    raise NotImplementedError

@step
def triage(ticket: Ticket) -> Prompt[Triage]:
    return Prompt("Route this ticket.", ticket.body)

@step
def filed(ticket: Ticket) -> Prompt[Triage]:
    return Prompt.file("triage", ticket=ticket)

def wrong(ticket: Ticket) -> Prompt[Triage]:
    return Prompt("Route.", ticket.body, examples=[("a", Other())])

reveal_type(triage(Ticket()))
reveal_type(filed(Ticket()))
"""


class Triage(BaseModel):
    queue: str


def test_mypy_infers_the_output_type(tmp_path: Path) -> None:
    """If this fails, a user's step is untyped: `await triage(ticket)` would be Any or an error."""
    snippet = tmp_path / "snippet.py"
    snippet.write_text(SNIPPET)
    out, err, _ = api.run(["--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}", str(snippet)])
    revealed = [line for line in out.splitlines() if "Revealed type" in line]
    errors = [line for line in out.splitlines() if "error:" in line]
    assert [line.split('"')[1].rpartition(".")[2] for line in revealed] == ["Triage", "Triage"], out + err
    assert len(errors) == 1, out
    assert '"tuple[str, Other]"; expected "tuple[object, Triage]"' in errors[0]


def test_type_is_covariant_and_stands_in_the_annotation() -> None:
    """If this fails (under mypy), a prompt of a narrow type cannot be handed to the spine as `Prompt[object]`."""

    def ask(body: str) -> Prompt[Triage]:
        return Prompt("Route this ticket.", body)

    anything: Prompt[object] = ask("hello")
    assert_type(ask("hello"), Prompt[Triage])
    assert anything.parts == ("hello",)


@pytest.mark.parametrize("part", [3, None, b"bytes", object(), Triage, ("a", "b"), {"a", "b"}])
def test_a_part_that_is_no_data_is_refused(part: object) -> None:
    """If this fails, a prompt would carry the `repr` of some object to the model, and pay for it."""
    with pytest.raises(WrongUse, match="Part 1"):
        Prompt[Triage]("Route this ticket.", part)


def test_the_input_of_an_example_is_a_part_too() -> None:
    """If this fails, an example shows the model the `repr` of some object."""
    with pytest.raises(WrongUse, match="The input of example 2"):
        Prompt("Route.", "body", examples=[("a", Triage(queue="x")), (3, Triage(queue="y"))])


def test_blank_instructions_are_refused() -> None:
    """If this fails, a step could ask a model nothing at all."""
    with pytest.raises(WrongUse, match="instructions"):
        Prompt[Triage]("  \n", "body")


def test_a_prompt_does_not_change() -> None:
    """If this fails, a prompt could change between its hash and its sending."""
    prompt = Prompt[Triage]("Route.", "body")
    with pytest.raises(FrozenInstanceError):
        prompt.instructions = "else"  # type: ignore[misc] # the point of the test


def test_a_value_may_be_called_name() -> None:
    """If this fails, a template cannot have a value called `name`."""
    prompt: Prompt[Triage] = Prompt.file("triage", name="Ann", self="x", cls="y")
    assert prompt.template == "triage"
    assert dict(prompt.values) == {"name": "Ann", "self": "x", "cls": "y"}
