"""The output schema: what the strict dialect says, what it leaves to words, and how long an answer can be."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, create_model
from typing_extensions import TypedDict

from roadworthy._errors import WrongUse
from roadworthy.ask.dialect import FORMATS, KEPT
from roadworthy.ask.schema import compile_schema

STRICT_KEYWORDS = KEPT | {
    "properties",
    "required",
    "additionalProperties",
    "items",
    "anyOf",
    "$ref",
    "$defs",
    "format",
    "pattern",
}


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    price: Annotated[float, Field(ge=0)]
    label: str = Field(max_length=40, min_length=2, description="What it is")
    link: AnyUrl | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]


class Node(BaseModel):
    name: str
    kids: list[Node] = []


class Claim(BaseModel):
    model_config = ConfigDict(regex_engine="python-re")
    item: Item = Field(description="The main item")
    other: Item = Field(default=Item(price=1, label="no"), description="Another")
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    tags: set[str] = Field(default_factory=set, max_length=3)
    pair: tuple[int, str]
    colour: Colour = Colour.RED
    one: Literal[1] = 1
    code: str = Field(pattern=r"^(?!x)[a-z]+$", examples=["abc"])
    tree: Node | None = None
    amount: Decimal = Decimal(0)


@dataclass
class Plain:
    a: int
    b: bool = False


class Typed(TypedDict, total=False):
    a: int


class Free(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


def strict_of(kind: object) -> dict[str, Any]:
    """The strict form as data."""
    found: dict[str, Any] = json.loads(compile_schema(kind).strict)
    return found


def assert_strict(node: Any, defs: dict[str, Any]) -> None:
    """Every rule of the dialect that can be seen on a node, on each node."""
    assert isinstance(node, dict)
    assert node.keys() <= STRICT_KEYWORDS, node
    if "$ref" in node:
        assert len(node) == 1, node
        assert node["$ref"].removeprefix("#/$defs/") in defs
        return
    assert "type" in node or "anyOf" in node, node
    if node.get("type") == "object":
        assert node["required"] == list(node["properties"])
        assert node["additionalProperties"] is False
    if "format" in node:
        assert node["format"] in FORMATS
    inner = [*node.get("properties", {}).values(), *node.get("anyOf", []), *node.get("$defs", {}).values()]
    for child in [*inner, *([node["items"]] if "items" in node else [])]:
        assert_strict(child, defs)


@pytest.mark.parametrize(
    "kind",
    [
        Item,
        Claim,
        Node,
        Plain,
        Typed,
        int,
        str,
        list[Item],
        Cat | Dog,
        Literal["a", 1],
        Colour,
        list[list[int]],
        int | None,
        Free,
    ],
)
def test_strict_form_keeps_to_the_dialect(kind: object) -> None:
    """If this fails, OpenAI answers 400 to every request of a step with such a type."""
    schema = strict_of(kind)
    assert schema["type"] == "object"
    assert_strict(schema, schema.get("$defs", {}))
    assert compile_schema(kind).speaks_strict


def test_what_the_dialect_cannot_say_is_said_in_words() -> None:
    """If this fails, a limit is checked that the model was never told."""
    words = compile_schema(Claim).words.split("\n")
    assert "`Item.label`: at most 40 characters" in words
    assert "`Item.label`: at least 2 characters" in words
    assert "`Item.link`: in the format uri" in words
    assert "`tags`: no item twice" in words
    assert "`tags`: null means that it is left out" in words
    assert "`pair`: the items in this order: integer, string" in words
    assert "`colour`: null means red" in words
    assert "`Cat.lives`: null means 9" in words
    assert "`code`: matches the regular expression ^(?!x)[a-z]+$" in words
    assert '`code`: for example ["abc"]' in words
    assert compile_schema(Dog).words == ""


def test_description_beside_a_reference_is_kept() -> None:
    """If this fails, OpenAI refuses `$ref` with a sibling, or the team's words about the field are lost."""
    properties = strict_of(Claim)["properties"]
    assert properties["item"] == {"description": "The main item", "anyOf": [{"$ref": "#/$defs/Item"}]}
    assert properties["other"]["anyOf"] == [{"$ref": "#/$defs/Item"}, {"type": "null"}]


