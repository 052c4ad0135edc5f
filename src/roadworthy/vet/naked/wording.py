"""A record's main text, as the child hands it to a function that takes text; and the record with another one."""

from __future__ import annotations

from roadworthy.vet.naked.child import TEXT_FIELDS


def text_field(record: object) -> str:
    """The field with the record's main text; "" where it has none."""
    if not isinstance(record, dict):
        return ""
    texts = {name: value for name, value in record.items() if isinstance(value, str) and name != "id"}
    named = next((name for name in TEXT_FIELDS if name in texts), "")
    return named or max(texts, key=lambda name: len(texts[name]), default="")


def reworded(record: object, text: object, *, name: str = "") -> object:
    """The record with another main text, and another `id` where it has one and `name` is given."""
    if not isinstance(record, dict):
        return text
    changed = {**record, text_field(record) or "text": text}
    return {**changed, "id": name} if name and "id" in record else changed


def text_of(record: object) -> str:
    """The record's main text."""
    field = text_field(record)
    said = record.get(field) if isinstance(record, dict) and field else record
    return said if isinstance(said, str) else ""
