"""Unions as OpenAI wants them: the branches are told apart by their first key.

Where two objects of an `anyOf` begin with the same key, and its values do not tell them apart either, the request is
refused: "Objects provided via 'anyOf' must not share identical first keys. Consider adding a discriminator key or
rearranging the properties to ensure the first key is unique." (openai/openai-python#2193). Models that inherit their
first field are such a union. So the key that names the type goes first, else one that no other branch has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import orjson

from roadworthy.accept.record import Json
from roadworthy.ask.node import Node, as_list, as_node, definitions, followed

OPENAI = "openai"
"""The name of this form among those of `ask.form`."""
_ROUNDS = 3
"""A definition may stand in several unions, so that to put one in order may disturb another."""


def told_apart(strict: Node) -> tuple[dict[str, Json], bool]:
    """A schema in the strict form with the properties of its unions in such an order, and whether there is one."""
    schema: dict[str, Json] = orjson.loads(orjson.dumps(strict))
    defs = definitions(schema)
    unions = [found for node in _nodes(schema) if len(found := _objects(node, defs)) > 1]
    for _ in range(_ROUNDS):
        mixed = [branches for branches in unions if not _differ(branches, defs)]
        if not mixed:
            return schema, True
        for branches in mixed:
            _order(branches, defs)
    return schema, all(_differ(branches, defs) for branches in unions)


def _nodes(value: Json) -> Iterator[dict[str, Json]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _objects(node: Node, defs: Node) -> list[dict[str, Json]]:
    """The objects with fields that may stand at a node with an `anyOf`; each once, unions inside unions too."""
    found: list[dict[str, Json]] = []
    left = [as_node(branch) for branch in reversed(as_list(node.get("anyOf")))]
    seen: list[Node] = []
    while left:
        branch = followed(left.pop(), defs)
        if any(branch is known for known in seen) or not isinstance(branch, dict):
            continue
        seen.append(branch)
        left += [as_node(inner) for inner in reversed(as_list(branch.get("anyOf")))]
        if as_node(branch.get("properties")):
            found.append(branch)
    return found


def _differ(branches: list[dict[str, Json]], defs: Node) -> bool:
    """Whether no two of them begin with the same key, or its values tell them apart."""
    firsts = [(name, _members(branch, name, defs)) for branch in branches for name in list(_keys(branch))[:1]]
    return all(
        one != other or _disjoint(own, others) for (one, own), (other, others) in combinations(firsts, 2)
    )


def _order(branches: list[dict[str, Json]], defs: Node) -> None:
    """Put first what names the type; else, in each branch, a key that no other has, or none that is taken."""
    if (tag := _tag(branches, defs)) is not None:
        for branch in branches:
            _put_first(branch, tag)
            _never_null(branch, tag)
        return
    held = Counter(name for branch in branches for name in _keys(branch))
    taken = {next(name for name in _keys(one) if held[name] == 1) for one in branches if _has_own(one, held)}
    for branch in branches:
        own = [name for name in _keys(branch) if held[name] == 1]
        free = own or [name for name in _keys(branch) if name not in taken]
        if free:
            taken.add(free[0])
            _put_first(branch, free[0])


def _has_own(branch: Node, held: Counter[str]) -> bool:
    return any(held[name] == 1 for name in _keys(branch))


def _tag(branches: list[dict[str, Json]], defs: Node) -> str | None:
    """The field that all of them have and whose values are different ones in each."""
    for name in _keys(branches[0]):
        members = [_members(branch, name, defs) - {b"null"} for branch in branches]
        if all(_disjoint(one, other) for one, other in combinations(members, 2)):
            return name
    return None


def _keys(branch: Node) -> Iterator[str]:
    return iter(as_node(branch.get("properties")))


def _members(branch: Node, name: str, defs: Node) -> set[bytes]:
    """The values that a field may have, each as JSON; none where any is possible."""
    field = followed(as_node(as_node(branch.get("properties")).get(name)), defs)
    return {orjson.dumps(member) for member in as_list(field.get("enum"))}


def _disjoint(one: set[bytes], other: set[bytes]) -> bool:
    return bool(one) and bool(other) and one.isdisjoint(other)


def _put_first(branch: dict[str, Json], name: str) -> None:
    known = as_node(branch["properties"])
    branch["properties"] = {name: known[name], **known}
    branch["required"] = [*as_node(branch["properties"])]


def _never_null(branch: dict[str, Json], name: str) -> None:
    """A field that names the type may be left out where it has a default, which null says: then nothing names it."""
    field = as_node(as_node(branch["properties"])[name])
    kinds = as_list(field.get("type"))
    if "null" in kinds:
        rest = [kind for kind in kinds if kind != "null"]
        field["type"] = rest[0] if len(rest) == 1 else rest
        field["enum"] = [member for member in as_list(field.get("enum")) if member is not None]
