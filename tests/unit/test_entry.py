"""What may be declared as a step: a mistake in its functions is told where it stands, before anything is paid."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from roadworthy import App, Function, Prompt
from roadworthy._errors import WrongUse
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Valid
from roadworthy.check.ready import length
from roadworthy.check.soft import soft
from roadworthy.run.entry import Step

HERE = re.escape("test_entry.py, line ") + r"\d+"


class Note(BaseModel):
    id: str
    text: str


class Mood(BaseModel):
    mood: str


def said(prompt: str) -> dict[str, str]:
    """Stand in for a model."""
    return {"mood": "glad"}


def declared(fn: Any, **words: Any) -> Step[Any, Any]:
    """The step that an app makes of a function."""
    step: Step[Any, Any] = App("mistakes").step(models=[Function(said, usd_per_call="0")], **words)(fn)
    return step


async def feel_later(note: Note) -> Prompt[Mood]:
    """Be what no step may be."""
    return Prompt("Glad or sad?", note.text)


def feel(note: Note) -> Prompt[Mood]:
    """Be a step."""
    return Prompt("Glad or sad?", note.text)


def nothing(note: Note) -> Prompt[Mood]:  # type: ignore[empty-body] # the mistake
    """Forget to return."""


def words(note: Note) -> Prompt[Mood]:
    """Return the words and not the prompt."""
    return f"Glad or sad? {note.text}"  # type: ignore[return-value] # the mistake


def later(note: Note) -> Prompt[Mood]:
    """Return what is not awaited, as a decorator may."""
    return feel_later(note)  # type: ignore[return-value] # the mistake


def parts(note: Note) -> Prompt[Mood]:  # type: ignore[misc] # the mistake
    """Yield the parts of a prompt."""
    yield note.text


def test_a_prompt_function_is_not_async() -> None:
    """Every record would fail with an AttributeError about a coroutine, once the run is under way."""
    with pytest.raises(WrongUse, match=rf"feel_later\(\) at {HERE}, is async.*def feel_later\(") as caught:
        declared(feel_later)
    assert "@app.workflow" in str(caught.value), "what may be awaited is a workflow"


@pytest.mark.parametrize(
    ("fn", "what"), [(nothing, "None"), (words, "str"), (later, "coroutine"), (parts, "generator")]
)
def test_what_a_prompt_function_returned_is_said(fn: Callable[[Note], Prompt[Mood]], what: str) -> None:
    """The reason of a record would speak of an attribute 'template' that the team never wrote."""
    expected = rf"{fn.__name__}\(\) at {HERE}, returned .*{what}.*return Prompt\("
    with pytest.raises(WrongUse, match=expected):
        declared(fn).prompt(Note(id="1", text="x"))


def test_a_merging_function_is_not_async() -> None:
    """The parts of the first long record would be paid for before the merging is found to be a coroutine."""

    async def merge(answers: list[Mood], note: Note) -> Mood:
        return answers[0]

    with pytest.raises(WrongUse, match=rf"merge\(\) at {HERE}, is async"):
        declared(feel, split="text").merge(merge)


def one(answer: Mood) -> None:
    """Forget the record."""


def four(answer: Mood, note: Note, passages: object, more: object) -> None:
    """Want what nobody gives."""


def named(answer: Mood, *, note: Note) -> None:
    """Want the record by name."""


def strict(answer: Mood, note: Note, *, most: int = 3) -> None:
    """Be a check with a setting of its own."""


def any_of(*given: object) -> None:
    """Take whatever comes."""


class Called:
    """A check that is an object."""

    def __call__(self, answer: Mood) -> None:
        """Forget the record."""


@pytest.mark.parametrize(
    ("check", "what"),
    [
        (one, rf"one\(\) at {HERE}, takes \(answer\)\. .*def one\(answer, record\)"),
        (four, rf"four\(\) at {HERE}, takes \(.*more\)"),
        (named, rf"named\(\) at {HERE}, takes \(answer, \*, note\)"),
        (length, r"length\(\) at ready.py, line \d+, takes \(field, \*, words=None"),
        (Called(), r"Called\(\) takes \(answer\)"),
    ],
)
def test_a_check_takes_the_answer_and_the_record(check: Any, what: str) -> None:
    """The first answer would be paid for before anybody sees that no check can be called with it."""
    with pytest.raises(WrongUse, match="The check " + what):
        declared(feel).check(check)


def test_a_check_may_have_parameters_with_defaults() -> None:
    """A check with a setting by name would be handed passages that it has no place for."""
    step = declared(feel)
    for check in (strict, any_of, soft(strict)):
        step.check(check)
    found = step.prepared.checker.check(
        Reply(1, "m", Ending.OK, '{"mood": "glad"}', "stop"), Note(id="1", text="x")
    )
    assert isinstance(found, Valid)


def test_a_merging_function_takes_the_answers_and_the_record() -> None:
    """The parts of the first long record would be paid for before their merging is found to lack the record."""

    def merge(answers: list[Mood]) -> Mood:
        return answers[0]

    with pytest.raises(WrongUse, match=rf"merge\(\) at {HERE}, takes \(answers\)"):
        declared(feel, split="text").merge(merge)  # type: ignore[arg-type] # the mistake


def test_a_step_takes_a_record() -> None:
    """Every record would fail with a TypeError about a parameter that nobody gives."""

    def much(note: Note, passages: object, more: object) -> Prompt[Mood]:
        return Prompt("Glad or sad?", note.text)

    with pytest.raises(
        WrongUse, match=rf"much\(\) at {HERE}, takes \(note, passages, more\).*def much\(record\)"
    ):
        declared(much)


@pytest.mark.parametrize("ledger", [None, 5, b"shop.db"])
def test_a_ledger_is_named_by_text_or_a_path(ledger: Any) -> None:
    """A variable that is not set would make a file called `None`, and a run there would pay for every answer anew."""
    with pytest.raises(WrongUse, match=rf"ledger={re.escape(repr(ledger))}.*leave it out for shop\.db"):
        App("shop", ledger=ledger)


def test_a_step_that_is_declared_anew_is_told_how() -> None:
    """Whoever runs a cell of a notebook again would be told to rename a step that stands there once."""
    app = App("shop")
    app.step(models=[Function(feel, usd_per_call="0.001")])(feel)
    with pytest.raises(
        WrongUse,
        match=r"'shop' has an entry 'feel' already.*In a notebook run the cell of `app = App\(\.\.\.\)` first",
    ):
        app.step(models=[Function(feel, usd_per_call="0.001")])(feel)
