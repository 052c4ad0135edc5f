"""Questions: what is said to whom, what names them, what pins them, and how they are kept."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from roadworthy._errors import Fault, LedgerUnavailable, WrongUse
from roadworthy.accept.image import Image
from roadworthy.accept.papers.pdf import grey_png
from roadworthy.ask.build import again_message, asked_again, build_question, question_body, question_from
from roadworthy.ask.prompt import Prompt
from roadworthy.ask.question import Question
from roadworthy.ask.schema import compile_schema
from roadworthy.ask.template import load_template


class Triage(BaseModel):
    queue: Literal["billing", "other"]
    quote: str = Field(max_length=300)


SCHEMA = compile_schema(Triage)


def ask(*parts: object, instructions: str = "Route this ticket.") -> Question:
    """A question of these parts."""
    return build_question(Prompt[Triage](instructions, *parts), SCHEMA)


def test_system_holds_the_teams_words_and_user_the_data() -> None:
    """If this fails, data stands where instructions stand, or a rule is never told."""
    prompt = Prompt[Triage](
        "Route this ticket.",
        "I was charged twice.",
        {"b": 1, "a": "é"},
        examples=[("Money!", Triage(queue="billing", quote="Money"))],
    )
    system, user = build_question(prompt, SCHEMA).messages
    assert (system.role, user.role) == ("system", "user")
    assert system.text == (
        "Route this ticket.\n\nRules for the fields of the answer:\n- `quote`: at most 300 characters\n\n"
        'Example 1\nInput:\nMoney!\nOutput:\n{"queue":"billing","quote":"Money"}'
    )
    assert user.text == 'I was charged twice.\n\n{\n  "a": "é",\n  "b": 1\n}'


def test_an_example_of_a_wrapped_type_is_wrapped() -> None:
    """If this fails, the example teaches the model a shape that the check refuses."""
    question = build_question(Prompt[int]("Count.", "x", examples=[("aa", 2)]), compile_schema(int))
    assert question.messages[0].text.endswith('Output:\n{"value":2}')


def test_a_prompt_without_parts_is_one_user_message() -> None:
    """If this fails, a request has no user message and providers refuse it."""
    (message,) = build_question(Prompt[bool]("Is water wet?"), compile_schema(bool)).messages
    assert (message.role, message.text) == ("user", "Is water wet?")


def test_version_names_the_prompt_and_not_the_data() -> None:
    """If this fails, every record is a prompt version of its own, or an edited prompt keeps its old name."""
    first = ask("a")
    assert re.fullmatch(r"[0-9a-f]{16}", first.version)
    assert ask("b").version == first.version
    assert ask("a", instructions="Route this mail.").version != first.version
    other = compile_schema(Literal["a"])
    assert build_question(Prompt[str]("Route this ticket.", "a"), other).version != first.version


def test_fixed_pins_everything() -> None:
    """If this fails, a changed question passes for the pinned one."""
    first = ask("a")
    assert len(first.fixed) == 32
    assert ask("a") == first
    variants = [ask("b"), ask("a", "b"), ask("a", instructions="Route it."), ask()]
    assert len({first.fixed, *(variant.fixed for variant in variants)}) == 5


def test_a_question_survives_the_ledger() -> None:
    """If this fails, a replayed question is another one and is bought again."""
    question = ask("naïve \ud83d\ude00 \ud800 \0 text")
    kept = question_from(question_body(question), question.version, question.fixed)
    assert kept == question
    assert "\0" not in question.messages[1].text
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        question_from(b'{"a": 1}', "v", b"")


def test_a_prompt_file_becomes_a_question(tmp_path: Path) -> None:
    """If this fails, prompt files have no version, or one that does not follow the file."""
    file = tmp_path / "triage.prompt.md"
    file.write_text("+++\nsystem = 'You route.'\n+++\nTicket: {{ body }}")
    prompt: Prompt[Triage] = Prompt.file("triage", body="x")
    first = build_question(prompt, SCHEMA, template=load_template(tmp_path, "triage"))
    assert first.messages[0].text.startswith("You route.\n\nRules")
    assert first.messages[1].text == "Ticket: x"
    file.write_text("Ticket now: {{ body }}")
    second = build_question(prompt, SCHEMA, template=load_template(tmp_path, "triage"))
    assert second.version != first.version
    with pytest.raises(WrongUse, match="'triage'"):
        build_question(prompt, SCHEMA)


def test_the_re_ask_states_the_fault_shortly() -> None:
    """If this fails, the model is not told what to mend, or one answer floods the next question."""
    words = again_message(Fault("`urgency` must be at most 5", where="urgency"))
    assert words.startswith("An earlier answer could not be used: `urgency` must be at most 5")
    assert "at `items.0`" in again_message(Fault("must be copied", where="items.0"))
    assert len(again_message(Fault("x" * 10_000))) < 700


def test_the_re_ask_keeps_the_question_and_its_version() -> None:
    """If this fails, a re-ask loses the original question, or overwrites the reply to it."""
    question = ask("a")
    again = asked_again(question, "Mend it.")
    assert again.messages[0] == question.messages[0]
    assert again.messages[1].text == "a\n\nMend it."
    assert again.version == question.version
    assert again.fixed != question.fixed


PNG = base64.b64encode(grey_png(1, [b"\0"])).decode()


def test_a_prompt_file_sends_the_pictures_it_is_given(tmp_path: Path) -> None:
    """A scan would be left out of the question, or stand in its text as a megabyte of base64."""
    (tmp_path / "triage.prompt.md").write_text("Read {{ name }}.", encoding="utf-8")
    one, two = Image(PNG), Image(base64.b64encode(grey_png(1, [b"\1"])).decode())
    prompt: Prompt[Triage] = Prompt.file("triage", name="this", scan=one, pages=[two, one], none=[])
    question = build_question(prompt, compile_schema(Triage), template=load_template(tmp_path, "triage"))
    user = question.messages[-1]
    assert user.text == "Read this."
    assert user.images == (one, two, one)
    other: Prompt[Triage] = Prompt.file("triage", name="this", scan=two)
    assert (
        build_question(other, compile_schema(Triage), template=load_template(tmp_path, "triage")).fixed
        != question.fixed
    )
