"""Whether a type may write its answers otherwise than it reads them, so that what is kept could not be read again.

A field may be left out when it is written (`Field(exclude=True)`), go by another name than it is read by
(`serialization_alias`, or a `validation_alias` alone), be written by a function of the team's own, or be one that the
constructor does not take. Most types have none of these, and what they write is not looked at twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_NOT_LOOKED_INTO = frozenset({"metadata", "default", "cls", "serialization", "config"})


def may_differ(core_schema: object) -> bool:
    """Whether something in the type says how it is written. Most of what does is read again all the same.

    Args:
        core_schema: what pydantic built the type's validator from.
    """
    return any(_says_how(node) for node in _every(core_schema))


def _says_how(node: Mapping[object, object]) -> bool:
    config = node.get("config")
    return (
        "serialization" in node
        or node.get("serialization_exclude") is True
        or node.get("validation_alias") != node.get("serialization_alias")
        or node.get("init") is False
        or node.get("init_only") is True
        or (isinstance(config, Mapping) and any(str(name).startswith("ser_json") for name in config))
    )


def _every(value: object) -> Iterator[Mapping[object, object]]:
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, Mapping) and not isinstance(one.get("type"), str):
            left += one.values()  # fields by name, whatever they are called
        elif isinstance(one, Mapping):
            yield one
            left += [inner for name, inner in one.items() if name not in _NOT_LOOKED_INTO]
        elif isinstance(one, list | tuple):
            left += one
