"""Figures of the wrong kind are refused where they are declared."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from roadworthy import App, Function, Model, Price, Prompt
from roadworthy._errors import WrongUse
from roadworthy._settings import read_settings
from roadworthy.run.entry import Step

ECHO = Function(lambda prompt: prompt, usd_per_call="0", name="echo")


def asking(body: dict[str, Any]) -> Prompt[str]:
    """What a step asks."""
    return Prompt("Answer.", body["id"])


def declare(**given: Any) -> Step[Any, str]:
    """A step with these declarations."""
    return App("kinds").step(models=[ECHO], **given)(asking)


@pytest.mark.parametrize(
    "given",
    [
        {"max_error": "0.1"},
        {"max_error": True},
        {"max_error": 0.1, "audit_share": "0.1"},
        {"max_error": 0.1, "audit_share": []},
        {"review_below": "0.5", "confidence": "checks"},
        {"review_below": True, "confidence": "checks"},
        {"part_chars": "9", "split": "body"},
        {"examples": "3"},
    ],
)
def test_a_step_refuses_figures_that_are_no_numbers(given: dict[str, Any]) -> None:
    """A traceback without a word of what to do, or a step that fails at its first answer."""
    with pytest.raises(WrongUse, match=f"{list(given)[-1]}|{next(iter(given))}"):
        declare(**given)


@pytest.mark.parametrize(
    "name", ["max_output_tokens", "requests_per_minute", "tokens_per_minute", "context_tokens"]
)
@pytest.mark.parametrize("value", ["7", 7.5, True, [7]])
def test_a_model_refuses_figures_that_are_no_whole_numbers(name: str, value: Any) -> None:
    """A traceback, or a cap that the provider refuses with every request."""
    with pytest.raises(WrongUse, match=name):
        Model("openai:gpt-5", **{name: value})


@pytest.mark.parametrize("name", ["timeout_s", "temperature"])
@pytest.mark.parametrize("value", ["7", True, [7]])
def test_a_model_refuses_figures_that_are_no_numbers(name: str, value: Any) -> None:
    """A traceback, or a figure that the provider refuses with every request."""
    with pytest.raises(WrongUse, match=name):
        Model("openai:gpt-5", **{name: value})


@pytest.mark.parametrize("name", ["budget_usd", "record_budget_usd"])
@pytest.mark.parametrize("value", [True, [5], {}, "five", b"5"])
def test_an_app_refuses_caps_that_are_no_amounts(name: str, value: Any) -> None:
    """A cap that nobody meant, or a mistake that does not say which cap it is about."""
    with pytest.raises(WrongUse, match=name):
        App("kinds", **{name: value})


@pytest.mark.parametrize("prices", [{"m": 5}, {"m": "5"}, {5: Price(input="1", output="1")}, ["m"], "m"])
def test_an_app_refuses_prices_that_are_none(prices: Any) -> None:
    """What is no price would pass unnoticed until a model is asked."""
    with pytest.raises(WrongUse, match="prices="):
        App("kinds", prices=prices)


@pytest.mark.parametrize("price", [5, "5,1"])
def test_a_model_refuses_a_price_that_is_none(price: Any) -> None:
    """A traceback where the first call is priced."""
    with pytest.raises(WrongUse, match="price="):
        Model("openai:gpt-5", price=price)


def test_a_whole_number_without_an_end_is_refused() -> None:
    """A traceback without a word of which setting it is."""
    with pytest.raises(WrongUse, match="concurrency"):
        read_settings({"concurrency": float("inf")})


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint16])
def test_numpys_whole_numbers_are_whole_numbers(kind: Callable[[int], Any]) -> None:
    """A cap that was read from a table would be refused as "give a whole number", or break a request later on."""
    model = Model("openai:gpt-5", max_output_tokens=kind(7), timeout_s=kind(9), context_tokens=kind(100))
    assert json.dumps([model.max_output_tokens, model.timeout_s, model.context_tokens]) == "[7, 9, 100]"
    step = App("kinds", budget_usd=kind(5), settings={"concurrency": kind(3)}).step(
        models=[model], split="body", part_chars=kind(9)
    )(asking)
    assert step.split is not None
    assert type(step.split.chars) is int
    assert type(declare(examples=kind(3)).examples) is int
    assert Price(input=kind(5), output="1") == Price(input=5, output="1")


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_numpys_numbers_are_numbers(kind: Callable[[float], Any]) -> None:
    """A threshold that was computed would be refused, or be no figure that a ledger takes."""
    model = Model("openai:gpt-5", temperature=kind(0.5), timeout_s=kind(9))
    assert json.dumps([model.temperature, model.timeout_s]) == "[0.5, 9.0]"
    step = declare(max_error=kind(0.5), audit_share=kind(0.25), review_below=kind(0.75), confidence="checks")
    assert step.promise is not None
    figures = [step.promise.max_error, step.promise.audit_share, step.rule.review_below]
    assert json.dumps(figures) == "[0.5, 0.25, 0.75]"


@pytest.mark.parametrize("value", [np.bool_(True), np.array([7]), np.float64(7), np.str_("7")])
def test_what_is_no_whole_number_of_numpys_is_none(value: Any) -> None:
    """True would be a cap of one, and an array one of its length."""
    with pytest.raises(WrongUse, match="max_output_tokens"):
        Model("openai:gpt-5", max_output_tokens=value)


def test_a_setting_that_is_no_whole_number_is_refused() -> None:
    """7.9 workers would be 7 without a word."""
    with pytest.raises(WrongUse, match=r"concurrency is 7\.9\. Give a whole number"):
        read_settings({"concurrency": 7.9})
    assert read_settings({"concurrency": 7.0}).concurrency == 7
