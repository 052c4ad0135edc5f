"""Prices: exact, in integer pico-dollars; an unknown price refuses, it is never zero."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from roadworthy._errors import WrongUse
from roadworthy._figure import plain
from roadworthy.call.reply import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

PICO = 10**12
USD_MAX = 9_000_000
"""The largest amount: a ledger keeps pico-dollars in 64 bits."""
_USD_MIN = Decimal("1e-12")
_FINE = 10**12
"""Sums are made in parts of 1e-12 pico-dollar: a token's price is a whole number of them, so nothing is rounded."""
_SNAPSHOT = re.compile(r"(?:-20\d\d-\d\d-\d\d|[-@]20\d{6})$")
_PLACE = re.compile(r"(?:us|eu|jp|au|ca|apac|us-gov)\.")


def usd(pico_dollars: int) -> Decimal:
    """Integer pico-dollars as US dollars, every digit kept."""
    return Decimal(pico_dollars).scaleb(-12).normalize() + Decimal(0)


def pico(dollars: str | Decimal | int, what: str = "The amount") -> int:
    """US dollars as integer pico-dollars; a cap is rounded down.

    Args:
        what: what a mistake is called after.

    Raises:
        WrongUse: not a number, negative, a float (0.1 as a float is not a tenth), or more than a ledger can hold.
    """
    above, below = _amount(dollars, what).as_integer_ratio()
    return above * PICO // below


