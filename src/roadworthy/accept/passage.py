"""A document as text, and its passages: pieces that say where they stand, so that an answer can cite them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from roadworthy._quick import quick
from roadworthy.accept.record import Cleaning

PASSAGE_CHARS: Final = 1_200

_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n")
_SENTENCE: Final = re.compile(r"[.!?\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*\s+|[\u3002\uff01\uff1f]|\n")
_SPACE: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document; `document.text[start:end] == text`, always.

    Attributes:
        document: the document's key.
        number: 1-based, in the order of the document.
        start: offset of the first character in the document's text.
        end: offset after the last one.
        text: what it says, without white space at its ends.
        page: 1-based page that it stands on; None where the document has no pages.
        heading: titles above it, the outermost first.
        id: what an answer cites it by, where it was chosen for a question: `1`, `2` and so on.
        grounds: why it was chosen, in words.
    """

    document: str
    number: int
    start: int
    end: int
    text: str
    page: int | None = None
    heading: tuple[str, ...] = ()
    id: str = ""
    grounds: str = ""


@quick(frozen=True, slots=True)
class Heading:
    """A title at `start` in the text; level 1 is the outermost."""

    start: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document as text.

    Attributes:
        key: its name; the path within its folder, with `/`.
        media_type: such as `application/pdf`.
        text: all of it, cleaned; lines end with a line feed.
        pages: offset in `text` at which each page begins; empty where there are no pages.
        headings: titles in order.
        blank_pages: pages without text (1-based), such as scans among typed ones.
        attachments: names of what an e-mail carries besides its text; they are not read.
        sha256: of the file, 64 hex digits; empty where there is no file.
        cleanings: what was changed in the text, with where, before and after.
        scans: pages without text as images, in base64, where the settings ask for them; the first of `blank_pages`.
    """

    key: str
    media_type: str
    text: str
    pages: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    blank_pages: tuple[int, ...] = ()
    attachments: tuple[str, ...] = ()
    sha256: str = ""
    cleanings: tuple[Cleaning, ...] = field(default=(), repr=False)
    scans: tuple[str, ...] = field(default=(), repr=False)

    def page_at(self, offset: int) -> int | None:
        """The 1-based page that the character at `offset` stands on; None without pages."""
        return bisect_right(self.pages, offset) or None

    def passages(self, chars_max: int = PASSAGE_CHARS) -> Iterator[Passage]:
        """The passages in order, one at a time; none crosses a heading or a page.

        A section longer than `chars_max` is cut at the last paragraph, else the last sentence, else the last white
        space that fits, else at the limit. All characters but white space are in exactly one passage.
        """
        text = self.text
        return self.passages_of(lambda start, end: text[start:end], len(text), chars_max)

    def passages_of(self, read: Read, chars: int, chars_max: int) -> Iterator[Passage]:
        """The same where the text lies elsewhere: `read(start, end)` gives a stretch of its `chars` characters."""
        number = 0
        for start, end, heading in self._sections(chars):
            for first, piece in _cut(read, start, end, chars_max):
                if not (text := piece.strip()):
                    continue
                number += 1
                begin = first + len(piece) - len(piece.lstrip())
                page = self.page_at(begin)
                yield Passage(self.key, number, begin, begin + len(text), text, page, heading)

    def _sections(self, chars: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        """Start, end and heading path of what lies between two headings or page breaks."""
        titles = {found.start: found for found in self.headings}
        starts = sorted({0, *self.pages, *titles})
        path: tuple[Heading, ...] = ()
        for start, end in zip(starts, [*starts[1:], chars], strict=True):
            if found := titles.get(start):
                path = (*(above for above in path if above.level < found.level), found)
            yield start, end, tuple(above.title for above in path)


Read: TypeAlias = Callable[[int, int], str]
"""Gives the characters between two offsets."""


def _cut(read: Read, start: int, end: int, chars_max: int) -> Iterator[tuple[int, str]]:
    """A section in pieces that fit, each with where it begins; one window of the text is held at a time."""
    while end - start > chars_max:
        window = read(start, start + chars_max)
        stop = _last_break(window)
        yield start, window[:stop]
        start += stop
    yield start, read(start, end)


def _last_break(window: str) -> int:
    """Where to cut; a break in the first half would leave crumbs, so a weaker one in the second half is taken."""
    half = max(1, len(window) // 2)
    for pattern in (_PARAGRAPH, _SENTENCE, _SPACE):
        last = 0
        for found in pattern.finditer(window, half):
            last = found.end()
        if last:
            return last
    return len(window)
