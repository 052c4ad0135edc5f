"""JSON read strictly."""

from __future__ import annotations

import base64
import gzip
import json
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.accept.document import read_document
from roadworthy.accept.reason import WrongRecord

SUITE = (
    Path(os.environ.get("ROADWORTHY_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
    / "hostile"
    / "jsontestsuite.jsonl.gz"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', "the field 'a' is given 2 times"),
        ('{"x": {"a": 1, "b": 2, "a": 1}}', "the field 'a' is given 2 times"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"a": 1e999}', "larger than a double"),
        ('{"a": ' + "9" * 5_000 + "}", "Write the number as a string"),
        ('{"a": 1', "not JSON: .* at column 8"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1} {"a": 2}', "Extra data"),
        ('{"a": "tab\there"}', "Invalid control character"),
        ("[" * 65 + "]" * 65, "deeper than 64 levels"),
        ('{"a":' * 100_000, "deeper than 64 levels"),
    ],
)
def test_what_is_ambiguous_or_broken_is_refused_with_the_place(text: str, words: str) -> None:
    """A guess would be paid for: the last of two values, an infinite price, half a record."""
    with pytest.raises(WrongRecord, match=words):
        read_document(text, 64)


def test_integers_of_any_size_survive() -> None:
    """An order number of 25 digits would come out rounded."""
    assert read_document('{"n": 1234567890123456789012345}', 64) == {"n": 1234567890123456789012345}


def test_depth_counts_brackets_and_not_text() -> None:
    """A text full of brackets would be refused as too deep, or escapes would hide real depth."""
    text = json.dumps({"a": '[{"' * 1_000 + "\\", "b": [[]] * 500})
    assert read_document(text, 3) == json.loads(text)
    assert read_document("[" * 64 + "]" * 64, 64)
    with pytest.raises(WrongRecord, match="deeper than 3 levels"):
        read_document(r'{"\"[": [[[1]]]}', 3)


def test_a_limit_above_the_stack_refuses_instead_of_crashing() -> None:
    """Raising json_depth_max would turn one hostile line into the end of the run."""
    deep = 40 * sys.getrecursionlimit()
    with pytest.raises(WrongRecord, match="nested deeper"):
        read_document("[" * deep, deep)


def test_a_hostile_line_costs_time_in_proportion_to_its_length() -> None:
    """Four megabytes of quotes and backslashes would hold a worker for minutes."""
    for piece in ('"', '\\"', '["', "[]", '"\\'):
        begin = time.process_time()
        with pytest.raises(WrongRecord):
            read_document(piece * (1_000_000 // len(piece)), 64)
        assert time.process_time() - begin < 5


def test_a_name_given_twice_among_many_is_found_in_proportion_to_their_number() -> None:
    """One line of four megabytes, of many names and one of them twice, would hold the intake for an hour."""
    names = ",".join(f'"{number}":0' for number in range(100_000))
    begin = time.process_time()
    with pytest.raises(WrongRecord, match="the field 'z' is given 2 times in one object, with 1 and 2"):
        read_document(f'{{{names},"z":1,"z":2}}', 64)
    assert time.process_time() - begin < 5


finite_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(finite_json, st.booleans())
def test_all_json_comes_back_as_it_was_written(body: object, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Some valid record would be refused or read differently."""
    assert read_document(json.dumps(body, ensure_ascii=ascii_only), 64) == body


def test_the_public_suite_of_json_documents() -> None:
    """A document that every parser must take would be refused, or one that it must refuse be taken."""
    if not SUITE.exists():
        pytest.skip(f"{SUITE} is not here; set ROADWORTHY_SHARED_DATA")
    cases = [json.loads(line) for line in gzip.decompress(SUITE.read_bytes()).splitlines()]
    judged = 0
    for case in cases:
        raw = base64.b64decode(case["bytes_b64"]) if case["bytes_b64"] else case["text"].encode()
        try:
            read_document(raw.decode("utf-8"), 600)
            taken = True
        except (WrongRecord, UnicodeDecodeError):
            taken = False
        if case["expect"] == "accept" and "duplicated_key" not in case["id"]:
            assert taken, case["id"]
            judged += 1
        if case["expect"] == "reject":
            assert not taken, case["id"]
            judged += 1
    assert judged > 250


def test_a_string_that_never_closes_is_refused_at_once() -> None:
    """One long line with an open quote would keep a core busy for hours."""
    began = time.process_time()
    with pytest.raises(WrongRecord):
        read_document('{"a":"' + 'x\\"' * 200_000, 64)
    assert time.process_time() - began < 5