@dataclass(frozen=True, slots=True, init=False)
class Price:
    """USD per million tokens. `Price(input="0.05", output="0.40")`.

    Args:
        input: input tokens.
        output: output tokens, reasoning included.
        cached: input tokens read from the provider's cache; as `input` where not given.
        cache_write: input tokens written to the provider's cache; as `input` where not given.
        cache_write_1h: those of them that are kept for an hour; as `cache_write` where not given.
        above: other prices for requests with more input than so many tokens; then they hold for every token.

    Raises:
        WrongUse: a float, something that is no amount, or more than 12 decimals.
    """

    input: Decimal
    output: Decimal
    cached: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    above: tuple[tuple[int, Price], ...]
    _fine: tuple[int, int, int, int, int] = field(repr=False, compare=False)
    _dearest: int = field(repr=False, compare=False)

    def __init__(
        self,
        *,
        input: str | Decimal | int,  # noqa: A002 - the provider's own word
        output: str | Decimal | int,
        cached: str | Decimal | int | None = None,
        cache_write: str | Decimal | int | None = None,
        cache_write_1h: str | Decimal | int | None = None,
        above: Mapping[int, Price] | None = None,
    ) -> None:
        base = _rate(input, "Price(input=...)")
        object.__setattr__(self, "input", base)
        object.__setattr__(self, "output", _rate(output, "Price(output=...)"))
        object.__setattr__(self, "cached", base if cached is None else _rate(cached, "Price(cached=...)"))
        write = base if cache_write is None else _rate(cache_write, "Price(cache_write=...)")
        object.__setattr__(self, "cache_write", write)
        hour = write if cache_write_1h is None else _rate(cache_write_1h, "Price(cache_write_1h=...)")
        object.__setattr__(self, "cache_write_1h", hour)
        object.__setattr__(self, "above", tuple(sorted((above or {}).items(), key=lambda tier: tier[0])))
        *inputs, produced = map(_fine, (base, self.cached, write, hour, self.output))
        object.__setattr__(self, "_fine", (*inputs, produced))
        object.__setattr__(self, "_dearest", max(inputs))

    def cost_pico(self, usage: Usage) -> int:
        """What reported usage costs; exact, rounded up once to a whole pico-dollar."""
        if self.above:
            for tokens, price in reversed(self.above):
                if usage.input_tokens > tokens:
                    return price.cost_pico(usage)
        given, cached, write, hour, produced = self._fine
        fine = usage.input_tokens * given + usage.output_tokens * produced
        if usage.cached_tokens or usage.cache_write_tokens:
            fine += (
                usage.cached_tokens * (cached - given)
                + usage.cache_write_tokens * (write - given)
                + usage.cache_write_1h_tokens * (hour - write)
            )
        return -(-fine // _FINE)

    def halved(self, *, cached_too: bool = True) -> Price:
        """Half of it, exact; tokens read from a cache may keep their price, which is never above half of the input's."""
        half = object.__new__(Price)
        given, cached, write, hour, produced = self._fine
        kept = cached // 2 if cached_too else min(cached, given // 2)
        rates = (self.input / 2, Decimal(kept) / (PICO // 10**6 * _FINE), self.cache_write / 2)
        names = ("input", "cached", "cache_write", "cache_write_1h", "output")
        values = (*rates, self.cache_write_1h / 2, self.output / 2)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(half, name, value)
        tiers = tuple((tokens, price.halved(cached_too=cached_too)) for tokens, price in self.above)
        object.__setattr__(half, "above", tiers)
        inputs = (given // 2, kept, write // 2, hour // 2)
        object.__setattr__(half, "_fine", (*inputs, produced // 2))
        object.__setattr__(half, "_dearest", max(inputs))
        return half

    def worst_pico(self, input_tokens: int, output_tokens: int) -> int:
        """The most that so many tokens can cost, whatever part of them is cached and whatever price they reach."""
        worst = -(-(input_tokens * self._dearest + output_tokens * self._fine[4]) // _FINE)
        if not self.above:
            return worst
        reachable = [price for tokens, price in self.above if input_tokens > tokens]
        return max([worst, *(price.worst_pico(input_tokens, output_tokens) for price in reachable)])


def checked_prices(given: object) -> dict[str, Price]:
    """Prices by model name as somebody declared them.

    Raises:
        WrongUse: something else than that.
    """
    help_ = 'Say USD per million tokens by model name: prices={"NAME": Price(input="0.05", output="0.40")}.'
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise WrongUse(f"prices={given!r} names no models. {help_}")
    for name, price in given.items():
        if not isinstance(name, str) or not isinstance(price, Price):
            raise WrongUse(f"prices={{{name!r}: {price!r}}} is no price. {help_}")
    return dict(given)


def find_price(
    provider: str, model: str, when: dt.datetime | None = None, *, lists: tuple[str, ...] = ()
) -> Price:
    """The list price of a provider's model, from the bundled price list (genai-prices, offline).

    The list matches names by their beginnings too; a name that it does not spell out is another model here, except a
    dated snapshot of one that it does.

    Args:
        provider: the prefix that names the provider here.
        lists: the price list's names for it, where they differ; the first one that knows the model is believed.

    Raises:
        WrongUse: no list knows it, or only a price for something else than tokens.
    """
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - 0.1 s of data

    help_ = f'App(..., prices={{"{provider}:{model}": Price(input="...", output="...")}})'
    nearest = ""
    for name in lists or (provider,):
        try:
            _, known = get_snapshot().find_provider_model(model, None, name, None)
        except LookupError:
            continue
        names = {known.id, *_spelled(known.match)}
        if names & set(_forms(model)):
            return _listed(known.get_prices(when or dt.datetime.now(dt.UTC)), f"{provider}:{model}", help_)
        nearest = nearest or known.id
    near = f"; the nearest on the list is {nearest!r}. Correct the name, or say" if nearest else ". Say"
    raise WrongUse(f"The price of {provider}:{model} is not known{near} the price: {help_}.")


_NO_OUTPUT = "openai-embeddings:"
_FIGURES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok")


def _listed(listed: ModelPrice, name: str, help_: str) -> Price:
    """A row of the list: a price, or several by the size of the input."""
    figures = {figure: getattr(listed, figure, None) for figure in _FIGURES}
    starts = sorted({tier.start for figure in figures.values() for tier in getattr(figure, "tiers", ())})

    def price(choose: Callable[[object], Decimal | None], **more: Mapping[int, Price]) -> Price:
        given, produced, cached, write, hour = (choose(figures[figure]) for figure in _FIGURES)
        if produced is None and name.startswith(_NO_OUTPUT):
            produced = Decimal(0)
        if given is None or produced is None:
            raise WrongUse(f"The price list has no price a token for {name}. Say the dearest: {help_}.")
        return Price(
            input=given, output=produced, cached=cached, cache_write=write, cache_write_1h=hour, **more
        )

    above = {start: price(lambda figure, start=start: _tier(figure, start)) for start in starts}  # type: ignore[misc] # mypy cannot tell a lambda with a default
    return price(lambda figure: _tier(figure, -1), above=above)


def _tier(figure: object, start: int) -> Decimal | None:
    """What a figure is for inputs beyond `start` tokens."""
    if isinstance(figure, Decimal):
        return figure
    reached = [tier.price for tier in getattr(figure, "tiers", ()) if tier.start <= start]
    base = getattr(figure, "base", None)
    found: object = reached[-1] if reached else base
    return found if isinstance(found, Decimal) else None


def _forms(model: str) -> Iterator[str]:
    """How the list may spell a name: as it is, without the date of a snapshot, or for any of Bedrock's regions."""
    yield model
    yield _SNAPSHOT.sub("", model)
    yield f"regional.{_PLACE.sub('', model, count=1)}"


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


def _amount(value: object, what: str) -> Decimal:
    value = plain(value)
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
