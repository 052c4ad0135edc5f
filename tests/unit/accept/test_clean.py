# ruff: noqa: RUF001 - the unusual characters are what is tested
"""Cleaning: what is repaired, what is left alone, what is written down."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.accept.clean import clean_body
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Cleaning, Json

HOSTILE = (
    Path(os.environ.get("ROADWORTHY_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "hostile"
)

any_text = st.text(st.characters(codec=None), max_size=40)  # surrogates and NUL included
any_json: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=20,
)


def hostile(name: str) -> list[dict[str, str]]:
    """Rows of a shared file of hostile data, or a skip."""
    path = HOSTILE / name
    if not path.exists():
        pytest.skip(f"{path} is not here; set ROADWORTHY_SHARED_DATA")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def is_storable(text: str) -> bool:
    """Whether every database takes the text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def storable_all_through(body: Json) -> bool:
    """Whether every text in the body can be stored."""
    if isinstance(body, str):
        return is_storable(body)
    if isinstance(body, dict):
        return all(is_storable(name) and storable_all_through(item) for name, item in body.items())
    return not isinstance(body, list) or all(storable_all_through(item) for item in body)


def test_each_kind_of_repair_says_what_where_before_and_after() -> None:
    """A repair would be made without a trace, and `why` could not show the input as it came."""
    body: Json = {"a": "x\0y", "list": [{"note": "cafÃ©"}], "half": "\ud83d", "plain": "café"}
    cleaned, cleanings = clean_body(body)
    assert cleaned == {"a": "x\ufffdy", "list": [{"note": "café"}], "half": "\ufffd", "plain": "café"}
    assert cleanings == (
        Cleaning("nul", "a", "x\\x00y", "x\ufffdy"),
        Cleaning("mojibake", "list.0.note", "cafÃ©", "café"),
        Cleaning("surrogate", "half", "\\ud83d", "\ufffd"),
    )


def test_a_pair_of_halves_becomes_its_character() -> None:
    """An emoji that a caller split into two surrogates would be destroyed although nothing is missing."""
    cleaned, cleanings = clean_body({"text": "ok \ud83d\ude00"})
    assert cleaned == {"text": "ok 😀"}
    assert [cleaning.kind for cleaning in cleanings] == ["surrogate"]


def test_names_are_cleaned_like_values() -> None:
    """A database would refuse the record for a NUL in a name."""
    cleaned, cleanings = clean_body({"a\0b": 1})
    assert cleaned == {"a\ufffdb": 1}
    assert cleanings[0].where == "a\\x00b"


def test_two_names_that_become_one_are_refused() -> None:
    """Cleaning would silently drop a field."""
    with pytest.raises(WrongRecord, match="two names become"):
        clean_body({"a\0": 1, "a\ufffd": 2})


@pytest.mark.parametrize(
    "text",
    [
        "“curly” quotes – and … ellipses",
        "&lt;b&gt; &eacute;",
        "ﬁne print ①",
        "e\u0301 is not NFC",
        "\x1b[31mred\x1b[0m \x07 bell",
        "Ça va, Ângela? ÅNGSTRÖM – naïve façade",
        "ПРИВЕТ, 你好, こんにちは, שלום, नमस्ते",
        "👩‍👩‍👧‍👦 \u202eright to left\u202c \u200b",
        "",
    ],
)
def test_a_senders_own_words_stay(text: str) -> None:
    """Text that is not broken would be rewritten: quotes uncurled, entities decoded, forms composed."""
    assert clean_body({"text": text}) == ({"text": text}, ())


def test_depth_is_bounded() -> None:
    """A value nested without end would exhaust the stack."""
    body: Json = "deep"
    for _ in range(5_000):
        body = [body]
    with pytest.raises(WrongRecord, match="deeper than 64 levels"):
        clean_body(body)


def test_before_and_after_are_short_and_show_the_change() -> None:
    """A repair in a text of a megabyte would store the text twice more, or show a part that did not change."""
    _, (cleaning,) = clean_body({"text": "a" * 500_000 + "\0" + "b" * 500_000})
    assert len(cleaning.before) <= 200
    assert len(cleaning.after) <= 200
    assert "a\\x00b" in cleaning.before
    assert "a\ufffdb" in cleaning.after


@given(any_json)
def test_whatever_comes_what_leaves_can_be_stored(body: Json) -> None:
    """Some input would be refused by the database after it was taken in."""
    try:
        cleaned, cleanings = clean_body(body)
    except WrongRecord:
        return
    assert storable_all_through(cleaned)
    assert all(is_storable(part) for c in cleanings for part in (c.where, c.before, c.after))
    assert (cleaned == body) == (not cleanings)


@given(any_json)
def test_cleaning_twice_changes_nothing_more(body: Json) -> None:
    """A record read back from its own output would get another body and another hash."""
    try:
        once, _ = clean_body(body)
    except WrongRecord:
        return
    assert clean_body(once) == (once, ())


def test_naughty_strings_survive_or_their_repair_is_written_down() -> None:
    """Some string that breaks software would be changed silently on its way in."""
    rows = hostile("naughty_strings.jsonl")
    assert len(rows) > 500
    repaired = 0
    for row in rows:
        cleaned, cleanings = clean_body({"text": row["text"]})
        assert isinstance(cleaned, dict)
        assert (cleaned["text"] == row["text"]) == (not cleanings)
        repaired += bool(cleanings)
    print(f"naughty strings: {len(rows)}, repaired {repaired}")
    assert repaired <= 5


def test_mojibake_is_put_right_as_far_as_ftfy_reaches() -> None:
    """Broken encodings would reach the model, or text that only looks broken would be rewritten."""
    rows = hostile("ftfy_mojibake.jsonl")
    right = negatives = kept = 0
    for row in rows:
        cleaned, _ = clean_body({"text": row["text"]})
        wanted = row["fixed_encoding"] or row["fixed"]
        right += cleaned == {"text": wanted}
        assert cleaned == {"text": wanted} or row["expect"] == "fail", (
            "only what its authors know that it misses"
        )
        if wanted == row["text"] and row["expect"] == "pass":
            negatives += 1
            kept += cleaned == {"text": wanted}
    print(f"mojibake: {len(rows)} cases, {right} as wanted; of {negatives} that must stay {kept} stay")
    assert right >= 151
    assert kept == negatives >= 30


def test_words_that_end_with_a_stop_get_no_second_one() -> None:
    """A library's own words stand in what is wrong, and the report would say `Data format error).. Save it again`."""
    assert (
        str(WrongRecord("it is no PDF: broken.", "Save it again.")) == "it is no PDF: broken. Save it again."
    )
