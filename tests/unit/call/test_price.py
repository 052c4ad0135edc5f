"""Money: exact to the last digit, bounded from above, never zero by accident."""

import datetime as dt
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from genai_prices.types import ModelPrice
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._errors import WrongUse
from roadworthy.call.price import USD_MAX, Price, _listed, find_price, pico, usd
from roadworthy.call.reply import Usage

TOKENS = st.integers(0, 10**9)
RATES = st.decimals(0, 5_000, places=12) | st.decimals(0, 100, places=4)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Usage whose parts fit into its whole."""
    whole = draw(TOKENS)
    cached = draw(st.integers(0, whole))
    written = draw(st.integers(0, whole - cached))
    return Usage(whole, draw(TOKENS), cached, written)


def exact(price: Price, usage: Usage) -> Fraction:
    """The cost in pico-dollars as a fraction."""
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    parts = [
        (plain, price.input),
        (usage.cached_tokens, price.cached),
        (usage.cache_write_tokens, price.cache_write),
        (usage.output_tokens, price.output),
    ]
    return sum((Fraction(tokens) * Fraction(rate) for tokens, rate in parts), Fraction(0)) * 10**6


@given(RATES, RATES, RATES, RATES, usages())
def test_cost_is_exact_and_rounded_up_once(
    first: Decimal, second: Decimal, third: Decimal, fourth: Decimal, usage: Usage
) -> None:
    """The ledger would differ from the provider's bill by a digit, and the digits add up."""
    price = Price(input=first, output=second, cached=third, cache_write=fourth)
    assert price.cost_pico(usage) == math.ceil(exact(price, usage))


@given(RATES, RATES, RATES, RATES, usages(), TOKENS, TOKENS)
def test_the_worst_case_is_a_bound(
    first: Decimal, second: Decimal, third: Decimal, fourth: Decimal, usage: Usage, more: int, longer: int
) -> None:
    """A reservation could be smaller than the bill, and a budget be passed."""
    price = Price(input=first, output=second, cached=third, cache_write=fourth)
    worst = price.worst_pico(usage.input_tokens + more, usage.output_tokens + longer)
    assert worst >= price.cost_pico(usage)


def test_a_plain_case_by_hand() -> None:
    """All prices could be wrong by the same factor and every property would still hold."""
    price = Price(input="1.25", output="10", cached="0.125")
    assert price.cost_pico(Usage(1_000_000, 1_000_000)) == pico("11.25")
    assert price.cost_pico(Usage(1_000, 100, 400)) == pico("0.00180")
    assert price.worst_pico(1_000, 100) == pico("0.00225")
    assert Price(input="0.0375", output="0").cost_pico(Usage(1, 0)) == 37_500
    assert Price(input="0.0000001", output="0").cost_pico(Usage(1, 0)) == 1, "rounded up"
    dearer = Price(input="1", output="0", cache_write="1.25")
    assert dearer.worst_pico(1_000_000, 0) == pico("1.25")


@given(st.integers(0, 9 * 10**18))
def test_dollars_and_pico_dollars_are_the_same(amount: int) -> None:
    """Money would change on its way to a person or back."""
    assert pico(usd(amount)) == amount
    assert "E" not in str(usd(amount)) or amount < 10**6


@pytest.mark.parametrize(
    "amount",
    [
        0.1,
        1.0,
        True,
        None,
        b"1",
        "",
        "a",
        "-1",
        "-0.01",
        "NaN",
        "sNaN",
        "Infinity",
        "1e400",
        "1e-400",
        "1e999999999",
    ],
)
def test_what_is_no_exact_amount_is_refused(amount: object) -> None:
    """A typing error would become a price or a budget."""
    with pytest.raises(WrongUse):
        pico(amount)  # type: ignore[arg-type] # what the types refuse is refused at run time too
    with pytest.raises(WrongUse):
        Price(input=amount, output="1")  # type: ignore[arg-type] # as above


def test_an_amount_that_the_ledger_cannot_hold_is_refused() -> None:
    """A large budget would crash the ledger in the middle of a run."""
    assert pico(USD_MAX) < 2**63
    with pytest.raises(WrongUse, match="more than a ledger can hold"):
        pico(str(USD_MAX + 1))