def test_optional_fields_may_be_null() -> None:
    """If this fails, a model must invent a value for a field it would leave out."""
    properties = strict_of(Claim)["properties"]
    assert properties["tags"]["anyOf"][1] == {"type": "null"}
    assert properties["one"] == {"type": ["integer", "null"], "enum": [1, None]}
    assert properties["colour"]["anyOf"] == [{"$ref": "#/$defs/Colour"}, {"type": "null"}]


def test_fields_stay_in_their_declared_order() -> None:
    """If this fails, a model answers before it reasons, because `answer` sorts before `reasoning`."""

    class Thought(BaseModel):
        reasoning: str
        answer: str

    compiled = compile_schema(Thought)
    for text in (compiled.canonical, compiled.strict):
        assert list(json.loads(text)["properties"]) == ["reasoning", "answer"]


@pytest.mark.parametrize("kind", [str, int, list[Item], Literal["a"], Cat | Dog, int | None, Colour])
def test_what_is_no_object_is_wrapped(kind: object) -> None:
    """If this fails, providers refuse a root that is no object."""
    compiled = compile_schema(kind)
    assert compiled.wrapped
    assert list(json.loads(compiled.canonical)["properties"]) == ["value"]


@pytest.mark.parametrize("kind", [Item, Node, Plain, Typed, dict[str, int]])
def test_an_object_is_not_wrapped(kind: object) -> None:
    """If this fails, an object gains a level that nobody asked for."""
    assert not compile_schema(kind).wrapped


@pytest.mark.parametrize(
    "kind", [dict[str, int], dict[str, Any], list[Any], create_model("M", a=(dict[str, Item], ...))]
)
def test_what_cannot_be_said_strictly_is_flagged(kind: object) -> None:
    """If this fails, the provider refuses the schema, or a map always comes back empty."""
    compiled = compile_schema(kind)
    assert not compiled.speaks_strict
    assert json.loads(compiled.strict)["type"] == "object"


def test_too_deep_a_type_is_refused_with_its_path() -> None:
    """If this fails, the provider refuses the request, after the run began."""
    kind: Any = create_model("Level0", leaf=(int, ...))
    for level in range(1, 11):
        kind = create_model(f"Level{level}", below=(kind, ...))
    with pytest.raises(WrongUse, match=r"nests 11 objects at `below(\.below){9}"):
        compile_schema(kind)
    compile_schema(kind.model_fields["below"].annotation)


def test_too_large_a_type_is_refused() -> None:
    """If this fails, the provider refuses the request, after the run began."""
    fields: dict[str, Any] = {f"f{number}": (int, ...) for number in range(5_001)}
    with pytest.raises(WrongUse, match="5001 properties"):
        compile_schema(create_model("Wide", **fields))


@pytest.mark.parametrize("kind", [object(), lambda: 0, BaseModel.model_dump])
def test_a_type_that_pydantic_does_not_know_is_refused(kind: object) -> None:
    """If this fails, a mistake in a step's annotation is a traceback out of pydantic."""
    with pytest.raises(WrongUse, match="output type"):
        compile_schema(kind)


@pytest.mark.parametrize("kind", [Item, list[Item], Literal["é" * 90], dict[str, int]])
def test_names_are_ones_that_providers_accept(kind: object) -> None:
    """If this fails, the provider answers 400 for the schema's name alone."""
    name = compile_schema(kind).name
    assert 0 < len(name) <= 64
    assert name.isascii()
    assert name.replace("_", "").replace("-", "").isalnum()


