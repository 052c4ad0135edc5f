"""Cutting a record: nothing is lost, nothing is twice, parts keep to their length and begin where a reader would."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from roadworthy._errors import WrongUse
from roadworthy.ask.split import parts_of, split_of, with_text


class Letter(BaseModel):
    id: str
    body: str


@dataclass(frozen=True)
class Note:
    id: str
    body: str


@given(st.text(alphabet="ab. \n", max_size=400), st.integers(1, 60))
def test_every_character_is_in_exactly_one_part(text: str, chars: int) -> None:
    """A part of a record would silently never be asked about, or be paid for twice."""
    parts = list(parts_of(text, "", chars))
    assert all(part.text == text[part.start : part.end] and len(part.text) <= chars for part in parts)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    between = text
    for part in reversed(parts):
        between = between[: part.start] + between[part.end :]
    assert not between.strip()
    assert all(one.end <= two.start for one, two in pairwise(parts))


def test_a_part_ends_where_a_heading_begins_and_fills_up() -> None:
    """A section would be torn from its title, or each small section would be a question of its own."""
    text = "A\n" + "a " * 20 + "\nB\n" + "b " * 5 + "\nC\n" + "c " * 5
    facts: dict[str, Any] = {
        "name": "x.md",
        "kind": "text/markdown",
        "sha256": "",
        "pages": [],
        "blank_pages": [],
        "headings": [
            {"start": text.index(title), "level": 1, "title": title} for title in ("A\n", "B\n", "C\n")
        ],
        "attachments": [],
    }
    found = [part.text for part in parts_of({"text": text, "document": facts}, "text", 50)]
    assert [part[0] for part in found] == ["A", "B"]
    assert "C" in found[1]


@pytest.mark.parametrize(
    "value",
    [Letter(id="1", body="long"), Note("1", "long"), {"id": "1", "body": "long"}],
    ids=["model", "dataclass", "dict"],
)
def test_a_part_is_a_copy_of_its_record(value: Any) -> None:
    """The record itself would be changed, or the part would lose its other fields."""
    part = with_text(value, "body", "short")
    assert type(part) is type(value)
    pick = value.get if isinstance(value, dict) else lambda name: getattr(value, name)
    other = part.get if isinstance(part, dict) else lambda name: getattr(part, name)
    assert (pick("body"), other("body"), other("id")) == ("long", "short", "1")


def test_what_cannot_be_cut_is_told() -> None:
    """A misspelt field would send every record whole."""
    with pytest.raises(WrongUse, match="boddy"):
        list(parts_of(Letter(id="1", body="x"), "boddy", 10))
    with pytest.raises(WrongUse, match="nothing is split"):
        split_of(None, 10)
    with pytest.raises(WrongUse, match="1 or more"):
        split_of("text", 0)