def test_a_price_with_more_digits_than_are_counted_is_refused() -> None:
    """A sum would be rounded where nobody sees it."""
    assert Price(input="0.123456789012", output="0").input == Decimal("0.123456789012")
    assert Price(input="1.50000000000000000", output="0").input == Decimal("1.5")
    with pytest.raises(WrongUse, match="12 decimals"):
        Price(input="0.1234567890123", output="0")


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-5-nano", Price(input="0.05", output="0.4", cached="0.005")),
        ("gpt-5-nano-2025-08-07", Price(input="0.05", output="0.4", cached="0.005")),
        ("gpt-4o-mini-2024-07-18", Price(input="0.15", output="0.6", cached="0.075")),
    ],
)
def test_list_prices_are_found_by_exact_name(model: str, price: Price) -> None:
    """A known model would need its price written by hand, or get another one's."""
    assert find_price("openai", model, dt.datetime(2026, 11, 1, tzinfo=dt.UTC)) == price


@pytest.mark.parametrize(
    "model", ["gpt-5-nano-floobarp", "GPT-5", "floobarp", "gpt-5-nano-2025-08-07-x", "gpt-4o-mini-audio", ""]
)
def test_an_unknown_model_is_refused_with_the_line_to_write(model: str) -> None:
    """A misspelt name would be priced as its neighbour, or at zero."""
    with pytest.raises(WrongUse) as refused:
        find_price("openai", model)
    assert f'App(..., prices={{"openai:{model}": Price(input="..."' in str(refused.value)


def test_prices_in_steps_hold_for_every_token_of_a_long_request() -> None:
    """The cheaper step's price would be taken for a long request, and the bound would not hold."""
    price = find_price("openai", "gpt-5.4")
    ((start, dearer),) = price.above
    assert dearer.input > price.input
    short, long = Usage(input_tokens=start, output_tokens=10), Usage(input_tokens=start + 1, output_tokens=10)
    assert price.cost_pico(short) < dearer.cost_pico(short)
    assert price.cost_pico(long) == dearer.cost_pico(long)
    for tokens in (start - 1, start, start + 1, 10 * start):
        for usage in (
            Usage(tokens, 10),
            Usage(tokens // 2, 10),
            Usage(tokens, 10, cache_write_tokens=tokens),
        ):
            assert price.cost_pico(usage) <= price.worst_pico(tokens, 10)


def test_a_cache_that_is_kept_for_an_hour_has_its_own_price() -> None:
    """What Anthropic bills at twice the input's price would be counted at five quarters of it."""
    price = find_price("anthropic", "claude-opus-4-8")
    written = Usage(input_tokens=1_000_000, cache_write_tokens=1_000_000, cache_write_1h_tokens=400_000)
    assert usd(price.cost_pico(written)) == (price.cache_write * 6 + price.cache_write_1h * 4) / 10
    assert price.cache_write_1h > price.cache_write > price.input
    assert price.worst_pico(1_000_000, 0) >= price.cost_pico(written)


@pytest.mark.parametrize(
    ("lists", "model"),
    [
        (("anthropic",), "claude-sonnet-4-5-20250929"),
        (("google",), "claude-opus-4-6@20260101"),
        (("aws",), "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (("aws",), "anthropic.claude-3-haiku-20240307-v1:0"),
        (("azure", "openai"), "gpt-4.1"),
    ],
)
def test_names_are_found_as_each_provider_spells_them(lists: tuple[str, ...], model: str) -> None:
    """A team would have to copy prices that the list knows."""
    assert find_price("x", model, lists=lists).input > 0


def test_a_name_that_only_begins_like_a_known_one_is_refused() -> None:
    """A deployment or a newer model would be counted at another one's price."""
    for lists, model in (
        (("aws",), "us.anthropic.claude-sonnet-4-5-turbo"),
        (("azure", "openai"), "my-gpt-4.1"),
    ):
        with pytest.raises(WrongUse, match="is not known"):
            find_price("x", model, lists=lists)


def test_a_price_is_that_of_its_day() -> None:
    """A forecast or a bill of another day would be reckoned with today's price."""
    before = find_price("openai", "o3", when=dt.datetime(2025, 6, 1, tzinfo=dt.UTC))
    after = find_price("openai", "o3", when=dt.datetime(2025, 7, 1, tzinfo=dt.UTC))
    assert (before.input, after.input) == (Decimal(10), Decimal(2))


def test_half_a_price_is_none() -> None:
    """A model whose answers have no price on the list would answer for nothing."""
    half = ModelPrice(input_mtok=Decimal(1))
    with pytest.raises(WrongUse, match="no price a token for openai:m"):
        _listed(half, "openai:m", "help")
