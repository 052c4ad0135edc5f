"""The bound: how many tokens a valid answer can have at most, from its schema alone.

A token is at least one byte, so bytes bound tokens for every tokenizer. Counted is the answer in UTF-8 with
only the escapes that JSON demands (RFC 8259, section 7), indented by up to four spaces a level, in a fence.
A character counts four bytes: that holds for every text without control characters other than tab and line
ends. Numbers, dates and UUIDs count as they are canonically written; an integer without limits has twenty
digits. An answer beyond the bound is cut off by the provider and ends as `truncated`; it costs, it never passes.
"""

from __future__ import annotations

import math

import orjson

from roadworthy.accept.record import Json
from roadworthy.ask.node import Node, alternatives, as_list, as_node, definitions, target, types

FENCE_BYTES = 16
INDENT_BYTES = 4
CHARACTER_BYTES = 4
INTEGER_DIGITS = 20
NUMBER_BYTES = 25
FORMAT_CHARS = {"date": 10, "time": 21, "date-time": 32, "duration": 40, "uuid": 36, "ipv4": 15, "ipv6": 45}
UNBOUNDED = math.inf


def tokens_max(root: Node) -> int | None:
    """The most tokens of a valid answer; None where the schema sets no bound (open text, lists, maps, recursion)."""
    found = _Bound(definitions(root)).bytes(root, 1)
    return None if math.isinf(found) else int(found) + FENCE_BYTES


class _Bound:
    """Walks a schema once for each (definition, depth)."""

    def __init__(self, defs: Node) -> None:
        self.defs = defs
        self.known: dict[tuple[str, int], float] = {}
        self.open: set[str] = set()

    def bytes(self, node: Node, depth: int) -> float:
        if "const" in node:
            return _written(node["const"])
        if "enum" in node:
            return max(map(_written, as_list(node["enum"])), default=UNBOUNDED)
        if "$ref" in node:
            return self._reference(node, depth)
        branches = alternatives(node)
        if branches:
            return max(self.bytes(as_node(branch), depth) for branch in branches)
        named = types(node)
        return max((self._typed(kind, node, depth) for kind in named), default=UNBOUNDED)

    def _reference(self, node: Node, depth: int) -> float:
        found = target(node, self.defs)
        if found is None or found[0] in self.open:
            return UNBOUNDED
        name, inner = found
        if (name, depth) not in self.known:
            self.open.add(name)
            self.known[name, depth] = self.bytes(inner, depth)
            self.open.discard(name)
        return self.known[name, depth]

    def _typed(self, kind: str, node: Node, depth: int) -> float:
        if kind == "object":
            return self._object(node, depth)
        if kind == "array":
            return self._array(node, depth)
        if kind == "string":
            return _string(node)
        if kind == "integer":
            return _integer(node)
        return {"null": 4, "boolean": 5, "number": NUMBER_BYTES}.get(kind, UNBOUNDED)

    def _object(self, node: Node, depth: int) -> float:
        if "properties" not in node or node.get("additionalProperties") not in (None, False):
            return UNBOUNDED
        total: float = 2 + _line(depth - 1)
        for name, inner in as_node(node["properties"]).items():
            value = max(self.bytes(as_node(inner), depth + 1), 4)
            total += _written(name) + 2 + value + 1 + _line(depth)
        return total

    def _array(self, node: Node, depth: int) -> float:
        count = node.get("maxItems")
        if not isinstance(count, int):
            return UNBOUNDED
        firsts = [self.bytes(as_node(first), depth + 1) for first in as_list(node.get("prefixItems"))][:count]
        rest = count - len(firsts)
        each = self.bytes(as_node(node.get("items")), depth + 1) if rest else 0
        total = sum(firsts) + (rest * each if rest else 0)
        return 2 + _line(depth - 1) + total + count * (1 + _line(depth))


def _line(depth: int) -> int:
    return 1 + INDENT_BYTES * depth


def _written(value: Json) -> int:
    return len(orjson.dumps(value))


def _string(node: Node) -> float:
    chars = node.get("maxLength", FORMAT_CHARS.get(str(node.get("format"))))
    return 2 + chars * CHARACTER_BYTES if isinstance(chars, int) else UNBOUNDED


def _integer(node: Node) -> float:
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum", node.get("exclusiveMaximum"))
    ends = [len(str(int(end))) for end in (low, high) if isinstance(end, int | float)]
    return max(ends) if len(ends) == 2 else max([INTEGER_DIGITS, *ends])
