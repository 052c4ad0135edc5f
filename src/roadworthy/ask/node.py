"""A node of a JSON Schema as pydantic writes it: where it points, and whether null is an answer to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from roadworthy.accept.record import Json

Node: TypeAlias = Mapping[str, Json]

DEFS = "#/$defs/"
NOTHING: dict[str, Json] = {}


def as_node(value: Json) -> dict[str, Json]:
    """`value` as a node. `true` and what is no schema at all allow anything, as an empty node does."""
    return value if isinstance(value, dict) else NOTHING


def as_list(value: Json) -> list[Json]:
    """`value` where it is a list, else none."""
    return value if isinstance(value, list) else []


def definitions(root: Node) -> dict[str, Json]:
    """The named schemas of a whole document."""
    return as_node(root.get("$defs", None))


def target(node: Node, defs: Node) -> tuple[str, dict[str, Json]] | None:
    """The name and schema that `node` points to within the document; None where it points nowhere."""
    pointer = node.get("$ref")
    if not isinstance(pointer, str) or not pointer.startswith(DEFS):
        return None
    name = pointer.removeprefix(DEFS).replace("~1", "/").replace("~0", "~")
    return name, as_node(defs.get(name))


def followed(node: Node, defs: Node) -> Node:
    """`node` itself, or what it points to in the end; anything at all where it points in a circle."""
    for _ in range(len(defs) + 1):
        found = target(node, defs)
        if found is None:
            return node
        node = found[1]
    return NOTHING


def alternatives(node: Node) -> list[Json]:
    """The branches of `anyOf` or `oneOf`; none where there are none."""
    return as_list(node.get("anyOf")) or as_list(node.get("oneOf"))


def types(node: Node) -> list[str]:
    """The JSON types that `type` names."""
    given = node.get("type")
    named = given if isinstance(given, list) else [given]
    return [name for name in named if isinstance(name, str)]


def accepts_null(node: Node, defs: Node) -> bool:
    """Whether null is valid here."""
    if "const" in node:
        return node["const"] is None
    if "enum" in node:
        return None in as_list(node["enum"])
    if "$ref" in node:
        return any(accepts_null(inner, defs) for inner in _once(node, defs))
    branches = alternatives(node)
    if branches:
        return any(accepts_null(as_node(branch), defs) for branch in branches)
    whole = as_list(node.get("allOf"))
    if whole:
        return all(accepts_null(as_node(part), defs) for part in whole)
    named = types(node)
    return "null" in named or not named


def _once(node: Node, defs: Node) -> Iterator[Node]:
    end = followed(node, defs)
    if "$ref" not in end:
        yield end
