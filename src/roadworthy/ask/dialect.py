"""The strict dialect: a JSON Schema rewritten for OpenAI's structured outputs.

Every property is required, what was optional may be null, objects are closed, and keywords that the dialect
does not know are taken out and said in words. Source: OpenAI, "Structured model outputs: supported schemas", with
the limits on size; the keyword list as in pydantic-ai's OpenAI profile.
"""

from __future__ import annotations

import orjson

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy.accept.record import Json
from roadworthy.ask.node import (
    Node,
    accepts_null,
    alternatives,
    as_list,
    as_node,
    definitions,
    target,
    types,
)

NESTING_MAX = 10
PROPERTIES_MAX = 5_000
MEMBERS_MAX = 1_000
"""Of all enums together."""
MEMBERS_FEW = 250
MEMBERS_CHARS_MAX = 15_000
"""Of one enum of text with more than `MEMBERS_FEW`."""
NAMES_CHARS_MAX = 120_000
"""Of all names of fields and definitions and all members of enums together."""

KEPT = frozenset(
    [
        "type",
        "description",
        "enum",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
    ]
)
FORMATS = frozenset(["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"])
REWRITTEN = frozenset(
    [
        "$ref",
        "$defs",
        "anyOf",
        "oneOf",
        "allOf",
        "const",
        "discriminator",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "format",
        "pattern",
        "default",
    ]
)
UNSAID = frozenset(["title", "$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly"])
WORDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "uniqueItems": "no item twice",
    "minProperties": "at least {} entries",
    "maxProperties": "at most {} entries",
    "examples": "for example {}",
    "propertyNames": "each key matches the JSON Schema {}",
    "patternProperties": "keys and values match the patterns {}",
    "contentMediaType": "text of the type {}",
    "contentEncoding": "text in the encoding {}",
}
TYPE_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


@quick(frozen=True, slots=True)
class Strict:
    """A schema in the strict dialect.

    Attributes:
        schema: the rewritten document.
        words: what the dialect cannot say, one line each.
        speaks: False where a part of the type cannot be said strictly, or it has more members of enums than strictness
            allows; `schema` is then sent without strictness.
    """

    schema: dict[str, Json]
    words: tuple[str, ...]
    speaks: bool


def strict_form(root: Node) -> Strict:
    """The strict form of a schema whose root is an object.

    Raises:
        WrongUse: deeper or larger than the dialect allows.
    """
    writer = _Writer(definitions(root))
    schema = writer.node(root, "")
    defs = {name: writer.node(as_node(inner), name) for name, inner in writer.defs.items()}
    if defs:
        schema["$defs"] = {**defs}
    _refuse_excess(root, writer)
    return Strict(schema, tuple(dict.fromkeys(writer.words)), writer.speaks and _has_room(schema))


class _Writer:
    """Rewrites node by node and gathers what it had to leave out."""

    def __init__(self, defs: Node) -> None:
        self.defs = defs
        self.words: list[str] = []
        self.speaks = True
        self.properties = 0

    def node(self, node: Node, path: str) -> dict[str, Json]:
        if "$ref" in node:
            return self._reference(node, path)
        out: dict[str, Json] = {}
        self._keywords(node, out, path)
        if alternatives(node):
            out["anyOf"] = [self.node(as_node(branch), path) for branch in alternatives(node)]
        elif as_list(node.get("allOf")):
            self._all_of(node, out, path)
        elif "properties" in node or "object" in types(node):
            self._object(node, out, path)
        elif "array" in types(node):
            self._array(node, out, path)
        self._value_types(out)
        return out

    def _say(self, path: str, words: str) -> None:
        self.words.append(f"`{path}`: {words}" if path else words)

    def _reference(self, node: Node, path: str) -> dict[str, Json]:
        """The dialect allows nothing beside `$ref`, and everything beside `anyOf`."""
        if target(node, self.defs) is None:
            self.speaks = False
        beside: dict[str, Json] = {}
        self._keywords(node, beside, path)
        pointer: dict[str, Json] = {"$ref": node["$ref"]}
        return {**beside, "anyOf": [pointer]} if beside else pointer

    def _keywords(self, node: Node, out: dict[str, Json], path: str) -> None:
        for keyword, value in node.items():
            if keyword in KEPT:
                out[keyword] = value
            elif keyword == "format":
                self._format(value, out, path)
            elif keyword == "pattern":
                self._pattern(value, out, path)
            elif keyword in WORDS:
                if value is not False:
                    self._say(path, WORDS[keyword].format(_short(value)))
            elif keyword not in REWRITTEN and keyword not in UNSAID:
                self._say(path, f"{keyword} {_short(value)}")
        if "const" in node:
            out["enum"] = [node["const"]]

    def _format(self, value: Json, out: dict[str, Json], path: str) -> None:
        if value in FORMATS:
            out["format"] = value
        elif value not in {"binary", "password"}:
            self._say(path, f"in the format {value}")

    def _pattern(self, value: Json, out: dict[str, Json], path: str) -> None:
        looks_around = isinstance(value, str) and any(mark in value for mark in ("(?=", "(?!", "(?<"))
        if looks_around:
            self._say(path, f"matches the regular expression {value}")
        else:
            out["pattern"] = value

    def _value_types(self, out: dict[str, Json]) -> None:
        """The dialect wants a type on each node; an enum's members have theirs. A node that allows all has none."""
        if "type" in out or "anyOf" in out:
            return
        members = as_list(out.get("enum"))
        named: list[Json] = list(dict.fromkeys(TYPE_NAMES.get(type(member), "") for member in members))
        if members and "" not in named:
            out["type"] = named[0] if len(named) == 1 else named
        else:
            self.speaks = False

    def _all_of(self, node: Node, out: dict[str, Json], path: str) -> None:
        parts = as_list(node.get("allOf"))
        forms = [self.node(as_node(part), path) for part in parts]
        if len(forms) == 1:
            out["anyOf"] = [*forms]
        else:
            out["allOf"] = [*forms]
            self.speaks = False

    def _object(self, node: Node, out: dict[str, Json], path: str) -> None:
        properties = as_node(node.get("properties"))
        extra = node.get("additionalProperties")
        out["type"] = node.get("type", "object")
        if not properties and ("properties" not in node or extra not in (None, False)):
            self.speaks = False
            out["additionalProperties"] = self.node(extra, path + "[]") if isinstance(extra, dict) else True
            return
        self.properties += len(properties)
        needed = as_list(node.get("required"))
        forms: dict[str, Json] = {}
        for name, inner in properties.items():
            place = f"{path}.{name}" if path else name
            form = self.node(as_node(inner), place)
            forms[name] = form if name in needed else self._optional(as_node(inner), form, place)
        out["properties"] = forms
        out["required"] = [*forms]
        out["additionalProperties"] = False

    def _optional(self, node: Node, form: dict[str, Json], path: str) -> dict[str, Json]:
        default = node.get("default")
        if accepts_null(node, self.defs):
            if default is not None:
                self._say(path, f"{_short(default)} unless something else is said")
            return form
        self._say(
            path, f"null means {_short(default)}" if default is not None else "null means that it is left out"
        )
        return nullable(form)

    def _array(self, node: Node, out: dict[str, Json], path: str) -> None:
        firsts = as_list(node.get("prefixItems"))
        if not firsts:
            out["items"] = self.node(as_node(node.get("items")), path + "[]")
            return
        forms = [self.node(as_node(first), f"{path}[{place}]") for place, first in enumerate(firsts)]
        rest = node.get("items")
        forms += [self.node(rest, path + "[]")] if isinstance(rest, dict) else []
        distinct = list({orjson.dumps(form): form for form in forms}.values())
        out["items"] = distinct[0] if len(distinct) == 1 else {"anyOf": [*distinct]}
        if len(distinct) > 1:
            named = ", ".join(_kind(as_node(first), self.defs) for first in firsts)
            self._say(path, f"the items in this order: {named}")


