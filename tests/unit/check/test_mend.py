"""Mending: a slip is undone or the answer is refused; nothing is invented and nothing is lost."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._errors import Fault
from roadworthy._settings import DEFAULTS
from roadworthy.accept.record import Json
from roadworthy.check.mend import mend

SHARED = Path(
    os.environ.get("ROADWORTHY_SHARED_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
)
CASES = SHARED / "hostile" / "json_repair_cases.jsonl"

SLIPS = ["```", "```json\n{}\n```", "a ``` b", '"', "\\", "\\u0041", "'", "{", '{"a":1}', "\ufeff", " "]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(SLIPS)
OBJECTS = st.dictionaries(
    TEXT,
    st.recursive(TEXT | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3)),
    max_size=4,
)


def leaves(value: Json) -> Iterator[str]:
    """Every name, text and number in the value, as JSON writes it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield json.dumps(name, ensure_ascii=False)
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield json.dumps(value, ensure_ascii=False)


def occurs(leaf: str, text: str) -> bool:
    """Whether the leaf stands in the text, in any of JSON's spellings, encoded once or twice."""
    value = json.loads(leaf)
    text += re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    spellings = {
        leaf,
        json.dumps(value),
        json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)[1:-1],
    }
    if isinstance(value, str):
        return any(spelling.strip('"') in text for spelling in spellings)
    return leaf in text or any(json.loads(word) == value for word in _numbers(text))


def _numbers(text: str) -> Iterator[str]:
    for word in (
        text.replace("[", " ").replace("]", " ").replace(",", " ").replace(":", " ").replace("}", " ").split()
    ):
        try:
            json.loads(word)
        except ValueError:
            continue
        yield word


@pytest.mark.skipif(not CASES.exists(), reason=f"the malformed texts are not at {CASES}")
def test_nothing_is_invented_on_real_malformed_texts() -> None:
    """If this fails, a mended answer says something that the model never said."""
    accepted = refused = 0
    for line in CASES.read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"]
        if not isinstance(text, str):
            continue
        try:
            value, names = mend(text, DEFAULTS)
        except Fault:
            refused += 1
            continue
        accepted += 1
        assert all(occurs(leaf, text) for leaf in leaves(value)), (text, value, names)
    assert (accepted > 20, refused > 150) == (True, True), (accepted, refused)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"a":1}', ()),
        (' \n{"a":1}\r\n', ()),
        ('\ufeff{"a":1}', ("bom",)),
        ('\u00a0{"a":1}\u2028', ("white_space",)),
        ('```json\n{"a":1}\n```', ("fence",)),
        ('```\n{"a":1}\n```\n', ("white_space", "fence")),
        ('```JSON {"a":1}```', ("fence",)),
        ('\ufeff ```json\n{"a":1}```', ("bom", "white_space", "fence")),
        (r'"{\"a\":1}"', ("double_encoding",)),
        ('```\n"{\\"a\\":1}"\n```', ("fence", "double_encoding")),
    ],
)
def test_each_slip_is_undone_and_named(text: str, names: tuple[str, ...]) -> None:
    """If this fails, a right answer in a fence costs a second request, or a mending goes unrecorded."""
    assert mend(text, DEFAULTS) == ({"a": 1}, names)


@pytest.mark.parametrize(
    "text",
    [
        'Here it is:\n```json\n{"a":1}\n```',
        '```json\n{"a":1}\n```\nHope this helps!',
        '```json\n{"a":1}\n```\n```json\n{"a":2}\n```',
        '{"a":1,}',
        "{'a':1}",
        "{a:1}",
        '{"a":1}{"a":2}',
        '{"a":[1,2',
        '```json\n{"a":[1,2',
        '```json\n{"a":[1,2\n```',
        '{"a":1',
        '{"a":True}',
        '{"a":1} // one',
        "```",
        "``````",
        "",
        '```python\n{"a":1}\n```',
    ],
)
def test_anything_else_is_not_mended(text: str) -> None:
    """If this fails, the system guesses which of two answers was meant, or completes one that was cut off."""
    with pytest.raises(Fault) as caught:
        mend(text, DEFAULTS)
    assert caught.value.kind == "malformed"


