"""Parts: data written into text, the same way in every process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.processes import said_with_seeds

from roadworthy._errors import WrongUse
from roadworthy.ask.part import json_bytes, part_text, plain, storable


class Line(BaseModel):
    price: Decimal
    on: date
    tags: set[str] = set()


@dataclass
class Order:
    lines: list[Line]
    note: str


ORDER = Order([Line(price=Decimal("1.10"), on=date(2026, 1, 2), tags={"b", "a", "c"})], "naïve")


def test_data_becomes_sorted_indented_json() -> None:
    """If this fails, the same record gives another prompt, and is paid for again."""
    assert part_text(ORDER) == (
        '{\n  "lines": [\n    {\n      "on": "2026-01-02",\n      "price": "1.10",\n      "tags": [\n'
        '        "a",\n        "b",\n        "c"\n      ]\n    }\n  ],\n  "note": "naïve"\n}'
    )


def test_sets_have_one_order_in_every_process() -> None:
    """If this fails, Python's random string hashes decide what is sent, and nothing is reused across runs."""
    code = "from roadworthy.ask.part import json_bytes as j; print(j({'a': {'x', 'y', 'z', 'w', 'v'}}))"
    assert said_with_seeds(code) == {'b\'{"a":["v","w","x","y","z"]}\'\n'}


def test_large_numbers_keep_their_digits() -> None:
    """If this fails, an account number of thirty digits reaches the model rounded."""
    assert json_bytes({"n": 10**30}) == b'{"n":1000000000000000000000000000000}'
    assert plain([10**30]) == [10**30]


def test_text_stays_as_it_is_and_blank_text_says_so() -> None:
    """If this fails, an empty part vanishes and the model answers about nothing."""
    assert part_text("  as it is\n") == "  as it is\n"
    assert part_text(" \n") == "(empty)"


@pytest.mark.parametrize("value", [object(), {"a": object()}, [print], {"a": 10**30, "b": float("nan")}])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    """If this fails, some object's `repr` reaches the model."""
    with pytest.raises(WrongUse, match="no JSON form"):
        part_text(value)


class Weighed(BaseModel):
    note: str | None = None
    weights: dict[str, list[float]]


class Counted(BaseModel):
    counts: dict[bool | str, int]


@dataclass
class Scaled:
    scale: float

    note: None = None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1.0, float("nan")]}, "`a.1` is nan"),
        (Weighed(weights={"x": [float("inf")]}), "`weights.x.0` is inf"),
        ([Scaled(scale=float("-inf"))], "`0.scale` is -inf"),
        ({"a": ({"b": float("nan")},)}, "`a.0.b` is nan"),
    ],
)
def test_what_is_no_number_is_refused(value: object, said: str) -> None:
    """The model would read null where something was reckoned wrong, and answer as if nothing were known."""
    with pytest.raises(WrongUse, match=re.escape(said)):
        part_text(value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({1: "a", "1": "b"}, "1"),
        ({"x": [{None: 1, "null": 2}]}, "null"),
        (Counted(counts={True: 1, "true": 2}), "true"),
    ],
)
def test_two_names_that_are_written_alike_are_refused(value: object, name: str) -> None:
    """One object would have a name twice, of which each reader takes another one."""
    with pytest.raises(WrongUse, match=f"two names that are written '{name}'"):
        part_text(value)


def test_names_that_are_no_text_are_written_as_text() -> None:
    """A part that works today, such as counts by year, would be refused."""
    counts = {2026: {None: 1, True: None}, "x": float(2)}
    assert json_bytes(counts) == b'{"2026":{"null":1,"true":null},"x":2.0}'


def test_storable_joins_pairs_and_replaces_halves() -> None:
    """If this fails, one emoji written as two escapes is lost, or half of one reaches a ledger that refuses it."""
    assert storable("a\ud83d\ude00b") == "a😀b"
    assert storable("\ud800x\0y\udfff") == "\ufffdx\ufffdy\ufffd"


@given(st.text(st.characters()))
def test_storable_text_can_be_stored(text: str) -> None:
    """If this fails, a text exists that the ledger refuses, and its record is stuck."""
    kept = storable(text)
    assert "\0" not in kept
    assert kept.encode().decode() == kept
    assert storable(kept) == kept


def test_a_set_in_a_named_tuple_or_a_queue_is_written_in_order() -> None:
    """The question would be another one in each process, and would be bought again."""
    code = """
from collections import deque
from typing import NamedTuple
from roadworthy.ask.part import json_bytes

class Tagged(NamedTuple):
    tags: set

letters = {"x", "y", "z", "w", "v"}
print(json_bytes({"a": Tagged(letters), "b": deque([letters], maxlen=3)}).decode())
"""
    said = said_with_seeds(code)
    assert said == {'{"a":[["v","w","x","y","z"]],"b":[["v","w","x","y","z"]]}\n'}
