"""One page: a template filled with values, in which whatever a record or a model said is text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

import orjson

from roadworthy.observe.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

Field: TypeAlias = tuple[str, list[tuple[str, bool]]]
_PLACES: Final = (
    ("/", "today", "Today", "operate"),
    ("/runs", "runs", "Runs", "operate"),
    ("/records", "records", "Records", "operate"),
    ("/desk", "desk", "Review desk", "review"),
    ("/quality", "quality", "Quality", "operate"),
    ("/cost", "cost", "Cost", "operate"),
    ("/versions", "versions", "Versions", "operate"),
    ("/docs", "docs", "API", "submit"),
)
_SHORT: Final = 60
_CENT: Final = Decimal("0.01")
_SMALLEST: Final = Decimal("0.000001")


def places_for(roles: Collection[str]) -> list[tuple[str, str, str]]:
    """The pages that somebody with these roles may open, in the order of the menu: (path, name, words)."""
    return [place[:3] for place in _PLACES if place[3] in roles or "admin" in roles]


def render(name: str, **shown: Any) -> str:
    """The text of one page.

    Args:
        name: of its template, without its endings.
        shown: what stands in it; `live` is False in a file, where nothing can be asked or decided.
    """
    given = {"places": (), "here": name, "live": True, "visit": None, "frame": "base.html.j2"}
    return _environment().get_template(f"{name}.html.j2").render(given | shown)


@cache
def style() -> str:
    """The one style sheet."""
    return files(__package__).joinpath("static").joinpath("console.css").read_text(encoding="utf-8")


def style_hash() -> str:
    """What a content security policy names the style sheet by, where it stands in the page itself."""
    return f"sha256-{base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - with the first page

    made = Environment(
        loader=PackageLoader("roadworthy.serve.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "plain": plain,
        "pretty": pretty,
        "usd": dollars,
        "count": counted,
        "place": place,
        "partition": partition,
    }
    return made


def plain(value: object) -> str:
    """Text with everything that cannot be seen, or that turns text around, written out."""
    return visible("" if value is None else str(value))


def pretty(value: object) -> str:
    """JSON text on several lines; what is no JSON, as it is."""
    try:
        found = orjson.loads(value) if isinstance(value, str | bytes) else value
        return visible(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    except (orjson.JSONDecodeError, TypeError):
        return plain(value)


def dollars(value: Decimal | float | str | None) -> str:
    """USD for a table, to the cent from a dollar on, below a cent to a millionth; `report` has every digit."""
    if value is None or value == "":
        return ""
    amount = Decimal(str(value))
    if 0 < amount < _SMALLEST:
        return f"<{_SMALLEST}"
    return (
        f"{amount:,.2f}"
        if amount >= 1 or not amount
        else f"{amount:.4f}"
        if amount >= _CENT
        else f"{amount:.6f}"
    )


def counted(value: object) -> str:
    """A whole number with its thousands apart; nothing for nothing."""
    return f"{value:,}" if isinstance(value, int) else plain(value)


def place(key: str) -> str:
    """A key as one part of a path. One or two dots are no key."""
    return quote(key, safe="")


def partition(fields: Sequence[Field]) -> tuple[list[Field], list[Field]]:
    """Fields that fit on a line, and those that do not."""
    short = [(name, parts) for name, parts in fields if sum(len(text) for text, _ in parts) <= _SHORT]
    return short, [field for field in fields if field not in short]