def test_the_fault_speaks_of_what_is_in_the_fence() -> None:
    """If this fails, a model with a fence and a comma too many is told only of the fence."""
    with pytest.raises(Fault, match="not JSON: "):
        mend('```json\n{"a":1,}\n```', DEFAULTS)


def test_a_string_stays_one_where_no_object_is_wanted_or_held() -> None:
    """If this fails, text that happens to look like JSON changes its type."""
    assert mend(r'"{\"a\":1}"', DEFAULTS, wants_object=False) == ('{"a":1}', ())
    assert mend('"[1]"', DEFAULTS) == ("[1]", ())
    assert mend(r'"\"{}\""', DEFAULTS) == ('"{}"', ())


@given(OBJECTS)
def test_fences_in_values_are_untouched(value: dict[str, Any]) -> None:
    """If this fails, an answer that quotes Markdown loses a part of it."""
    text = json.dumps(value, ensure_ascii=False)
    assert mend(text, DEFAULTS) == (value, ())


@given(OBJECTS, st.sampled_from(["", "json", "json\n", "\n"]), st.sampled_from(["", "\n", " \n"]))
def test_a_fence_around_the_whole_is_taken_off(value: dict[str, Any], before: str, after: str) -> None:
    """If this fails, a fenced answer is refused or changed."""
    text = "```" + before + json.dumps(value) + after + "```"
    assert mend(text, DEFAULTS) == (value, ("fence",))


@given(OBJECTS)
def test_double_encoding_is_taken_off_once(value: dict[str, Any]) -> None:
    """If this fails, a doubly encoded answer is refused or changed."""
    once = json.dumps(value)
    assert mend(json.dumps(once), DEFAULTS) == (value, ("double_encoding",))
    assert mend(json.dumps(json.dumps(once)), DEFAULTS) == (json.dumps(once), ())


@given(st.text(st.sampled_from('`jsonJSON{}[]":,1a \n\ufeff'), max_size=30))
def test_every_leaf_stands_in_the_text(text: str) -> None:
    """If this fails, mending invents."""
    try:
        value, _ = mend(text, DEFAULTS)
    except Fault:
        return
    assert all(occurs(leaf, text) for leaf in leaves(value))


@pytest.mark.parametrize(
    "text",
    [
        '<think>\nA bill, so {"topic": "other"} is wrong.\n</think>\n\n{"topic": "billing"}',
        '<think>\n</think>\n\n{"topic": "billing"}',
        'A bill, so billing.\n</think>\n{"topic": "billing"}',
        '<think>a bill</think>\n```json\n{"topic": "billing"}\n```',
    ],
)
def test_reasoning_before_an_answer_is_no_answer(text: str) -> None:
    """A model of one's own without a parser for its reasoning would be paid twice for each record, and never be heard."""
    value, names = mend(text, DEFAULTS)
    assert value == {"topic": "billing"}
    assert names[0] == "reasoning"


@pytest.mark.parametrize(
    "text",
    [
        '<think>a bill</think>\nIt is {"topic": "billing"}',
        '<think>a bill</think>{"topic": "billing"}</think>{"topic": "other"}',
        '<think>a bill {"topic": "billing"}',
        '{"topic": "other"}</think>{"topic": "billing"}',
        "<think>a bill</think>",
    ],
)
def test_what_may_be_two_answers_is_none(text: str) -> None:
    """What a model only thought of would be taken for its answer."""
    with pytest.raises(Fault):
        mend(text, DEFAULTS)


def test_an_answer_that_speaks_of_reasoning_is_left_alone() -> None:
    """A quote would lose its beginning."""
    assert mend('{"quote": "<think>no</think> yes"}', DEFAULTS) == ({"quote": "<think>no</think> yes"}, ())
