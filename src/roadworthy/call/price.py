"""Prices: exact, in integer pico-dollars; an unknown price refuses, it is never zero."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from roadworthy._errors import WrongUse
from roadworthy.call.reply import Usage

PICO = 10**12
_PER_TOKEN = PICO // 10**6


def usd(pico_dollars: int) -> Decimal:
    """Integer pico-dollars as US dollars, every digit kept."""
    return Decimal(pico_dollars).scaleb(-12).normalize() + Decimal(0)


def pico(dollars: str | Decimal | int) -> int:
    """US dollars as integer pico-dollars; a cap is rounded down.

    Raises:
        WrongUse: not a number, negative, or a float (0.1 as a float is not a tenth).
    """
    amount = _amount(dollars, "The amount")
    return int(amount.scaleb(12))


@dataclass(frozen=True, slots=True, init=False)
class Price:
    """USD per million tokens. `Price(input="0.05", output="0.40")`.

    Args:
        input: input tokens.
        output: output tokens, reasoning included.
        cached: input tokens read from the provider's cache; as `input` where not given.
        cache_write: input tokens written to the provider's cache; as `input` where not given.

    Raises:
        WrongUse: a float or something that is no amount.
    """

    input: Decimal
    output: Decimal
    cached: Decimal
    cache_write: Decimal

    def __init__(
        self,
        *,
        input: str | Decimal | int,  # noqa: A002 - the provider's own word
        output: str | Decimal | int,
        cached: str | Decimal | int | None = None,
        cache_write: str | Decimal | int | None = None,
    ) -> None:
        base = _amount(input, "Price(input=...)")
        object.__setattr__(self, "input", base)
        object.__setattr__(self, "output", _amount(output, "Price(output=...)"))
        object.__setattr__(self, "cached", base if cached is None else _amount(cached, "Price(cached=...)"))
        write = base if cache_write is None else _amount(cache_write, "Price(cache_write=...)")
        object.__setattr__(self, "cache_write", write)

    def cost_pico(self, usage: Usage) -> int:
        """What reported usage costs; exact, rounded up once to a whole pico-dollar."""
        plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
        total = (
            plain * self.input
            + usage.cached_tokens * self.cached
            + usage.cache_write_tokens * self.cache_write
            + usage.output_tokens * self.output
        )
        return int((total * _PER_TOKEN).to_integral_value(ROUND_CEILING))

    def worst_pico(self, input_tokens: int, output_tokens: int) -> int:
        """The most that so many tokens can cost, whatever part of them is cached."""
        dearest = max(self.input, self.cached, self.cache_write)
        total = input_tokens * dearest + output_tokens * self.output
        return int((total * _PER_TOKEN).to_integral_value(ROUND_CEILING))


def find_price(provider: str, model: str, when: dt.datetime | None = None) -> Price:
    """The list price of a provider's model, from the bundled price list (genai-prices, offline).

    Raises:
        WrongUse: the list does not know it, or prices it in steps that need a look by a person.
    """
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - 0.1 s of data

    help_ = f'App(..., prices={{"{provider}:{model}": Price(input="...", output="...")}})'
    try:
        _, known = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError as error:
        raise WrongUse(f"The price of {provider}:{model} is not known. Say it: {help_}.") from error
    prices = known.get_prices(when or dt.datetime.now(dt.UTC))
    figures = [prices.input_mtok, prices.output_mtok, prices.cache_read_mtok, prices.cache_write_mtok]
    if (
        figures[0] is None
        or figures[1] is None
        or not all(f is None or isinstance(f, Decimal) for f in figures)
    ):
        raise WrongUse(
            f"The price list has no single price for {provider}:{model}. Say the dearest: {help_}."
        )
    plain = [figure if isinstance(figure, Decimal) else None for figure in figures]
    assert plain[0] is not None
    assert plain[1] is not None
    return Price(input=plain[0], output=plain[1], cached=plain[2], cache_write=plain[3])


def _amount(value: object, what: str) -> Decimal:
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise WrongUse(f'{what} is {value!r}. Write money as text, such as "0.05": a float is not exact.')
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise WrongUse(f'{what} is {value!r}. Write an amount of 0 or more, such as "0.05".')
    return amount
