"""The shape of an answer: what its schema says of each place, for what pydantic is not told.

Two things need it. The strict dialect makes every field required, so a model sends null for a field it leaves
out: such a null counts as absent. And pydantic's `extra="forbid"` shuts models that allow other fields too: a
type that holds such a model is searched for unknown fields here.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from roadworthy.accept.record import Json
from roadworthy.ask.node import (
    Node,
    accepts_null,
    alternatives,
    as_list,
    as_node,
    definitions,
    followed,
)


class Shape:
    """A canonical schema, ready to be laid over answers.

    Attributes:
        is_open: a model somewhere in it allows fields beyond its own.
        has_omittable: a field somewhere in it may be left out and may not be null.
    """

    __slots__ = ("_defs", "_root", "has_omittable", "is_open")

    def __init__(self, canonical: bytes) -> None:
        self._root: Node = as_node(orjson.loads(canonical))
        self._defs = definitions(self._root)
        nodes = list(_every(self._root))
        self.is_open = any(_is_open(node) for node in nodes)
        self.has_omittable = any(self._omittable(node) for node in nodes)

    def drop_nulls(self, value: Json) -> Json:
        """`value` without the nulls that stand for a field that was left out."""
        return self._dropped(value, self._root) if self.has_omittable else value

    def extra_keys(self, value: Json) -> Iterator[str]:
        """The paths of fields that no model in the type knows."""
        return self._extra(value, self._root, "")

    def without_computed(self, value: Json) -> Json:
        """`value` without the fields that the type computes, as the schema of what it writes names them."""
        return self._uncomputed(value, self._root)

    def _uncomputed(self, value: Json, node: Node) -> Json:
        node = self._branch(node, value)
        if isinstance(value, list):
            items = self._items(node, len(value))
            return [self._uncomputed(item, inner) for item, inner in zip(value, items, strict=True)]
        if not isinstance(value, dict):
            return value
        return {
            name: self._uncomputed(item, self._field(node, name))
            for name, item in value.items()
            if self._field(node, name).get("readOnly") is not True
        }

    def _dropped(self, value: Json, node: Node) -> Json:
        within, node = node, self._branch(node, value)
        if isinstance(value, list):
            items = self._items(node, len(value))
            return [self._dropped(item, inner) for item, inner in zip(value, items, strict=True)]
        if not isinstance(value, dict):
            return value
        gone = self._omittable(node)
        kept = {
            name: self._dropped(item, self._field(node, name))
            for name, item in value.items()
            if item is not None or name not in gone
        }
        return kept | self._names(value, within, node, gone) if len(kept) < len(value) else kept

    def _names(self, value: dict[str, Json], within: Node, node: Node, gone: set[str]) -> dict[str, Json]:
        """What null stands for in the field that names one type of several, where no other one fits: a tag may not be left out."""
        if not alternatives(followed(within, self._defs)) or self._fitting(within, value) != 1:
            return {}
        fields = {name: self._field(node, name) for name in gone if name in value and value[name] is None}
        return {name: inner["const"] for name, inner in fields.items() if "const" in inner}

    def _extra(self, value: Json, node: Node, path: str) -> Iterator[str]:
        node = self._branch(node, value)
        if isinstance(value, list):
            for place, (item, inner) in enumerate(zip(value, self._items(node, len(value)), strict=True)):
                yield from self._extra(item, inner, f"{path}.{place}".strip("."))
        if isinstance(value, dict):
            known = node.get("properties")
            shut = isinstance(known, dict) and not _is_open(node)
            for name, item in value.items():
                place_of = f"{path}.{name}".strip(".")
                if shut and name not in as_node(known):
                    yield place_of
                else:
                    yield from self._extra(item, self._field(node, name), place_of)

    def _branch(self, node: Node, value: Json) -> Node:
        """The one schema that `value` answers to: the first branch that its keys fit, where there are several."""
        node = followed(node, self._defs)
        for branch in [*alternatives(node), *as_list(node.get("allOf"))]:
            found = self._branch(as_node(branch), value)
            if self._fits(found, value):
                return found
        return node

    def _fitting(self, node: Node, value: Json) -> int:
        """How many of the types that may stand here `value` fits."""
        node = followed(node, self._defs)
        branches = alternatives(node)
        return (
            sum(self._fitting(as_node(one), value) for one in branches)
            if branches
            else self._fits(node, value)
        )

    def _fits(self, node: Node, value: Json) -> bool:
        if isinstance(value, list):
            return "items" in node or "prefixItems" in node
        if not isinstance(value, dict):
            return False
        known = as_node(node.get("properties"))
        if not known:
            return "additionalProperties" in node
        needed = {name for name in as_list(node.get("required")) if isinstance(name, str)}
        tags_agree = all(
            value[name] in _members(as_node(inner))
            for name, inner in known.items()
            if value.get(name) is not None and _members(as_node(inner))
        )
        return tags_agree and needed <= value.keys() and (_is_open(node) or value.keys() <= known.keys())

    def _omittable(self, node: Node) -> set[str]:
        needed = as_list(node.get("required"))
        return {
            name
            for name, inner in as_node(node.get("properties")).items()
            if name not in needed and not accepts_null(as_node(inner), self._defs)
        }

    def _field(self, node: Node, name: str) -> Node:
        known = as_node(node.get("properties"))
        return as_node(known[name]) if name in known else as_node(node.get("additionalProperties"))

    def _items(self, node: Node, count: int) -> list[dict[str, Json]]:
        firsts = [as_node(first) for first in as_list(node.get("prefixItems"))][:count]
        return firsts + [as_node(node.get("items"))] * (count - len(firsts))


def _is_open(node: Node) -> bool:
    return bool(node.get("properties")) and node.get("additionalProperties") not in (None, False)


def _members(node: Node) -> list[Json]:
    return [node["const"]] if "const" in node else as_list(node.get("enum"))


def _every(value: Json | Node) -> Iterator[Node]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _every(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _every(inner)
