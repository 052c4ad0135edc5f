"""Figures of the wrong kind are refused where they are declared."""

from typing import Any

import pytest

from roadworthy import App, Function, Model, Price, Prompt
from roadworthy._errors import WrongUse
from roadworthy._settings import read_settings

ECHO = Function(lambda prompt: prompt, usd_per_call="0", name="echo")


def declare(**given: Any) -> None:
    """A step with these declarations."""

    @App("kinds").step(models=[ECHO], **given)
    def answer(body: dict[str, Any]) -> Prompt[str]:
        return Prompt("Answer.", body["id"])


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
