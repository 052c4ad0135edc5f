# ruff: noqa: RUF001 - the unusual characters are what is tested
"""Identity: the key and the hash of a record."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.accept.identity import body_hash, own_key, record_key
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Json

USELESS: list[Json] = ["", "  ", None, True, 1.5, ["x"]]


def test_the_hash_is_of_the_content_and_not_of_the_order() -> None:
    """The same record with its fields in another order would be a conflict instead of a duplicate."""
    assert body_hash({"a": 1, "b": {"d": 2, "c": "é"}}) == body_hash({"b": {"c": "é", "d": 2}, "a": 1})
    assert body_hash({"a": 1}) == hashlib.sha256(b'{"a":1}').digest()
    assert len({body_hash({"a": a}) for a in (1, "1", 1.5, True, None, 2**70, 2**70 + 1)}) == 7


@given(st.integers(), st.text(st.characters(exclude_categories=["Cs"])))
def test_every_integer_and_text_has_a_hash_that_stays(number: int, text: str) -> None:
    """A number beyond 64 bits would stop the run, or the same body would hash in two ways."""
    assert body_hash({"n": number, "t": text}) == body_hash({"t": text, "n": number})
    assert body_hash({"n": number}) != body_hash({"n": number + 1})


def test_the_key_comes_from_what_the_step_says_then_id_then_content() -> None:
    """A record would change its key between runs, and be answered and paid for twice."""
    body: Json = {"id": 7, "ref": "R-1", "text": "hello"}
    assert record_key(body, body, None) == "7"
    assert record_key(body, body, "ref") == "R-1"
    assert record_key(body, body, lambda value: value["text"] + "!") == "hello!"
    assert record_key({"text": "a"}, None, None) == body_hash({"text": "a"}).hex()[:16]
    for useless in USELESS:
        assert record_key({"id": useless}, None, None) == body_hash({"id": useless}).hex()[:16]
    assert record_key("a text", "a text", None) == body_hash("a text").hex()[:16]


@pytest.mark.parametrize(
    "found", ["", " ", None, True, 1.5, [], "a\nb", "a\x1b[2J", "a\x85", "a\u2028b", "k" * 257]
)
def test_a_declared_key_that_cannot_be_used_is_refused(found: Json) -> None:
    """A key would break a terminal, a URL or a row, or all records without one would share one."""
    with pytest.raises(WrongRecord, match="key"):
        record_key({"ref": found}, None, "ref")
    with pytest.raises(WrongRecord, match="key function"):
        record_key({}, None, lambda _value: found)
    assert own_key({"ref": found}, "ref") is None


def test_a_key_function_that_stumbles_over_a_record_refuses_that_record() -> None:
    """One record without the field would end the run for all of them."""
    with pytest.raises(WrongRecord, match="raised KeyError"):
        record_key({}, {}, lambda value: value["ref"])


def test_long_and_foreign_keys_are_taken_whole() -> None:
    """A customer's own key would be cut, and two of them become one."""
    assert record_key({"id": "k" * 256}, None, None) == "k" * 256
    assert record_key({"id": "ключ 1 – é"}, None, None) == "ключ 1 – é"
