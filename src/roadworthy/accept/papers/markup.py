"""HTML as the text a reader sees: no scripts, styles or hidden parts; blocks on lines of their own, headings kept."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from roadworthy._settings import Settings
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


def read_html(path: Path, draft: Draft, settings: Settings) -> None:
    """The visible text of a page on disk."""
    source = Draft(settings)
    read_text(path, source, settings, markdown=False)
    written = source.done("", "")
    draft.noted(written.cleanings, "source")
    add_html(written.text, draft)


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
        if self._unseen:
            self._depth += tag == self._unseen
            return
        names = {name for name, _ in attrs}
        if tag in _UNSEEN or ("hidden" in names and tag not in _VOID):
            self._unseen, self._depth = tag, 1
        elif tag in _BLOCKS:
            self.end_block()
            self._level = _TITLES.get(tag, 0)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself, such as `<br/>`."""
        if tag in _VOID:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """A tag closes."""
        if self._unseen:
            self._depth -= tag == self._unseen
            if not self._depth:
                self._unseen = ""
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
