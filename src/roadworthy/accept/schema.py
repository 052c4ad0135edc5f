"""What a record of a step looks like: its type, checked with pydantic."""

from __future__ import annotations

import inspect
import json
import typing
from functools import cached_property
from typing import Any, Final, cast

import orjson
from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from roadworthy._errors import WrongUse
from roadworthy.accept.identity import KEY_FIELD
from roadworthy.accept.lazy import can_be_long, with_long
from roadworthy.accept.long import LongText
from roadworthy.accept.reason import SLIPS, WrongRecord, escaped, shown, told
from roadworthy.accept.record import Json

CORRECT: Final = "Correct the record, or change the record type of the step."

# Types that can never be a record, told when the app is built rather than once per record.
_NOT_RECORDS: Final = (bool, int, float, bytes, list, tuple, set, frozenset)


class RecordSchema:
    """The record type of one step.

    Args:
        kind: a BaseModel, a dataclass, a TypedDict, `dict`, `str`, or None (or `inspect.Parameter.empty`) where the
            step names none, which means `dict`.
        key_field: the field that holds the key; it is never the record's text.

    Raises:
        WrongUse: the kind can never be a record, such as `int` or `list`. Other types are looked at on first use.
    """

    def __init__(self, kind: object = None, *, key_field: str = KEY_FIELD) -> None:
        kind = dict if kind is None or kind is inspect.Parameter.empty else kind
        if kind in _NOT_RECORDS or typing.get_origin(kind) in _NOT_RECORDS:
            raise WrongUse(
                f"A record cannot be a {kind!r}. "
                "Annotate the step's argument with a BaseModel, dataclass, TypedDict, dict or str."
            )
        self.kind = kind
        self.key_field = key_field
        self.is_text = kind is str
        """The record is one text."""

    def validate(self, body: Json) -> object:
        """The cleaned body as the step's type.

        The value shares nothing with the body, so a step that changes its record changes nothing that is kept.
        This is for what comes in: what the ledger keeps becomes a value in `run.revive` alone, which knows of its pieces.
        JSON's rules hold, so a strict model takes a date written as text. A `str` is taken from a text, or from an
        object with exactly one text field besides the key.

        Raises:
            WrongRecord: names each field that does not fit, what was expected and what came.
            WrongUse: the record type itself cannot be used.
        """
        if self.is_text:
            return self._text(body)
        try:
            return self._adapter.validator.validate_json(_json(body))
        except ValidationError as error:
            faults = error.errors(include_url=False)
            fields = tuple(str(fault["loc"][0]) for fault in faults if fault["loc"])
            raise WrongRecord(told(faults), CORRECT, fields) from error
        except SLIPS as error:
            what = f"a validator of {_name(self.kind)} raised {type(error).__name__}: {escaped(str(error))}"
            raise WrongRecord(
                what, "Let validators raise ValueError, with words, for a value they refuse."
            ) from error

    def validate_long(self, body: dict[str, Json], field: str, text: LongText) -> object:
        """A body whose `field` is a text too long to be held: as the step's type, which reads it where it is asked for.

        Only a model whose field is a plain `str`, with no validator that could want to see it, can do without; for any
        other type the text is read into memory.

        Raises:
            WrongRecord, WrongUse: as `validate`.
        """
        if not can_be_long(self.kind, field):
            return self.validate({**body, field: text.whole()})
        return with_long(self.validate({**body, field: ""}), field, text)

    @cached_property
    def text_fields(self) -> tuple[str, ...]:
        """Names of the required fields that hold free text, the key apart, in order; empty for `dict` and `str`."""
        if self.kind is dict or self.is_text:
            return ()
        try:
            schema: dict[str, Any] = self._adapter.json_schema()
        except PydanticUserError:  # a type that has no JSON Schema takes no text either
            return ()
        schema = schema.get("$defs", {}).get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
        required = schema.get("required", ())
        return tuple(
            name
            for name, field in schema.get("properties", {}).items()
            if name in required and name != self.key_field and _is_free_text(field)
        )

    def json_schema(self, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
        """The JSON Schema of a record, for whoever sends one; `{}`, which allows anything, for a type that has none."""
        if self.is_text:
            return {"type": "string"}
        if self.kind is dict:
            return {"type": "object"}
        try:
            return self._adapter.json_schema(ref_template=ref_template)
        except PydanticUserError:
            return {}

    def _text(self, body: Json) -> str:
        if isinstance(body, str):
            return body
        if not isinstance(body, dict):
            raise WrongRecord(f"expected a text, got {shown(body)}", CORRECT)
        names = [name for name, item in body.items() if isinstance(item, str) and not self._is_key(name)]
        if len(names) == 1:
            return str(body[names[0]])
        found = ", ".join(f"`{name}`" for name in names[:5]) or "none"
        what = f"expected exactly one text field besides `{self.key_field}`, found {found} in {shown(body)}"
        raise WrongRecord(what, "Send one text field, or give the step a record type that names its fields.")

    def _is_key(self, name: str) -> bool:
        return name in {self.key_field, KEY_FIELD}

    @cached_property
    def _adapter(self) -> TypeAdapter[object]:
        try:
            return TypeAdapter(cast("type[object]", self.kind))
        except (PydanticSchemaGenerationError, PydanticUserError, NameError) as error:
            reason = str(error).partition("\n")[0]
            raise WrongUse(
                f"The record type {_name(self.kind)} cannot be used: {reason} "
                "Annotate the step's argument with a BaseModel, dataclass, TypedDict, dict or str."
            ) from error


def _is_free_text(field: dict[str, Any]) -> bool:
    return field.get("type") == "string" and not field.keys() & {"enum", "const", "format"}


def _name(kind: object) -> str:
    return getattr(kind, "__name__", None) or repr(kind)


def _json(body: Json) -> bytes | str:
    try:
        return orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(body)
