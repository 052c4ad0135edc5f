"""HTML as the text a reader sees: no scripts, styles or hidden parts; blocks on lines of their own, headings kept."""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from roadworthy._settings import Settings
from roadworthy.accept.line import UTF8
from roadworthy.accept.papers.draft import Draft
from roadworthy.accept.papers.plain import read_text

_UNSEEN: Final = frozenset(
    ("script", "style", "template", "noscript", "svg", "math", "head", "iframe", "object")
)
_BLOCKS: Final = frozenset(
    (
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "br",
            "caption",
            "dd",
            "div",
            "dl",
            "dt",
            "footer",
        ),
        *(
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "main",
            "nav",
            "ol",
            "option",
            "p",
        ),
        *("pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul"),
    )
)
_TITLES: Final = {f"h{level}": level for level in range(1, 7)}
_VOID: Final = frozenset(
    ("br", "hr", "img", "input", "meta", "link", "source", "wbr", "area", "base", "col", "embed")
)


_NONE: Final[frozenset[str]] = frozenset()
_IN_HEAD: Final = (_UNSEEN | _VOID | {"title"}) - {"br", "hr"}
"""What may stand in a head, or shows no words; any other element ends a head that was not closed."""
_LINES: Final = _BLOCKS - {"br", "option"}
_CELLS: Final = frozenset(("td", "th", "tr", "thead", "tbody", "tfoot"))
_LISTS: Final = frozenset(("ul", "ol", "menu"))
# Elements whose end may be left out, with what ends them and what they may hold that ends the like inside of itself
# (HTML, 13.1.2.4, "Optional tags").
_OPEN_ENDED: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "p": (_LINES, _LINES),
    "li": (frozenset(("li",)), _LISTS),
    "dt": (frozenset(("dt", "dd")), frozenset(("dl",))),
    "dd": (frozenset(("dt", "dd")), frozenset(("dl",))),
    "td": (_CELLS, frozenset(("table",))),
    "th": (_CELLS, frozenset(("table",))),
    "tr": (_CELLS - {"td", "th"}, frozenset(("table",))),
    "option": (frozenset(("option", "optgroup")), frozenset(("select", "datalist"))),
}
_CHARSET: Final = re.compile(rb"<meta\s[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_FAMILIES: Final = ("big5", "cp", "euc", "gb", "iso", "koi8", "mac", "shift_jis")
_HEAD_BYTES: Final = 4_096
# What browsers read under these names (WHATWG Encoding Standard, 4.2): the larger set of the same family.
_LARGER: Final = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
}


def read_html(path: Path, draft: Draft, settings: Settings) -> None:
    """The visible text of a page on disk; what is no UTF-8 is read in the charset that the page names, else guessed."""
    source = Draft(settings)
    if (found := declared(path.read_bytes())) is None:
        read_text(path, source, settings, markdown=False)
    else:
        text, charset = found
        draft.note("encoding", "source", charset, UTF8)
        source.add(text, "source")
    written = source.done("", "")
    draft.noted(written.cleanings, "source")
    add_html(written.text, draft)


def declared(raw: bytes) -> tuple[str, str] | None:
    """The page and its charset, where it names one that it can be read in; None for UTF-8 and whatever else."""
    named = _CHARSET.search(raw, 0, _HEAD_BYTES)
    if named is None:
        return None
    try:
        charset = larger(named[1].decode("ascii"))
        shifts = charset.startswith("iso2022")  # its bytes are ASCII's, so that they pass for UTF-8
        if not charset.startswith(_FAMILIES) or (not shifts and _is_utf8(raw)):
            return None
        return raw.decode(charset), charset
    except (LookupError, UnicodeError):  # no charset that is known, or not the page's
        return None


def larger(charset: str) -> str:
    """What is read where a page or a letter names this charset.

    Raises:
        LookupError: it is not known.
    """
    name = codecs.lookup(charset).name
    return _LARGER.get(name, name)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return True


def add_html(source: str, draft: Draft) -> None:
    """The visible text of a page that is decoded already."""
    reader = _Visible(draft)
    reader.feed(source)
    reader.close()
    reader.end_block()


class _Visible(HTMLParser):
    """Reads tags as they come and builds no tree, so that no depth of nesting costs memory."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(convert_charrefs=True)
        self._draft = draft
        self._words: list[str] = []
        self._unseen = ""
        self._depth = 0
        self._level = 0
        self._block = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        if self._unseen and self._stays_unseen(tag):
            return
        self._unseen = ""
        names = {name for name, _ in attrs}
        if tag in _UNSEEN or ("hidden" in names and tag not in _VOID):
            self._unseen, self._depth = tag, 1
        elif tag in _BLOCKS:
            self.end_block()
            self._level = _TITLES.get(tag, 0)

    def _stays_unseen(self, tag: str) -> bool:
        """Whether a tag that opens stands within what is not seen."""
        if self._unseen == "head":
            return tag in _IN_HEAD
        ends, around = _OPEN_ENDED.get(self._unseen, (_NONE, frozenset((self._unseen,))))
        if self._depth == 1 and tag in ends:
            return False
        self._depth += tag in around
        return True

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself, such as `<br/>`."""
        if tag in _VOID:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """A tag closes."""
        if self._unseen:
            ends, around = _OPEN_ENDED.get(self._unseen, (_NONE, frozenset((self._unseen,))))
            if self._depth == 1 and (tag == self._unseen or tag in ends or tag in around):
                own, self._unseen = self._unseen, ""
                if tag != own:
                    self.end_block()
            elif tag in around:
                self._depth -= 1
        elif tag in _BLOCKS:
            self.end_block()

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._unseen:
            self._words.append(data)

    def end_block(self) -> None:
        """What was collected becomes one line."""
        line = " ".join("".join(self._words).split())
        self._words.clear()
        if line:
            self._block += 1
            if self._level:
                self._draft.heading(self._level, line)
            self._draft.add(line + "\n", f"block {self._block}")
        self._level = 0
