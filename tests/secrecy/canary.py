"""Words that must not get out, and every way in which they could be written."""

import base64
import html
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

KEY = 'Kanarie/7q+"Zed==~8f'
"""A provider's key that looks like none, and that each way of writing writes otherwise."""
OTHERS = 'zitrone "4711" & für+alle/zeit'
"""What a record of another namespace says."""
OWN = 'pfirsich "0815" & süß+sauer/heute'
"""What the caller's own record says."""


def shapes(word: str) -> dict[bytes, str]:
    """How a word looks: plain, in JSON, in HTML, in a URL, in base64 wherever it begins."""
    plain = word.encode()
    found = {
        plain: "plain",
        json.dumps(word)[1:-1].encode(): "JSON, ASCII",
        json.dumps(word, ensure_ascii=False)[1:-1].encode(): "JSON",
        json.dumps(json.dumps(word)[1:-1])[1:-1].encode(): "JSON in JSON",
        html.escape(word).encode(): "HTML",
        html.escape(word).replace("&quot;", "&#34;").encode(): "HTML as Jinja writes it",
        quote(word, safe="").encode(): "URL",
        quote(word).encode(): "URL path",
        quote_plus(word).encode(): "form",
    }
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + plain).decode().rstrip("=")
        core = coded[4 if shift else 0 : len(coded) - 2]
        found[core.encode()] = "base64"
        found[core.replace("+", "-").replace("/", "_").encode()] = "base64 for URLs"
    return found


@dataclass(frozen=True)
class Leak:
    """A word, where it was found, and how it was written."""

    word: str
    where: str
    how: str
    around: str


def leaks(words: Iterable[str], places: Mapping[str, bytes]) -> Iterator[Leak]:
    """Every word that stands in a place."""
    for word in words:
        for shape, how in shapes(word).items():
            for where, content in places.items():
                at = content.find(shape)
                if at >= 0:
                    around = content[max(0, at - 80) : at + len(shape) + 40]
                    yield Leak(word, where, how, around.decode(errors="replace"))
