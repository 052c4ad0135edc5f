"""From a type to its schema to an answer in the strict dialect and back, for types nobody thought of."""

from __future__ import annotations

import json
import types
from typing import Annotated, Any, Literal

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import Field, create_model

from roadworthy._settings import DEFAULTS
from roadworthy.ask.schema import compile_schema
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.answer import Checker
from roadworthy.check.checked import Valid

WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x7f") | st.just("\n"), max_size=4
)
LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    [
        bool,
        float,
        Annotated[int, Field(ge=-5, le=10**12)],
        Annotated[int, Field(gt=0)],
        Annotated[str, Field(max_length=4)],
        Literal["a", "b\n", "é"],
        Literal[1, "x"],
        type(None),
    ]
)
NAMES = st.sampled_from(["a", "b", "items", "value", "été", "model"])


@st.composite
def models(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    """A pydantic model with up to three fields, some of them optional in one way or another."""
    fields: dict[str, Any] = {}
    for name in draw(st.lists(NAMES, unique=True, max_size=3)):
        kind = draw(inner)
        fields[name] = draw(
            st.sampled_from(
                [
                    (kind, ...),
                    (kind | None, ...),
                    (kind | None, None),
                    (kind, Field(default=None, description="It may be left out")),
                ]
            )
        )
    return create_model("M", **fields)


def pair_of(first: Any, second: Any) -> Any:
    """The type of a pair."""
    return types.GenericAlias(tuple, (first, second))


def short_list_of(kind: Any) -> Any:
    """The type of a list of at most three."""
    return Annotated[types.GenericAlias(list, (kind,)), Field(max_length=3)]


KINDS: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: models(inner) | inner.map(short_list_of) | st.builds(pair_of, inner, inner),
    max_leaves=6,
)


def answers(node: Any, defs: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a model bound to the strict schema can answer."""
    if "$ref" in node:
        return answers(defs[node["$ref"].removeprefix("#/$defs/")], defs)
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if "anyOf" in node:
        return st.one_of([answers(branch, defs) for branch in node["anyOf"]])
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return st.one_of([typed(kind, node, defs) for kind in kinds])


def typed(kind: str, node: Any, defs: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A value of one JSON type."""
    if kind == "object":
        return st.fixed_dictionaries(
            {name: answers(inner, defs) for name, inner in node["properties"].items()}
        )
    if kind == "array":
        top = node.get("maxItems", 3)
        return st.lists(answers(node["items"], defs), min_size=node.get("minItems", 0), max_size=top)
    low, high = node.get("minimum", node.get("exclusiveMinimum", -1) + 1), node.get("maximum", 10**18)
    return {
        "string": WORDS,
        "integer": st.integers(low, high),
        "number": st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
        "null": st.none(),
    }[kind]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_an_answer_in_the_strict_dialect_is_valid(data: st.DataObject) -> None:
    """If this fails, the schema that is sent and the check that follows disagree: right answers are refused."""
    kind = data.draw(KINDS)
    compiled = compile_schema(kind)
    strict = json.loads(compiled.strict)
    answer = data.draw(answers(strict, strict.get("$defs", {})))
    text = json.dumps(answer, ensure_ascii=False)
    checker: Checker[Any] = Checker(kind, compiled, [], DEFAULTS)
    checked = checker.check(Reply(1, "test", Ending.OK, text), None)
    if "in this order" in compiled.words and not isinstance(checked, Valid):
        return
    assert isinstance(checked, Valid), (strict, text, checked)
    again = json.dumps({"value": json.loads(checked.body)} if compiled.wrapped else json.loads(checked.body))
    twice = checker.check(Reply(1, "test", Ending.OK, again), None)
    assert isinstance(twice, Valid), (text, again, twice)
    assert twice.body == checked.body


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_bound_holds_for_every_valid_answer(data: st.DataObject) -> None:
    """If this fails, the output cap cuts right answers off, and each of them costs a second request."""
    kind = data.draw(KINDS)
    compiled = compile_schema(kind)
    assert compiled.output_tokens is not None
    strict = json.loads(compiled.strict)
    answer = data.draw(answers(strict, strict.get("$defs", {})))
    checker: Checker[Any] = Checker(kind, compiled, [], DEFAULTS)
    assume(isinstance(checker.check(Reply(1, "test", Ending.OK, json.dumps(answer)), None), Valid))
    for indent in (None, 2, 4):
        text = f"```json\n{json.dumps(answer, ensure_ascii=False, indent=indent)}\n```"
        assert len(text.encode()) <= compiled.output_tokens, (strict, text)
