"""Prices and sums: exact, whatever the digits; and the log, bounded."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._errors import WrongUse
from roadworthy.vet.bill import Account, money_text, read_price

PRICES = st.decimals(min_value=0, max_value=10_000, places=9)
TOKENS = st.integers(0, 10**9)


@given(PRICES, PRICES, st.lists(st.tuples(TOKENS, TOKENS), max_size=20))
def test_the_sum_is_that_of_the_rows_to_the_last_digit(
    given_usd: Decimal, produced_usd: Decimal, tokens: list[tuple[int, int]]
) -> None:
    """A ledger could not be compared with the bill for equality."""
    account = Account({"m": read_price(f"{given_usd},{produced_usd}")}, rows_max=100)
    for pair in tokens:
        entry = account.arrive(0.0, b"")
        account.name(entry, "m")
        account.charge(entry, *pair)
    exact = (
        sum((Fraction(given_usd) * a + Fraction(produced_usd) * b for a, b in tokens), start=Fraction(0))
        / 1_000_000
    )
    total = account.bill().total.cost_usd
    assert total is not None
    assert (
        Fraction(total) == exact == sum((Fraction(row.cost_usd or 0) for row in account.rows()), Fraction(0))
    )
    assert Decimal(money_text(total) or "x") == total


def test_the_log_is_bounded_and_the_bill_is_not() -> None:
    """A long test would fill the memory, or its early requests fall off the bill."""
    account = Account({}, rows_max=5)
    for _ in range(12):
        account.name(account.arrive(0.0, b""), "m")
    assert [row.n for row in account.rows()] == [8, 9, 10, 11, 12]
    assert [row.n for row in account.rows(after=10)] == [11, 12]
    assert [row.n for row in account.rows(after=2, most=2)] == [8, 9]
    assert account.rows(after=12) == account.rows(after=99) == []
    assert account.bill().total.requests == 12


@pytest.mark.parametrize("said", ["1", "1,2,3", "a,b", "-1,1", "NaN,1", "Infinity,1", "1e99,1", ""])
def test_a_price_that_is_none_is_refused(said: str) -> None:
    """A typing error would make tokens free, or the sums inexact."""
    with pytest.raises(WrongUse):
        read_price(said)


def test_money_is_written_without_an_exponent() -> None:
    """A reader that expects plain digits would fail on 1E-7."""
    assert [money_text(Decimal(text)) for text in ("1E-7", "1.500", "0E-8", "20")] == [
        "0.0000001",
        "1.5",
        "0",
        "20",
    ]
    assert money_text(None) is None
