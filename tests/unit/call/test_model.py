"""Models: what may be named, what may be set, and the team's own functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from roadworthy._errors import WrongUse
from roadworthy.call.model import Function, Model, as_model
from roadworthy.call.price import Price


class Ticket(BaseModel):
    """A record."""

    body: str


@pytest.mark.parametrize(
    "name",
    [
        "openai:gpt-5",
        "openai:ft:gpt-4o-mini-2024-07-18:acme::9",
        "llama3@http://127.0.0.1:11434/v1",
        "meta/llama-3.1-8b@https://integrate.example.com/v1",
    ],
)
def test_names_are_kept_as_they_are(name: str) -> None:
    """The identity of a reply would change with the spelling of its model."""
    assert as_model(name) == Model(name)
    assert Model(name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "gpt-5",
        "",
        "openai:",
        "openai:gpt 5",
        "antropic:claude",
        "m@ftp://h/v1",
        "m@h/v1",
        "@https://h/v1",
        "m@https://",
    ],
)
def test_any_other_name_is_refused_with_what_is_accepted(name: str) -> None:
    """A misspelt provider would be found out by the first paid request."""
    with pytest.raises(WrongUse, match="NAME@https://host/v1"):
        as_model(name)


def test_what_is_no_model_is_refused() -> None:
    """A class or a number in `models=` would crash in the middle of a run."""
    with pytest.raises(WrongUse, match="is no model"):
        as_model(7)  # type: ignore[arg-type] # as a user would write it
    function = Function(str.upper, usd_per_call="0")
    assert as_model(function) is function


@pytest.mark.parametrize(
    "name",
    [
        *("messages", "model", "stream", "stream_options", "n", "best_of", "response_format"),
        *("max_tokens", "max_completion_tokens", "max_output_tokens"),
    ],
)
def test_extra_may_not_replace_what_is_sent(name: str) -> None:
    """The question, or the cap that bounds its price, would be another one than was reserved for."""
    with pytest.raises(WrongUse, match=name):
        Model("m@https://h/v1", extra={name: 1})


def test_extra_that_changes_the_price_needs_a_price() -> None:
    """A dearer tier would be billed at the plain price, past the budget."""
    with pytest.raises(WrongUse, match="service_tier"):
        Model("openai:gpt-5", extra={"service_tier": "priority"})
    Model("openai:gpt-5", extra={"service_tier": "priority"}, price=Price(input="2.5", output="20"))


def test_extra_must_be_json() -> None:
    """The first request would fail instead of the declaration."""
    with pytest.raises(WrongUse, match="not JSON"):
        Model("openai:gpt-5", extra={"seed": {1, 2}})  # type: ignore[dict-item] # as a user would write it


@pytest.mark.parametrize(
    "settings",
    [
        {"max_output_tokens": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": -5},
        {"context_tokens": 0},
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"temperature": -0.1},
        {"temperature": float("nan")},
    ],
)
def test_figures_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    """A slip of the pen would stop a lane or be sent to the provider as null."""
    with pytest.raises(WrongUse, match=next(iter(settings))):
        Model("openai:gpt-5", **settings)


def of_text(prompt: str) -> str:
    """Takes the prompt."""
    return prompt


def of_anything(prompt) -> str:  # type: ignore[no-untyped-def] # what a proof of concept looks like
    """Takes the prompt too."""
    return str(prompt)


def of_record(ticket: Ticket) -> str:
    """Takes the record."""
    return ticket.body


async def of_record_async(ticket: Ticket, /) -> dict[str, str]:
    """Takes the record."""
    return {"body": ticket.body}


def of_unknown(ticket: Elsewhere) -> str:  # type: ignore[name-defined] # noqa: F821 - defined inside a function, say
    """Takes what cannot be resolved from here."""
    return str(ticket)


class Pipeline:
    """A proof of concept with state."""

    def __call__(self, ticket: Ticket) -> str:
        return ticket.body

    def run(self, prompt: str) -> str:
        """Takes the prompt."""
        return prompt


@pytest.mark.parametrize(
    ("fn", "takes_record"),
    [
        (of_text, False),
        (of_anything, False),
        (str.upper, False),
        (lambda: "", False),
        (len, False),
        (Pipeline().run, False),
        (of_record, True),
        (of_record_async, True),
        (of_unknown, True),
        (Pipeline(), True),
        (functools.partial(of_record), True),
    ],
)
def test_a_function_is_given_what_it_is_annotated_for(fn: Callable[..., Any], *, takes_record: bool) -> None:
    """A function of the record would be handed text, or the other way round."""
    assert Function(fn, usd_per_call="0").takes_record is takes_record


def test_a_function_has_a_price_and_a_name() -> None:
    """A function would be free by accident, or two of them share their kept replies."""
    function = Function(of_text, usd_per_call="0.004")
    assert function.usd_per_call == Decimal("0.004")
    assert function.name == "function:of_text"
    assert Function(of_text, usd_per_call="0", name="v2").name == "function:v2"
    with pytest.raises(WrongUse, match="float is not exact"):
        Function(of_text, usd_per_call=0.004)  # type: ignore[arg-type] # as a user would write it
    with pytest.raises(WrongUse, match="not callable"):
        Function("of_text", usd_per_call="0")  # type: ignore[arg-type] # as above
