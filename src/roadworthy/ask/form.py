"""Narrower dialects: the strict form rewritten for providers that know fewer keywords.

The strict form (dialect.py) is the common ground: each field required, what was optional may be null, objects closed.
A dialect here takes keywords out of it and says them in words. Where it cannot say a type at all, the whole schema
goes into words and the provider is asked for JSON alone.
Sources: Anthropic, "Structured outputs" and `transform_schema` of its SDK; Google, "Structured output" (JSON Schema).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

import orjson

from roadworthy._quick import quick
from roadworthy.accept.record import Json
from roadworthy.ask.node import Node, as_list, as_node, definitions, target
from roadworthy.ask.question import Form


@quick(frozen=True, slots=True)
class Dialect:
    """What a provider's schemas may say beyond types, properties, enums, unions and references.

    Attributes:
        keywords: kept as they are; any other is said in words.
        formats: of text.
        items_least: the largest `minItems` that is known; None for any.
        unions_max: fields that may be of one type or another; None for any number.
        type_lists: whether `type` may be a list.
    """

    keywords: frozenset[str]
    formats: frozenset[str]
    items_least: int | None = None
    unions_max: int | None = None
    type_lists: bool = True


ANTHROPIC = Dialect(
    keywords=frozenset(),
    formats=frozenset(
        ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
    ),
    items_least=1,
    unions_max=16,
    type_lists=False,
)
GEMINI = Dialect(
    keywords=frozenset(["minimum", "maximum", "maxItems"]), formats=frozenset(["date-time", "date", "time"])
)
DIALECTS: Mapping[str, Dialect] = MappingProxyType({"anthropic": ANTHROPIC, "gemini": GEMINI})

_WORDS = MappingProxyType(
    {
        "minimum": "at least {}",
        "maximum": "at most {}",
        "exclusiveMinimum": "more than {}",
        "exclusiveMaximum": "less than {}",
        "multipleOf": "a multiple of {}",
        "minItems": "at least {} items",
        "maxItems": "at most {} items",
        "pattern": "matches the regular expression {}",
        "format": "in the format {}",
    }
)
_RULES = "More rules for the fields of the answer:"
_ONE_WORDED = "The answer is one JSON value, without anything around it, that meets this JSON Schema:\n"


def narrowed(strict: Node, dialect: Dialect, *, speaks: bool) -> Form:
    """The strict form in a narrower dialect.

    Args:
        strict: a schema in the strict form.
        speaks: False where even the strict form cannot say the type.
    """
    writer = _Writer(dialect, definitions(strict))
    schema = writer.node(strict, "")
    if defs := {name: writer.node(as_node(inner), name) for name, inner in writer.defs.items()}:
        schema["$defs"] = {**defs}
    too_many = dialect.unions_max is not None and writer.unions > dialect.unions_max
    if not speaks or too_many or _recurs(strict, writer.defs, ()):
        return in_words(strict)
    rules = [f"- {line}" for line in dict.fromkeys(writer.words)]
    return Form(orjson.dumps(schema), "\n".join([_RULES, *rules]) if rules else "")


def in_words(schema: Node | bytes) -> Form:
    """No schema for the provider; the instructions hold it."""
    text = schema if isinstance(schema, bytes) else orjson.dumps(schema)
    return Form(None, _ONE_WORDED + text.decode())


@quick(slots=True)
class _Writer:
    """Copies node by node and gathers what it had to leave out."""

    dialect: Dialect
    defs: Node
    words: list[str] = field(default_factory=list)
    unions: int = 0

    def node(self, node: Node, path: str) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for keyword, value in node.items():
            self._keyword(keyword, value, out, path)
        if isinstance(kinds := out.get("type"), list):
            self.unions += 1
            if not self.dialect.type_lists:
                self._split(kinds, out)
        return out

    def _keyword(self, keyword: str, value: Json, out: dict[str, Json], path: str) -> None:
        match keyword:
            case "$defs":
                return
            case "properties":
                inner = as_node(value).items()
                out[keyword] = {
                    name: self.node(as_node(one), f"{path}.{name}" if path else name) for name, one in inner
                }
            case "items":
                out[keyword] = self.node(as_node(value), path + "[]")
            case "additionalProperties" if isinstance(value, dict):
                out[keyword] = self.node(value, path + "[]")
            case "anyOf" | "allOf":
                self.unions += keyword == "anyOf" and len(as_list(value)) > 1
                out[keyword] = [self.node(as_node(one), path) for one in as_list(value)]
            case _ if keyword not in _WORDS or self._known(keyword, value):
                out[keyword] = value
            case _:
                self.words.append(f"`{path or 'the answer'}`: {_WORDS[keyword].format(value)}")

    def _known(self, keyword: str, value: Json) -> bool:
        if keyword == "format":
            return value in self.dialect.formats
        if keyword == "minItems":
            least = self.dialect.items_least
            return least is None or (isinstance(value, int) and value <= least)
        return keyword in self.dialect.keywords

    def _split(self, kinds: list[Json], out: dict[str, Json]) -> None:
        """A list of types as a union; an enum's members have their types already."""
        del out["type"]
        if "enum" not in out:
            beside: dict[str, Json] = {"description": out.pop("description")} if "description" in out else {}
            shared = {name: out.pop(name) for name in tuple(out)}
            out.update(beside)
            out["anyOf"] = [{"type": kind, **(shared if kind != "null" else {})} for kind in kinds]


def _recurs(node: Node, defs: Node, above: tuple[str, ...]) -> bool:
    """Whether a definition contains itself."""
    if (found := target(node, defs)) is not None:
        name, pointed = found
        return name in above or _recurs(pointed, defs, (*above, name))
    inner = [
        *as_node(node.get("properties")).values(),
        *as_list(node.get("anyOf")),
        *as_list(node.get("allOf")),
    ]
    inner += [node.get("items"), node.get("additionalProperties")]
    return any(_recurs(one, defs, above) for one in inner if isinstance(one, dict))
