"""Text made storable and readable, and every change written down.

Three repairs, no more: NUL and lone surrogates, which databases refuse, become U+FFFD; text that was decoded with the
wrong charset once ("cafÃ©") is put right where ftfy's detector says that it is broken. Quotes, ligatures, entities,
Unicode normal forms and control characters stay as they came: they are the sender's words.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from roadworthy._settings import DEFAULTS
from roadworthy.accept.reason import WrongRecord, escaped, path_of, shown
from roadworthy.accept.record import Cleaning, Json

SHOWN_CHARS: Final = 200

_Path: TypeAlias = "tuple[str | int, ...]"


def clean_body(body: Json, *, depth_max: int = DEFAULTS.json_depth_max) -> tuple[Json, tuple[Cleaning, ...]]:
    r"""The body with every text in it, names included, made storable; and what was changed, in order.

    The kinds of change are `nul`, `surrogate` and `mojibake`; `where` is the field's path, as in `items.0.note`;
    `before` and `after` hold at most 200 characters, NUL and surrogates in them written as `\x00` and `\ud800`.

    Raises:
        WrongRecord: nested deeper than `depth_max`, or two names of one object become the same by cleaning.
    """
    cleanings: list[Cleaning] = []
    cleaned = _clean(body, (), depth_max, cleanings)
    return cleaned, tuple(cleanings)


def _clean(body: Json, path: _Path, depth_max: int, cleanings: list[Cleaning]) -> Json:
    if isinstance(body, str):
        return _clean_text(body, path, cleanings)
    if not isinstance(body, dict | list):
        return body
    if len(path) >= depth_max:
        raise WrongRecord(
            f"the value is nested deeper than {depth_max} levels",
            "Flatten it, or raise the setting json_depth_max.",
        )
    if isinstance(body, list):
        return [_clean(item, (*path, index), depth_max, cleanings) for index, item in enumerate(body)]
    fields: dict[str, Json] = {}
    for name, item in body.items():
        inside = (*path, name)
        clean_name = _clean_text(name, inside, cleanings)
        if clean_name in fields:
            what = f"two names become {shown(clean_name)} once they are storable, one of them at `{path_of(inside)}`"
            raise WrongRecord(what, "Rename one of them.")
        fields[clean_name] = _clean(item, inside, depth_max, cleanings)
    return fields


def _clean_text(text: str, path: _Path, cleanings: list[Cleaning]) -> str:
    if text.isascii():
        if "\0" not in text:
            return text
        return _noted("nul", text, text.replace("\0", "\ufffd"), path, cleanings)
    return _storable(_readable(_storable(text, path, cleanings), path, cleanings), path, cleanings)


def _storable(text: str, path: _Path, cleanings: list[Cleaning]) -> str:
    text = _noted("nul", text, text.replace("\0", "\ufffd"), path, cleanings)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Through UTF-16 a pair that stands as two halves becomes its character; only a half on its own is replaced.
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return _noted("surrogate", text, whole, path, cleanings)
    return text


def _readable(text: str, path: _Path, cleanings: list[Cleaning]) -> str:
    from ftfy import fix_encoding  # noqa: PLC0415 - 60 ms that ASCII input never pays

    return _noted("mojibake", text, fix_encoding(text), path, cleanings)


def _noted(kind: str, before: str, after: str, path: _Path, cleanings: list[Cleaning]) -> str:
    if after != before:
        cleanings.append(Cleaning(kind, path_of(path), _excerpt(before, after), _excerpt(after, before)))
    return after


def _excerpt(text: str, other: str) -> str:
    """The part of a text that shows the first difference, storable itself."""
    if len(text) <= SHOWN_CHARS:
        return escaped(text)[:SHOWN_CHARS]
    first = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    start = max(0, first - SHOWN_CHARS // 4)
    return escaped(text[start : start + SHOWN_CHARS])[:SHOWN_CHARS]
