"""Prices: exact, in integer pico-dollars; an unknown price refuses, it is never zero."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from roadworthy._errors import WrongUse
from roadworthy.call.reply import Usage

PICO = 10**12
USD_MAX = 9_000_000
"""The largest amount: a ledger keeps pico-dollars in 64 bits."""
_USD_MIN = Decimal("1e-12")
_FINE = 10**12
"""Sums are made in parts of 1e-12 pico-dollar: a token's price is a whole number of them, so nothing is rounded."""
_SNAPSHOT = re.compile(r"-20\d\d-\d\d-\d\d$")


def usd(pico_dollars: int) -> Decimal:
    """Integer pico-dollars as US dollars, every digit kept."""
    return Decimal(pico_dollars).scaleb(-12).normalize() + Decimal(0)


def pico(dollars: str | Decimal | int) -> int:
    """US dollars as integer pico-dollars; a cap is rounded down.

    Raises:
        WrongUse: not a number, negative, a float (0.1 as a float is not a tenth), or more than a ledger can hold.
    """
    above, below = _amount(dollars, "The amount").as_integer_ratio()
    return above * PICO // below


@dataclass(frozen=True, slots=True, init=False)
class Price:
    """USD per million tokens. `Price(input="0.05", output="0.40")`.

    Args:
        input: input tokens.
        output: output tokens, reasoning included.
        cached: input tokens read from the provider's cache; as `input` where not given.
        cache_write: input tokens written to the provider's cache; as `input` where not given.

    Raises:
        WrongUse: a float, something that is no amount, or more than 12 decimals.
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
        base = _rate(input, "Price(input=...)")
        object.__setattr__(self, "input", base)
        object.__setattr__(self, "output", _rate(output, "Price(output=...)"))
        object.__setattr__(self, "cached", base if cached is None else _rate(cached, "Price(cached=...)"))
        write = base if cache_write is None else _rate(cache_write, "Price(cache_write=...)")
        object.__setattr__(self, "cache_write", write)

    def cost_pico(self, usage: Usage) -> int:
        """What reported usage costs; exact, rounded up once to a whole pico-dollar."""
        plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
        return _rounded_up(
            plain * _fine(self.input)
            + usage.cached_tokens * _fine(self.cached)
            + usage.cache_write_tokens * _fine(self.cache_write)
            + usage.output_tokens * _fine(self.output)
        )

    def worst_pico(self, input_tokens: int, output_tokens: int) -> int:
        """The most that so many tokens can cost, whatever part of them is cached."""
        dearest = max(self.input, self.cached, self.cache_write)
        return _rounded_up(input_tokens * _fine(dearest) + output_tokens * _fine(self.output))


def find_price(provider: str, model: str, when: dt.datetime | None = None) -> Price:
    """The list price of a provider's model, from the bundled price list (genai-prices, offline).

    The list matches names by their beginnings too; a name that it does not spell out is another model here, except a
    dated snapshot of one that it does.

    Raises:
        WrongUse: the list does not know it, or prices it in steps that need a look by a person.
    """
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - 0.1 s of data

    help_ = f'App(..., prices={{"{provider}:{model}": Price(input="...", output="...")}})'
    try:
        _, known = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError as error:
        raise WrongUse(f"The price of {provider}:{model} is not known. Say it: {help_}.") from error
    names = {known.id, *_spelled(known.match)}
    if model not in names and _SNAPSHOT.sub("", model) not in names:
        raise WrongUse(
            f"The price of {provider}:{model} is not known; the nearest on the list is {known.id!r}. "
            f"Correct the name, or say the price: {help_}."
        )
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


def _spelled(clause: object) -> Iterator[str]:
    """The names that a clause of the price list spells out in full."""
    if isinstance(name := getattr(clause, "equals", None), str):
        yield name
    for part in getattr(clause, "or_", ()):
        yield from _spelled(part)


def _rate(value: object, what: str) -> Decimal:
    """A price a million tokens: an amount whose every digit counts."""
    amount = _amount(value, what)
    above, below = amount.as_integer_ratio()
    if above * _FINE % below:
        raise WrongUse(f"{what} is {value!r}. Write at most 12 decimals, so that sums stay exact.")
    return amount


def _fine(usd_per_million: Decimal) -> int:
    """A token's price in parts of 1e-12 pico-dollar; a price has at most 12 decimals."""
    above, below = usd_per_million.as_integer_ratio()
    return above * (PICO // 10**6) * _FINE // below


def _rounded_up(fine: int) -> int:
    return -(-fine // _FINE)


def _amount(value: object, what: str) -> Decimal:
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise WrongUse(f'{what} is {value!r}. Write money as text, such as "0.05": a float is not exact.')
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise WrongUse(f'{what} is {value!r}. Write an amount of 0 or more, such as "0.05".')
    if amount and amount < _USD_MIN:
        raise WrongUse(f"{what} is {value!r}, too small to be counted. Write 0, or at least {_USD_MIN} USD.")
    if amount > USD_MAX:
        raise WrongUse(f"{what} is {value!r}, more than a ledger can hold. Write at most {USD_MAX} USD.")
    return amount
