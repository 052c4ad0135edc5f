"""Made-up answers meet the schema they were made up from."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from roadworthy.vet.stand_in import stand_in


class Part(BaseModel):
    """A nested part."""

    name: str = Field(min_length=7, max_length=9)
    at: str = Field(json_schema_extra={"format": "date"})


class Whole(BaseModel):
    """A bit of everything."""

    queue: Literal["billing", "access"]
    only: Literal["one"]
    urgency: int = Field(ge=1, le=5)
    above: int = Field(gt=3)
    share: float = Field(gt=0, lt=1)
    low: int = Field(le=-4)
    step: int = Field(ge=5, multiple_of=4)
    maybe: str | None
    parts: list[Part] = Field(min_length=2)
    tiny: str = Field(max_length=2)
    yes: bool


def test_a_made_up_answer_is_valid() -> None:
    """An app could not be run against the provider without recorded answers."""
    Whole.model_validate(stand_in(Whole.model_json_schema()), strict=True)


@pytest.mark.parametrize(
    "schema", [{}, {"$ref": "#/nowhere"}, {"$ref": "#"}, {"type": "array", "minItems": 10**9}, True]
)
def test_a_strange_schema_ends(schema: object) -> None:
    """A schema that refers to itself, or asks for a billion items, would hang the provider."""
    value = stand_in(schema)
    assert value is None or len(str(value)) < 10_000
