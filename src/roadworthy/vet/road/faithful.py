"""A provider that says of a changed record what it says of the record itself, so that what differs is the app's doing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

import orjson

from roadworthy._quick import quick
from roadworthy.vet.options import Options, rows_of
from roadworthy.vet.recording import Recording, bare_text
from roadworthy.vet.road.mess.body import main_text, messed
from roadworthy.vet.road.mess.operator import TextOperator

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench, Sample

TEXT_CHARS_MAX: Final = 1_500
"""Longer texts are left out of what must be aligned word by word; alignment takes the square of the length."""
_WORD_CHARS_MIN: Final = 3
_ALIKE: Final = 0.8
"""Copied words count as the same from this likeness of their letters on (difflib's ratio)."""


@quick(frozen=True, slots=True)
class Variant:
    """One record, as it is or made messier.

    Attributes:
        key: its own key; "" where the app makes keys of contents.
        of: the key of the record that it comes from.
        operator: the operator's name; "" for the record itself.
        body: the record.
        text: its main text.
        original: the main text of the record that it comes from.
    """

    key: str
    of: str
    operator: str
    body: Any
    text: str
    original: str

    @property
    def line(self) -> bytes:
        """The record as a line of JSON Lines."""
        return line_of(self.body)


def line_of(body: object) -> bytes:
    """A record as a line; half characters, which UTF-8 cannot write, as escapes."""
    try:
        return orjson.dumps(body)
    except TypeError:
        import json  # noqa: PLC0415 - the exception, not the rule

        return json.dumps(body).encode()


def variants(bench: Bench, samples: Sequence[Sample], operators: Sequence[TextOperator]) -> Iterator[Variant]:
    """Each record itself, then what the operators make of it; what an operator leaves as it is is left out."""
    key_field = bench.declared.key_field
    for sample in samples:
        said = main_text(sample.body, (key_field,))
        if said is None:
            continue
        yield Variant(sample.key, sample.key, "", sample.body, said[1], said[1])
        for number, operator in enumerate(operators, 1):
            changed = messed(sample.body, operator, bench.seed, sample.key, spared=(key_field,))
            if changed is None:
                continue
            key, body = renamed(changed.body, key_field, operator.name, number)
            now = body if isinstance(body, str) else str(body[said[0]])
            yield Variant(key, sample.key, operator.name, body, now, said[1])


def renamed(body: Any, key_field: str, name: str, number: int) -> tuple[str, Any]:
    """The body under a key of its own; a body without a key in it names itself by its content."""
    if not isinstance(body, dict) or key_field not in body:
        return "", body
    before = body[key_field]
    after = before * 1_000 + number if isinstance(before, int) else f"{before}~{name}"
    return str(after), {**body, key_field: after}


class Faithful:
    """The bench's recorded answers, for changed records too.

    Args:
        bench: what the app is tried on.
        options: of a simulated provider: where recorded answers come from.
    """

    def __init__(self, bench: Bench, options: Options) -> None:
        self._rows = list(rows_of(options))
        self._recording = Recording(self._rows)
        by_id = {str(row.get("id", number)): row for number, row in enumerate(self._rows, 1)}
        self._by_number = [by_id.get(name) for name in self._recording.ids]
        self.fixed = frozenset(said for step in bench.declared.steps for said in _listed(step.schema))

    @property
    def has_answers(self) -> bool:
        """Answers were recorded; without any, they are made up from the schema."""
        return bool(self._rows)

    def row(self, variant: Variant) -> dict[str, object]:
        """The recorded row of one variant; without answers where none were recorded for its record."""
        number = self._recording.find(variant.original)
        row = None if number is None else self._by_number[number]
        answers = {} if row is None else row.get("answers", {})
        return {
            "id": variant.key or variant.text,
            "text": variant.text,
            "answers": self._carried(answers, variant.original, variant.text),
        }

    def _carried(self, value: Any, text: str, changed: str) -> Any:
        """An answer with the words that it copied from the text as they stand in the changed one."""
        if isinstance(value, Mapping):
            return {name: self._carried(inner, text, changed) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._carried(inner, text, changed) for inner in value]
        if not isinstance(value, str):
            return value
        if value.startswith("{"):
            try:
                return orjson.dumps(self._carried(orjson.loads(value), text, changed)).decode()
            except orjson.JSONDecodeError:
                return value
        if value in self.fixed or len(value) < _WORD_CHARS_MIN or value not in text:
            return value
        return carried(value, text, changed)


def _listed(schema: object) -> Iterator[str]:
    """The values that a schema lists: no words of the record."""
    if isinstance(schema, Mapping):
        values = schema.get("enum", ())
        yield from (value for value in values if isinstance(value, str))
        if isinstance(only := schema.get("const"), str):
            yield only
        for inner in schema.values():
            yield from _listed(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _listed(inner)


def carried(piece: str, text: str, changed: str) -> str:
    """What stands in the changed text where `piece` stands in the text; some words of it where nothing does."""
    if piece in changed:
        return piece
    start = text.find(piece)
    end = start + len(piece)
    if len(changed) == len(text):
        return changed[start:end]
    blocks = SequenceMatcher(None, _lower(text), _lower(changed), autojunk=False).get_matching_blocks()
    found = changed[_place(blocks, start) : _place(blocks, end - 1) + 1]
    return found.strip() or changed.strip()[: len(piece)]


def _lower(text: str) -> str:
    """In lower case, letter by letter, so that no place moves."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _place(blocks: Sequence[tuple[int, int, int]], at: int) -> int:
    """Where the place `at` is in the other text: inside a matching block, else at the beginning of the next."""
    for here, there, size in blocks:
        if at < here:
            return there
        if at < here + size:
            return there + at - here
    return blocks[-1][1]


def without(value: Any, paths: Sequence[str]) -> Any:
    """An answer without the fields at these dotted paths."""
    if not isinstance(value, dict):
        return value
    inner = {name: [path[len(name) + 1 :] for path in paths if path.startswith(f"{name}.")] for name in value}
    return {name: without(kept, inner[name]) for name, kept in value.items() if name not in paths}


def same_answer(before: Any, after: Any, text: str, changed: str) -> bool:
    """Whether two answers say the same; words that each copied from its own text may differ as the texts do."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(
            same_answer(before[name], after[name], text, changed) for name in before
        )
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(
            same_answer(one, other, text, changed) for one, other in zip(before, after, strict=True)
        )
    if before == after and type(before) is type(after):
        return True
    if not (isinstance(before, str) and isinstance(after, str) and before in text and after in changed):
        return False
    return SequenceMatcher(None, bare_text(before), bare_text(after), autojunk=False).ratio() >= _ALIKE
