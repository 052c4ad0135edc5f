"""The record type of a step."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict  # the standard one serves pydantic from Python 3.12 on

from roadworthy._errors import WrongUse
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Json
from roadworthy.accept.schema import RecordSchema


class Ticket(BaseModel):
    id: str
    body: str = Field(max_length=20)
    urgency: int = Field(default=1, ge=1, le=5)


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    day: dt.date
    pair: tuple[int, int]


@dataclasses.dataclass
class Order:
    text: str
    count: int


class Row(TypedDict):
    text: str
    count: int


def test_each_kind_of_record_type_gives_its_own_value() -> None:
    """A step would be handed a dict where it declared a model."""
    assert RecordSchema(Ticket).validate({"id": "1", "body": "b"}) == Ticket(id="1", body="b")
    assert RecordSchema(Order).validate({"text": "t", "count": 1}) == Order("t", 1)
    assert RecordSchema(Row).validate({"text": "t", "count": 1}) == {"text": "t", "count": 1}
    for untyped in (dict, None, inspect.Parameter.empty):
        assert RecordSchema(untyped).validate({"any": [1]}) == {"any": [1]}
    assert RecordSchema(dict[str, int]).validate({"a": 1}) == {"a": 1}


def test_a_value_shares_nothing_with_the_body_that_is_kept() -> None:
    """A step that tidies its dict would change the record after its hash was taken."""
    body: Json = {"list": [1]}
    value = RecordSchema(dict).validate(body)
    assert isinstance(value, dict)
    value["list"].append(2)
    assert body == {"list": [1]}


def test_json_rules_hold_for_a_strict_model_and_for_large_integers() -> None:
    """A strict model could never be filled from JSON, and a large number would be refused."""
    assert RecordSchema(Strict).validate({"day": "2026-01-02", "pair": [1, 2]}) == Strict(
        day=dt.date(2026, 1, 2), pair=(1, 2)
    )
    assert RecordSchema(Order).validate({"text": "t", "count": 2**70}) == Order("t", 2**70)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"id": "1", "body": "b", "urgency": "high"},
            "field `urgency`: expected a valid integer, got 'high'. Correct",
        ),
        ({"id": "1"}, "field `body`: is missing"),
        ({"id": "1", "body": "x" * 99}, "field `body`: String should have at most 20 characters, got 'xxx"),
        ({"id": "1", "body": "b", "urgency": 9}, "field `urgency`: expected less than or equal to 5, got 9"),
        ({"id": 1, "body": None}, "field `id`: .*; field `body`: "),
        ("just text", "got 'just text'"),
    ],
)
def test_a_wrong_record_is_told_by_field_expectation_and_value(body: Json, words: str) -> None:
    """A person would have to guess what is wrong with line 40,312."""
    with pytest.raises(WrongRecord, match=words) as caught:
        RecordSchema(Ticket).validate(body)
    assert len(str(caught.value)) < 600


def test_a_value_of_a_megabyte_is_told_in_eighty_characters() -> None:
    """One reason would fill the log and the ledger."""
    body: Json = {"id": "1", "body": {"a\0": ["x" * 1_000_000] * 50}}
    with pytest.raises(WrongRecord) as caught:
        RecordSchema(Ticket).validate(body)
    assert len(str(caught.value)) < 400
    assert "\0" not in str(caught.value)


def test_many_faults_are_counted_not_listed() -> None:
    """A list of ten thousand wrong items would give ten thousand lines."""
    with pytest.raises(WrongRecord, match="and 9995 more"):
        RecordSchema(dict[str, list[int]]).validate({"n": ["x"] * 10_000})


def test_a_validator_with_a_bug_costs_the_record_and_not_the_run() -> None:
    """`None.strip()` in a user's validator would end a run at record 50,000."""

    class Careless(BaseModel):
        name: str

        @field_validator("name", mode="before")
        @classmethod
        def tidy(cls, value: Any) -> Any:
            return value.strip()

    assert RecordSchema(Careless).validate({"name": " a "}) == Careless(name="a")
    with pytest.raises(WrongRecord, match="a validator of Careless raised AttributeError"):
        RecordSchema(Careless).validate({"name": None})


def test_a_text_record_comes_from_a_text_or_the_only_text_field() -> None:
    """A step that takes `str` could not be fed from JSONL with ids, or would be fed the wrong field."""
    schema = RecordSchema(str)
    assert schema.is_text
    assert schema.validate("hello") == "hello"
    assert schema.validate({"id": "T-1", "text": "hello", "n": 3}) == "hello"
    assert RecordSchema(str, key_field="ref").validate({"ref": "T-1", "text": "hello"}) == "hello"
    wrongs: list[Json] = [{"id": "T-1"}, {"a": "x", "b": "y"}, ["x"], None]
    for wrong in wrongs:
        with pytest.raises(WrongRecord, match="text"):
            schema.validate(wrong)


def test_text_fields_are_the_required_free_texts_besides_the_key() -> None:
    """The chat door would fill the key or a category with the user's message."""

    class Wide(BaseModel):
        id: str
        body: str
        lang: Literal["en", "de"]
        day: dt.date
        note: str = ""
        title: Annotated[str, Field(max_length=9)]

    assert RecordSchema(Wide).text_fields == ("body", "title")
    assert RecordSchema(Wide, key_field="body").text_fields == ("id", "title")
    assert RecordSchema(Order).text_fields == ("text",)
    assert RecordSchema(Row).text_fields == ("text",)
    assert RecordSchema(dict).text_fields == RecordSchema(str).text_fields == ()


class Node(BaseModel):
    name: str
    inner: Node | None = None


def test_text_fields_of_a_type_that_holds_itself() -> None:
    """A record type that refers to itself would have no text field."""
    assert RecordSchema(Node).text_fields == ("name",)


@pytest.mark.parametrize("kind", [int, float, bool, bytes, list, list[str], tuple[int, ...]])
def test_a_type_that_can_never_be_a_record_is_refused_at_once(kind: object) -> None:
    """Every record of the run would be rejected instead of one message when the app is built."""
    with pytest.raises(WrongUse, match="A record cannot be"):
        RecordSchema(kind)


def test_a_type_pydantic_cannot_build_is_wrong_use() -> None:
    """The user would see pydantic's internals, or every record would be blamed for the type."""

    class Opaque:
        pass

    schema = RecordSchema(Opaque)
    with pytest.raises(WrongUse, match="record type Opaque cannot be used"):
        schema.validate({})