def nullable(form: dict[str, Json]) -> dict[str, Json]:
    """`form`, or null."""
    nothing: dict[str, Json] = {"type": "null"}
    if "anyOf" in form:
        return {**form, "anyOf": [*as_list(form["anyOf"]), nothing]}
    if isinstance(form.get("type"), str) and form["type"] not in {"object", "array"}:
        members: dict[str, Json] = {"enum": [*as_list(form["enum"]), None]} if "enum" in form else {}
        return {**form, "type": [form["type"], "null"], **members}
    beside: dict[str, Json] = {"description": form["description"]} if "description" in form else {}
    inner: dict[str, Json] = {name: value for name, value in form.items() if name != "description"}
    return {**beside, "anyOf": [inner, nothing]}


def _has_room(schema: Node) -> bool:
    """Whether the names and the members of enums are within the dialect's limits: a list of categories may not be."""
    members = names = 0
    left: list[Json] = [{**schema}]
    while left:
        node = left.pop()
        if isinstance(node, list):
            left += node
        elif isinstance(node, dict):
            named = [*as_node(node.get("properties")), *definitions(node)]
            said = as_list(node.get("enum"))
            chars = sum(len(member) for member in said if isinstance(member, str))
            if len(said) > MEMBERS_FEW and chars > MEMBERS_CHARS_MAX:
                return False
            members += len(said)
            names += chars + sum(map(len, named))
            left += [inner for keyword, inner in node.items() if keyword != "enum"]
    return members <= MEMBERS_MAX and names <= NAMES_CHARS_MAX


def _refuse_excess(root: Node, writer: _Writer) -> None:
    if writer.properties > PROPERTIES_MAX:
        raise WrongUse(
            f"The output type has {writer.properties} properties; structured outputs allow {PROPERTIES_MAX}. "
            "Split it over several steps."
        )
    levels, path = _deepest(root, "", writer.defs, ())
    if levels > NESTING_MAX:
        raise WrongUse(
            f"The output type nests {levels} objects at `{path}`; structured outputs allow {NESTING_MAX}. "
            "Make it flatter."
        )


def _deepest(node: Node, path: str, defs: Node, above: tuple[str, ...]) -> tuple[int, str]:
    """How many objects stand in each other at most, and where; recursion counts once. Stops past the limit."""
    found = target(node, defs)
    if found is not None:
        name, pointed = found
        return (0, path) if name in above else _deepest(pointed, path, defs, (*above, name))
    own = 1 if "properties" in node or "object" in types(node) else 0
    levels, deepest = 0, path
    for step, inner in _inside(node):
        below = _deepest(inner, f"{path}.{step}".strip(".") if step else path, defs, above)
        if below[0] > levels:
            levels, deepest = below
        if levels > NESTING_MAX:
            break
    return own + levels, deepest


def _inside(node: Node) -> list[tuple[str, dict[str, Json]]]:
    named = [(name, as_node(inner)) for name, inner in as_node(node.get("properties")).items()]
    lists = [*alternatives(node), *as_list(node.get("allOf")), *as_list(node.get("prefixItems"))]
    single = [node.get("items"), node.get("additionalProperties")]
    return named + [("", as_node(inner)) for inner in [*lists, *single] if isinstance(inner, dict)]


def _kind(node: Node, defs: Node) -> str:
    found = target(node, defs)
    return found[0] if found else " or ".join(types(node)) or "any"


def _short(value: Json) -> str:
    text = orjson.dumps(value).decode() if not isinstance(value, str) else value
    return text if len(text) <= 200 else text[:199] + "…"
