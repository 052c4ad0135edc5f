"""A part of a question: how data is written into text, the same way every time."""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass

import orjson

from roadworthy._errors import WrongUse
from roadworthy.accept.passage import Passage
from roadworthy.accept.record import Json

EMPTY = "(empty)"
REPLACED = "\ufffd"
"""What stands where no ledger could hold what stood there."""
_PLAIN = frozenset({str, int, bool, type(None)})
NOTHING_FOUND = "(no passage was found)"


def storable(text: str) -> str:
    """`text` with NUL and lone surrogates replaced by U+FFFD, so that every ledger can hold it.

    PostgreSQL refuses NUL in `text` and `jsonb`; neither NUL nor a lone surrogate survives UTF-8 everywhere.
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def is_part(value: object) -> bool:
    """Whether `value` can stand in a prompt: text, a model, a dataclass, a dict or a list."""
    if isinstance(value, str):
        return True
    if isinstance(value, dict | list):
        return True
    if is_dataclass(value):
        return not isinstance(value, type)
    from pydantic import BaseModel  # noqa: PLC0415 - heavy, and whoever has a model has imported it

    return isinstance(value, BaseModel)


def part_text(value: object) -> str:
    """A part as the model reads it: text as it is, else JSON with sorted keys, two spaces of indentation.

    Passages are written with the id that cites them and where they stand, one below the other.

    Raises:
        WrongUse: `value` holds something that has no JSON form.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, Passage):
        return passage_text(value)
    elif isinstance(value, list) and value and all(isinstance(item, Passage) for item in value):
        return "\n\n".join(map(passage_text, value))
    else:
        text = json_bytes(value, indent=True).decode()
    return text if text.strip() else EMPTY


def passage_text(passage: Passage) -> str:
    """A passage as the model reads it: `[id] document, page, headings` and below it what it says."""
    page = "" if passage.page is None else f", page {passage.page}"
    heading = "".join(f" > {title}" for title in passage.heading)
    return f"[{passage.id}] {passage.document}{page}{heading}\n{passage.text}"


def plain(value: object) -> Json:
    """`value` as plain JSON data, so that a template can read fields and nothing else.

    Raises:
        WrongUse: `value` holds something that has no JSON form.
    """
    if isinstance(value, str):
        return value
    data: Json = json.loads(json_bytes(value))
    return data


def json_bytes(value: object, *, sort: bool = True, indent: bool = False, by_alias: bool = False) -> bytes:
    """JSON of models, dataclasses and plain data; equal values give equal bytes in every process.

    Sets are sorted. Numbers of more than 64 bits keep every digit.

    Raises:
        WrongUse: `value` holds something that has no JSON form: NaN and infinity, and two names of an object that are
            written alike, as those of `{1: ..., "1": ...}`.
    """

    def default(inner: object) -> object:
        return _step_down(inner, by_alias=by_alias)

    option = orjson.OPT_SORT_KEYS if sort else 0
    option |= orjson.OPT_INDENT_2 if indent else 0
    try:
        written = orjson.dumps(value, default=default, option=option)
    except TypeError:
        written = _with_other_names(value, default, option) or _slow_json(
            value, default, sort=sort, indent=indent
        )
    if b"null" in written:  # which is how orjson writes what is no number
        _refuse_no_number(value, default, ())
    return written


def _with_other_names(value: object, default: Callable[[object], object], option: int) -> bytes | None:
    """The same where names are no texts; None where that is not what orjson refuses."""
    try:
        written = orjson.dumps(value, default=default, option=option | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return None
    json.loads(written, object_pairs_hook=_refuse_alike)
    return written


def _refuse_alike(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) == len(pairs):
        return
    twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
    raise WrongUse(
        f"A part of a prompt has two names that are written {twice!r} in JSON, as those of {{1: ..., '1': ...}} are. "
        "Give each its own."
    )


def _refuse_no_number(value: object, default: Callable[[object], object], path: tuple[object, ...]) -> None:
    """Refuse NaN and infinity wherever they stand in `value`."""
    kind = type(value)
    if kind is float and not math.isfinite(value):  # type: ignore[arg-type] # a float
        where = ".".join(map(str, path))
        raise WrongUse(
            f"A part of a prompt has no JSON form: {f'`{where}`' if where else 'it'} is {value}. Give None where there is "
            "no number."
        )
    if kind is float or kind in _PLAIN:
        return
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = dict(enumerate(value)).items()
    else:
        _refuse_no_number(_plainer(value, default), default, path)
        return
    for name, item in inner:
        if type(item) not in _PLAIN:
            _refuse_no_number(item, default, (*path, name))


def _plainer(value: object, default: Callable[[object], object]) -> object:
    """What stands for it in JSON, a step nearer to plain data; what orjson writes by itself is text or a number."""
    try:
        return default(value)
    except TypeError:
        return None


def _slow_json(value: object, default: object, *, sort: bool, indent: bool) -> bytes:
    """The same for what orjson refuses though JSON allows it: numbers beyond 64 bits, text to be made storable."""
    try:
        text = json.dumps(
            value,
            default=default,  # type: ignore[arg-type] # the caller's function of one argument
            sort_keys=sort,
            indent=2 if indent else None,
            separators=None if indent else (",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise WrongUse(
            f"A {type(value).__name__} has no JSON form: {error}. Pass text, a model, a dataclass, "
            "a dict or a list of such."
        ) from error
    return storable(text).encode()


def _step_down(value: object, *, by_alias: bool) -> object:
    from pydantic import BaseModel  # noqa: PLC0415 - as above
    from pydantic_core import PydanticSerializationError, to_jsonable_python  # noqa: PLC0415 - as above

    if isinstance(value, BaseModel):
        return value.model_dump(mode="python", by_alias=by_alias)
    if isinstance(value, AbstractSet):
        return sorted(value, key=lambda member: json_bytes(member, by_alias=by_alias))
    if isinstance(value, tuple | deque):  # a named one: what is in it comes by here again, sets too
        return list(value)
    try:
        plainer: object = to_jsonable_python(value, by_alias=by_alias)
    except PydanticSerializationError as error:
        raise TypeError(str(error)) from error
    return plainer
