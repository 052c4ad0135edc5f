"""Mending: the slips that can be undone without adding or leaving out anything the model said.

In this order, each only when strict parsing failed before it: `bom` (a byte order mark at the start),
`white_space` (around the answer, of kinds JSON does not know), `reasoning` (a <think> block before the answer, from
servers that do not take it apart), `fence` (a ``` or ```json fence around the whole message), and for an object that
came as a JSON string, `double_encoding`, one level. Prose around the answer, trailing commas, single quotes, two values,
a missing end: none of these is mended, the model is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy._errors import Fault
from roadworthy._settings import Settings
from roadworthy.accept.record import Json
from roadworthy.check.parse import parse_answer

BOM = "\ufeff"
FENCE = "```"
LANGUAGES = ("json", "JSON")
THINK, THOUGHT = "<think>", "</think>"
_JSON_BEGINS = ("{", "[", '"')


def mend(text: str, settings: Settings, *, wants_object: bool = True) -> tuple[Json, tuple[str, ...]]:
    """The answer's JSON value and the names of the mendings it needed, in order; none for strict JSON.

    Args:
        text: the whole answer, which must have come to its end.
        settings: the limits of an answer.
        wants_object: the schema's root is an object, so a string that holds one was encoded twice.

    Raises:
        Fault: kind `malformed`: what is wrong after the mendings that applied.
    """
    names: tuple[str, ...] = ()
    try:
        value = parse_answer(text, settings)
    except Fault as fault:
        value, names = _mended(text, settings, fault)
    if wants_object and isinstance(value, str):
        return _decoded(value, names, settings)
    return value, names


def _mended(text: str, settings: Settings, fault: Fault) -> tuple[Json, tuple[str, ...]]:
    for candidate, names in _candidates(text):
        try:
            return parse_answer(candidate, settings), names
        except Fault as error:
            fault = error
    raise fault


def _candidates(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The text less one slip after another."""
    names: tuple[str, ...] = ()
    if text.startswith(BOM):
        text, names = text.removeprefix(BOM), (*names, "bom")
        yield text, names
    if text != text.strip():
        text, names = text.strip(), (*names, "white_space")
        yield text, names
    thought, end, answer = text.partition(THOUGHT)
    # Many chat templates open the block themselves, so that an answer begins inside it.
    if end and not thought.startswith(_JSON_BEGINS):
        text, names = answer.strip(), (*names, "reasoning")
        yield text, names
    if text.startswith(FENCE) and text.endswith(FENCE) and len(text) >= 2 * len(FENCE):
        inner = text[len(FENCE) : -len(FENCE)]
        for language in LANGUAGES:
            inner = inner.removeprefix(language)
        yield inner.strip(), (*names, "fence")


def only_reasons(text: str) -> bool:
    """Whether nothing was said, or the reasoning before it did not come to its end."""
    return not text or (text.lstrip().startswith(THINK) and THOUGHT not in text)


def _decoded(value: str, names: tuple[str, ...], settings: Settings) -> tuple[Json, tuple[str, ...]]:
    """The object that the string holds; the string itself where it holds none."""
    try:
        inner = parse_answer(value, settings)
    except Fault:
        return value, names
    return (inner, (*names, "double_encoding")) if isinstance(inner, dict) else (value, names)
