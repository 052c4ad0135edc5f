"""A document being written: text is cleaned piece by piece as it comes, so that offsets hold for what is kept."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from roadworthy._settings import Settings
from roadworthy.accept.clean import clean_body
from roadworthy.accept.passage import Document, Heading
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Cleaning

_SENT_CHARS: Final = 65_536


class Draft:
    """Collects text, pages and headings within `document_chars_max`.

    Args:
        settings: the limits.
        send: takes the text as it is written, so that it is never held whole; the document then has none.
    """

    def __init__(self, settings: Settings, send: Callable[[str], None] | None = None) -> None:
        self._chars_max = settings.document_chars_max
        self._send = send
        self._parts: list[str] = []
        self._held = 0
        self.is_blank = True
        self._size = 0
        self._pages: list[int] = []
        self._blank: list[int] = []
        self._headings: list[Heading] = []
        self._attachments: list[str] = []
        self._cleanings: list[Cleaning] = []
        self._charsets: set[str] = set()
        self._scans: list[str] = []

    def add(self, text: str, where: str) -> None:
        """Text as it came; what cleaning changes is noted with `where`.

        Raises:
            WrongRecord: more characters than a document may have.
        """
        clean, notes = clean_body(text)
        assert isinstance(clean, str)
        self._cleanings += [Cleaning(note.kind, where, note.before, note.after) for note in notes]
        self._size += len(clean)
        if self._size > self._chars_max:
            raise WrongRecord(
                f"its text has more than {self._chars_max:,} characters",
                "Split the document, or raise the setting document_chars_max.",
            )
        self._parts.append(clean)
        self._held += len(clean)
        self.is_blank = self.is_blank and not clean.strip()
        if self._send is not None and self._held >= _SENT_CHARS:
            self._sent(self._send)

    def _sent(self, send: Callable[[str], None]) -> None:
        text = "".join(self._parts)
        self._parts, self._held = [], 0
        if text:
            send(text)

    def note(self, kind: str, where: str, before: str, after: str) -> None:
        """A change that the reader itself made."""
        self._cleanings.append(Cleaning(kind, where, before, after))

    def noted(self, cleanings: tuple[Cleaning, ...], where: str) -> None:
        """Changes that decoding made. The charset of one line is that of the others, and is noted where it is met first."""
        for one in cleanings:
            if one.kind == "encoding":
                if one.before in self._charsets:
                    continue
                self._charsets.add(one.before)
            self._cleanings.append(Cleaning(one.kind, where, one.before, one.after))

    def page(self) -> None:
        """A page begins."""
        self._pages.append(self._size)

    def blank_page(self) -> None:
        """The page that began last holds no text."""
        self._blank.append(len(self._pages))

    def scan(self, image: bytes) -> None:
        """The page that began last, as an image."""
        self._scans.append(base64.b64encode(image).decode())

    @property
    def scans(self) -> int:
        """How many pages are images by now."""
        return len(self._scans)

    def heading(self, level: int, title: str) -> None:
        """A heading begins."""
        title = " ".join(title.split())[:200]
        if title:
            self._headings.append(Heading(self._size, level, title))

    def attachment(self, name: str) -> None:
        """Something attached, by its name."""
        clean, _ = clean_body(name[:200])
        self._attachments.append(str(clean))

    def done(self, key: str, media_type: str) -> Document:
        """What was written."""
        if self._send is not None:
            self._sent(self._send)
        return Document(
            key,
            media_type,
            "".join(self._parts),
            tuple(self._pages),
            tuple(self._headings),
            tuple(self._blank),
            tuple(self._attachments),
            cleanings=tuple(self._cleanings),
            scans=tuple(self._scans),
        )