@pytest.mark.parametrize(
    ("kind", "bounded"),
    [
        (Literal["a", "bb"], True),
        (Plain, True),
        (Annotated[str, Field(max_length=10)], True),
        (Annotated[list[int], Field(max_length=10)], True),
        (tuple[int, bool], True),
        (str, False),
        (list[int], False),
        (dict[str, int], False),
        (Node, False),
        (Free, False),
        (object, False),
    ],
)
def test_a_bound_stands_only_where_the_schema_sets_one(kind: object, bounded: bool) -> None:  # noqa: FBT001 - a column
    """If this fails, an answer is cut off at a cap that is too small, or money is held for nothing."""
    assert (compile_schema(kind).output_tokens is not None) is bounded


def keywords(node: object) -> set[str]:
    """Every keyword that a schema uses, names of fields left out."""
    if isinstance(node, list):
        return set().union(*map(keywords, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    found: set[str] = set()
    for name, inner in node.items():
        found.add(name)
        named = name in {"properties", "$defs"} and isinstance(inner, dict)
        found |= keywords(list(inner.values()) if named else inner)
    return found


class Measured(BaseModel):
    size: int = Field(ge=1, multiple_of=5)
    when: dt.datetime
    mail: str = Field(pattern="^[^@]+@[^@]+$", json_schema_extra={"format": "email"})
    tags: list[Literal["a", "b"]] = Field(min_length=2, max_length=3)
    item: Item | None = None


KNOWN = {
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "anyOf",
    "$ref",
    "$defs",
    "enum",
    "description",
}


@pytest.mark.parametrize(
    ("dialect", "known"),
    [
        ("anthropic", KNOWN | {"format", "minItems"}),
        ("gemini", KNOWN | {"format", "minItems", "maxItems", "minimum", "maximum"}),
    ],
)
def test_a_narrower_dialect_says_in_words_what_it_does_not_know(dialect: str, known: set[str]) -> None:
    """A provider would refuse the schema of every request, or a model never hear of a limit."""
    form = compile_schema(Measured).forms[dialect]
    assert form.schema is not None
    schema = json.loads(form.schema)
    assert keywords(schema) <= known
    assert list(schema["properties"]) == ["size", "when", "mail", "tags", "item"], (
        "models answer in this order"
    )
    said = form.words.split("\n")
    assert "- `size`: a multiple of 5" in said
    assert "- `mail`: matches the regular expression ^[^@]+@[^@]+$" in said
    assert ("- `size`: at least 1" in said) is (dialect == "anthropic")
    assert ("- `tags`: at least 2 items" in said) is (dialect == "anthropic")
    assert ("- `mail`: in the format email" in said) is (dialect == "gemini")
    assert schema["properties"]["when"] == {"type": "string", "format": "date-time"}


@pytest.mark.parametrize("dialect", ["anthropic", "gemini"])
@pytest.mark.parametrize("kind", [Node, dict[str, int], Any], ids=["recursive", "map", "anything"])
def test_a_type_that_a_dialect_cannot_say_stands_in_words(dialect: str, kind: object) -> None:
    """A recursive type would be refused by the provider at every request."""
    compiled = compile_schema(kind)
    form = compiled.forms[dialect]
    assert form.schema is None
    assert compiled.strict.decode() in form.words


def test_a_type_with_many_unions_stands_in_words_where_they_are_limited() -> None:
    """Anthropic takes at most 16 fields of more than one type; the seventeenth would spoil every request."""
    fields: dict[str, Any] = {f"f{number}": (int | None, None) for number in range(16)}
    assert compile_schema(create_model("Many", **fields)).forms["anthropic"].schema is not None
    more = compile_schema(create_model("More", **fields, last=(str | None, None)))
    assert more.forms["anthropic"].schema is None
    assert more.forms["gemini"].schema is not None


def test_a_list_of_types_becomes_a_union_where_lists_are_not_known() -> None:
    """Anthropic would refuse a field that may be null."""
    form = compile_schema(create_model("Maybe", n=(int | None, Field(None, ge=3)))).forms["anthropic"]
    assert form.schema is not None
    assert json.loads(form.schema)["properties"]["n"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    one = compile_schema(create_model("One", n=(Literal[1], 1))).forms["anthropic"]
    assert one.schema is not None
    assert json.loads(one.schema)["properties"]["n"] == {"enum": [1, None]}


class Base(BaseModel):
    id: str


class Refund(Base):
    kind: Literal["refund"]
    amount: int


class Reply(Base):
    kind: Literal["reply"]
    text: str


class Note(Base):
    text: str
    kind: Literal["note"] = "note"


class Wait(Base):
    kind: Literal["wait"] = "wait"


class Short(BaseModel):
    name: str


class Long(BaseModel):
    name: str
    length: int


class Act(BaseModel):
    what: Annotated[Refund | Reply, Field(discriminator="kind")]
    again: list[Annotated[Refund | Reply, Field(discriminator="kind")]]
    maybe: Note | Wait | None = None


def openai_form(kind: object) -> dict[str, Any]:
    """What OpenAI is sent, as data."""
    form = compile_schema(kind).forms["openai"]
    assert form.schema is not None
    found: dict[str, Any] = json.loads(form.schema)
    return found


def test_what_names_the_type_comes_first_in_a_union() -> None:
    """OpenAI would refuse every request whose types inherit their first field: they share identical first keys."""
    defs = openai_form(Act)["$defs"]
    assert [list(defs[name]["properties"]) for name in ("Refund", "Reply", "Note", "Wait")] == [
        ["kind", "id", "amount"],
        ["kind", "id", "text"],
        ["kind", "id", "text"],
        ["kind", "id"],
    ]
    assert all(one["required"] == list(one["properties"]) for one in defs.values())
    assert defs["Wait"]["properties"]["kind"]["enum"] == ["wait"], "null would name none of them"
    assert compile_schema(Act).speaks_strict


def test_types_that_nothing_names_begin_with_a_field_of_their_own() -> None:
    """OpenAI would refuse every request of a union whose types begin with the same field."""
    value = openai_form(Short | Long)
    assert list(value["$defs"]["Short"]["properties"]) == ["name"]
    assert list(value["$defs"]["Long"]["properties"]) == ["length", "name"]
    assert compile_schema(Short | Long).speaks_strict


def test_types_with_the_same_fields_are_not_sent_strictly() -> None:
    """OpenAI would refuse every request: nothing that comes first could tell the two apart."""
    twin = create_model("Twin", name=(str, ...))
    assert not compile_schema(Short | twin).speaks_strict


@pytest.mark.parametrize("kind", [Cat | Dog, Item, Claim, Node, Short | None, int | str])
def test_a_union_that_is_told_apart_stays_as_it_is(kind: object) -> None:
    """A model would answer before it reasons, and every reply that is in a ledger would be bought again."""
    compiled = compile_schema(kind)
    assert compiled.forms["openai"].schema == compiled.strict
    assert compiled.speaks_strict


def labels(count: int, chars: int) -> Any:
    """So many different labels of such a length."""
    return Literal[tuple(f"{number:0{chars}}" for number in range(count))]


@pytest.mark.parametrize(
    ("kind", "speaks"),
    [
        (labels(1_000, 8), True),
        (labels(1_001, 8), False),
        (create_model("Two", a=(labels(600, 8), ...), b=(labels(401, 8), ...)), False),
        (labels(250, 100), True),
        (labels(251, 59), True),
        (labels(251, 60), False),
        (create_model("Long", **{f"{number:0300}": (int, ...) for number in range(401)}), False),  # type: ignore[call-overload]
    ],
    ids=["1000", "1001", "1001 in two", "250 long", "251 short", "251 long", "long names"],
)
def test_more_labels_than_strictness_allows_are_sent_without_it(kind: object, *, speaks: bool) -> None:
    """OpenAI would refuse every request of a step that sorts into a thousand categories."""
    compiled = compile_schema(kind)
    assert compiled.speaks_strict is speaks
    assert (compiled.forms["gemini"].schema is not None) is speaks
