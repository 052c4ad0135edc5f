"""The output schema: what must come out of a step, compiled once from its type."""

from __future__ import annotations

import inspect
import re
from typing import cast

import orjson
from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from roadworthy._errors import WrongUse
from roadworthy.accept.record import Json
from roadworthy.ask.bound import tokens_max
from roadworthy.ask.dialect import strict_form
from roadworthy.ask.form import DIALECTS, narrowed
from roadworthy.ask.node import Node, as_node, definitions, followed, types
from roadworthy.ask.question import Form, OutputSchema
from roadworthy.ask.union import OPENAI, told_apart

WRAPPER = "value"


def compile_schema(kind: object) -> OutputSchema:
    """The schema of any type that pydantic can validate: a model, dataclass, TypedDict, Literal, list, str, int.

    Providers want an object at the root, so a type that is none is wrapped as `{"value": ...}` in both schemas;
    the check takes it out again. Fields stay in their declared order, because models answer in that order.

    Raises:
        WrongUse: pydantic cannot describe the type, or it is larger than structured outputs allow.
    """
    written = _described(kind)
    root = followed(written, definitions(written))
    wrapped = not _is_object(root)
    canonical = _wrapped(written) if wrapped else {**root, **_defs(written)}
    strict = strict_form(canonical)
    apart, is_apart = told_apart(strict.schema)
    return OutputSchema(
        name=_name(kind),
        canonical=orjson.dumps(canonical),
        strict=orjson.dumps(strict.schema),
        words="\n".join(strict.words),
        output_tokens=tokens_max(canonical),
        wrapped=wrapped,
        speaks_strict=strict.speaks and is_apart,
        forms={
            OPENAI: Form(orjson.dumps(apart)),
            **{name: narrowed(strict.schema, one, speaks=strict.speaks) for name, one in DIALECTS.items()},
        },
    )


def _described(kind: object) -> dict[str, Json]:
    if inspect.isroutine(kind):
        raise WrongUse(f"The output type {kind!r} is a function. Name the type of the answer.")
    try:
        adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", kind))
        written: dict[str, Json] = adapter.json_schema(mode="validation")
    except (PydanticUserError, SchemaError, NameError, RecursionError) as error:
        raise WrongUse(
            f"The output type {kind!r} has no JSON Schema: {error}. "
            "Use a pydantic model, a dataclass, a Literal, a list of these, or a plain type."
        ) from error
    return written


def _is_object(root: Node) -> bool:
    return types(root) == ["object"] and not {"anyOf", "oneOf", "allOf"} & root.keys()


def _wrapped(written: Node) -> dict[str, Json]:
    inner: dict[str, Json] = {name: value for name, value in written.items() if name != "$defs"}
    return {
        "type": "object",
        "properties": {WRAPPER: inner},
        "required": [WRAPPER],
        "additionalProperties": False,
        **_defs(written),
    }


def _defs(written: Node) -> dict[str, Json]:
    defs = as_node(written.get("$defs"))
    return {"$defs": defs} if defs else {}


def _name(kind: object) -> str:
    """A name of at most 64 of `a-zA-Z0-9_-`, which is what the providers accept."""
    plain = getattr(kind, "__name__", "") if isinstance(kind, type) else str(kind)
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", plain.replace("typing.", "")).strip("_")[:64] or "answer"
