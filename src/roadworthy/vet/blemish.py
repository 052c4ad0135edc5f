"""What goes wrong inside an answer: the faults that a status code never shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import orjson

from roadworthy.vet.kind import Kind
from roadworthy.vet.recording import Answer

REFUSAL: Final = "I'm sorry, but I can't help with that request."
NOT_LISTED: Final = "none_of_the_listed_values"
_PROSE: Final = ("Sure! Here is the answer you asked for:\n\n", "\n\nLet me know if you need anything else.")
_QUOTE: Final = re.compile(r'(?<!\\)"')


def blemish(answer: Answer, kind: Kind, chance: float, schema: Mapping[str, object] | None) -> Answer | None:
    """The answer with this fault in it; None where it cannot have it (no field can be missing from plain text).

    Args:
        answer: the answer as it was recorded.
        kind: one of `kind.IN_CONTENT`.
        chance: a number in [0, 1) that decides which field, which quote, where to cut.
        schema: the schema that the request asked for, where it did.
    """
    content = answer.content or ""
    match kind:
        case Kind.EMPTY:
            return Answer("")
        case Kind.REFUSED:
            return Answer(None, refusal=REFUSAL)
        case Kind.FILTERED:
            return Answer("", "content_filter")
        case Kind.FENCED:
            return replace(answer, content=f"```json\n{content}\n```")
        case Kind.PROSE:
            return replace(answer, content=content.join(_PROSE))
        case Kind.DOUBLE_ENCODED:
            return replace(answer, content=orjson.dumps(content).decode())
        case Kind.TRUNCATED:
            return replace(
                answer, content=content[: int(len(content) * (0.3 + 0.6 * chance))], finish="length"
            )
        case Kind.MALFORMED:
            return _without_quote(answer, content, chance)
        case _:
            return _with_wrong_field(answer, content, kind, chance, schema)


def _without_quote(answer: Answer, content: str, chance: float) -> Answer:
    """One quote less makes their number odd, which no JSON text has; a text without any gets one."""
    places = [match.start() for match in _QUOTE.finditer(content)]
    if not places:
        return replace(answer, content=content + '"')
    place = places[int(chance * len(places))]
    return replace(answer, content=content[:place] + content[place + 1 :])


def _with_wrong_field(
    answer: Answer, content: str, kind: Kind, chance: float, schema: Mapping[str, object] | None
) -> Answer | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict) or not value:
        return None
    missing = kind is Kind.MISSING_FIELD
    names = _required(schema, value) if missing else _listed(schema, value)
    if not names:
        return None
    name = names[int(chance * len(names))]
    if missing:
        del value[name]
    else:
        value[name] = NOT_LISTED
    return replace(answer, content=orjson.dumps(value).decode())


def _required(schema: Mapping[str, object] | None, value: Mapping[str, object]) -> list[str]:
    required = (schema or {}).get("required")
    names = [name for name in value if name in required] if isinstance(required, list) else []
    return names or list(value)


def _listed(schema: Mapping[str, object] | None, value: Mapping[str, object]) -> list[str]:
    """The fields that the schema gives a list of values; without a schema, those that hold text."""
    if schema is None:
        return [name for name, inner in value.items() if isinstance(inner, str)]
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    return [name for name in value if _has_list(properties.get(name), schema)]


def _has_list(inner: object, schema: Mapping[str, object]) -> bool:
    if not isinstance(inner, Mapping):
        return False
    if isinstance(reference := inner.get("$ref"), str):
        definitions = schema.get("$defs")
        name = reference.removeprefix("#/$defs/")
        inner = definitions.get(name, {}) if isinstance(definitions, Mapping) else {}
    return isinstance(inner, Mapping) and ("enum" in inner or "const" in inner)
