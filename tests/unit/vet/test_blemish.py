"""Faults inside an answer: each is what its name says, for any JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.vet.blemish import NOT_LISTED, blemish
from roadworthy.vet.kind import IN_CONTENT, Kind
from roadworthy.vet.recording import Answer

SCHEMA = {
    "type": "object",
    "properties": {"queue": {"$ref": "#/$defs/Queue"}, "note": {"type": "string"}},
    "required": ["queue"],
    "$defs": {"Queue": {"enum": ["billing", "shipping"]}},
}
CHANCES = st.floats(0, 1, exclude_max=True)
OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.text(max_size=8) | st.integers(-(2**63), 2**63 - 1) | st.none(),
    min_size=1,
    max_size=4,
)


def spoiled(
    value: object, kind: Kind, chance: float = 0.5, schema: Mapping[str, object] | None = None
) -> Answer:
    """The answer with its fault."""
    answer = blemish(Answer(json.dumps(value)), kind, chance, schema)
    assert answer is not None
    return answer


@given(OBJECTS, CHANCES, st.sampled_from([Kind.MALFORMED, Kind.TRUNCATED, Kind.PROSE, Kind.FENCED]))
def test_what_is_broken_does_not_parse(value: dict[str, object], chance: float, kind: Kind) -> None:
    """A fault would be counted that no client can see."""
    content = spoiled(value, kind, chance).content or ""
    with pytest.raises(json.JSONDecodeError):
        json.loads(content)


@given(OBJECTS, CHANCES)
def test_double_encoding_hides_the_answer_in_a_string(value: dict[str, object], chance: float) -> None:
    """Decoding twice would not give the answer back."""
    assert json.loads(json.loads(spoiled(value, Kind.DOUBLE_ENCODED, chance).content or "")) == value


@given(OBJECTS, CHANCES)
def test_a_missing_field_is_exactly_one(value: dict[str, object], chance: float) -> None:
    """More than one thing would be wrong, or nothing."""
    left = json.loads(spoiled(value, Kind.MISSING_FIELD, chance).content or "")
    assert len(left) == len(value) - 1
    assert left.items() <= value.items()


def test_the_schema_says_which_field_goes_wrong() -> None:
    """An optional field would go missing, or free text be given a value that it may well have."""
    value = {"queue": "billing", "note": "x"}
    for chance in (0.0, 0.99):
        assert json.loads(spoiled(value, Kind.MISSING_FIELD, chance, SCHEMA).content or "") == {"note": "x"}
        wrong = json.loads(spoiled(value, Kind.WRONG_ENUM, chance, SCHEMA).content or "")
        assert wrong == {"queue": NOT_LISTED, "note": "x"}


@pytest.mark.parametrize("kind", [Kind.MISSING_FIELD, Kind.WRONG_ENUM])
def test_plain_text_has_no_field_to_spoil(kind: Kind) -> None:
    """The log would tell of a fault that did not happen."""
    assert blemish(Answer("plain text"), kind, 0.5, None) is None


@pytest.mark.parametrize("kind", IN_CONTENT)
def test_an_answer_without_content_can_be_spoiled_too(kind: Kind) -> None:
    """A recorded refusal that draws a fault would crash the provider."""
    spoilt = blemish(Answer(None, refusal="no"), kind, 0.5, SCHEMA)
    assert spoilt is None or isinstance(spoilt.content, str | None)
