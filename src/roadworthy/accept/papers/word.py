"""DOCX (ECMA-376): the paragraphs and cells of the document part, read as a stream within limits."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final
from xml.parsers import expat

from roadworthy._settings import Settings
from roadworthy.accept.papers.draft import Draft
from roadworthy.accept.reason import WrongRecord

_MAIN: Final = "word/document.xml"
_CHUNK: Final = 65_536
_W: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main "
_STRICT: Final = (
    "http://purl.oclc.org/ooxml/wordprocessingml/main "  # the same names in the strict form (part 1)
)
_MC: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006 "
_EITHER: Final = _MC + "AlternateContent"
_BRANCHES: Final = frozenset((_MC + "Choice", _MC + "Fallback"))
_MOVED_AWAY: Final = _W + "moveFrom"
_TITLE: Final = re.compile(r"(?:heading|berschrift|titre)\s*([1-9])$", re.IGNORECASE)
_APART: Final = re.compile(r"word/(?:header|footer|footnotes|endnotes|comments)\d*\.xml")
_ENCRYPTED: Final = b"\xd0\xcf\x11\xe0"  # a compound file: an old .doc, or a .docx behind a password


def read_docx(path: Path, draft: Draft, settings: Settings) -> None:
    """The text of a DOCX file, a line a paragraph. Headers, footers, notes and comments are not read; each is noted.

    Raises:
        WrongRecord: no DOCX, encrypted, damaged, or more in it than the limits let pass. What would expand beyond
            them is refused from the archive's directory before anything is expanded, and again while it is read,
            for a directory may lie.
    """
    with path.open("rb") as stream:
        if stream.read(4) == _ENCRYPTED:
            raise WrongRecord("it is encrypted, or a .doc of old", "Save it as .docx without a password.")
    try:
        with zipfile.ZipFile(path) as archive:
            info = _checked(archive, settings)
            for entry in archive.infolist():
                if _APART.fullmatch(entry.filename):
                    draft.note("not_read", entry.filename, "", "")
            _parse(archive, info, draft, settings)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise WrongRecord(f"it is damaged, or no DOCX: {error}", "Save it again as .docx.") from error


def _checked(archive: zipfile.ZipFile, settings: Settings) -> zipfile.ZipInfo:
    entries = archive.infolist()
    if len(entries) > settings.archive_entries_max:
        raise _bomb(f"it holds {len(entries):,} files", "archive_entries_max", settings.archive_entries_max)
    expanded = sum(entry.file_size for entry in entries)
    if expanded > settings.archive_bytes_max:
        raise _bomb(f"it expands to {expanded:,} bytes", "archive_bytes_max", settings.archive_bytes_max)
    try:
        info = archive.getinfo(_MAIN)
    except KeyError as error:
        raise WrongRecord(f"it has no {_MAIN}", "Save it again as .docx.") from error
    if info.flag_bits & 1:
        raise WrongRecord("it is encrypted", "Save it without a password.")
    if info.file_size > settings.archive_ratio_max * max(1, info.compress_size):
        ratio = info.file_size // max(1, info.compress_size)
        raise _bomb(f"its text expands {ratio:,} times", "archive_ratio_max", settings.archive_ratio_max)
    return info


def _parse(archive: zipfile.ZipFile, info: zipfile.ZipInfo, draft: Draft, settings: Settings) -> None:
    body = _Body(draft, settings.json_depth_max * 4)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = body.begin
    parser.EndElementHandler = body.end
    parser.CharacterDataHandler = body.say
    parser.StartDoctypeDeclHandler = _refuse_doctype
    read = 0
    try:
        with archive.open(info) as stream:
            while chunk := stream.read(_CHUNK):
                read += len(chunk)
                if read > settings.archive_bytes_max:
                    raise _bomb("it expands further", "archive_bytes_max", settings.archive_bytes_max)
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise WrongRecord(f"its XML is broken: {error}", "Save it again as .docx.") from error


class _Body:
    """The document part, element by element."""

    def __init__(self, draft: Draft, depth_max: int) -> None:
        self._draft = draft
        self._depth_max = depth_max
        self._depth = 0
        self._words: list[str] = []
        self._level = 0
        self._speaks = False
        self._paragraph = 0
        self._said: list[bool] = []  # of each choice between contents, whether one of them has said something
        self._mute = 0
        self._begin: dict[str, Callable[[dict[str, str]], None]] = {
            _W + "p": self._open,
            _W + "pStyle": self._style,
            _W + "t": lambda _: self._hear(True),
            _W + "tab": lambda _: self._words.append("\t"),
            _W + "br": lambda _: self._words.append("\n"),
            _W + "cr": lambda _: self._words.append("\n"),
            _W + "noBreakHyphen": lambda _: self._words.append("\u2011"),
            _EITHER: lambda _: self._said.append(False),
        }

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        self._depth += 1
        if self._depth > self._depth_max:
            raise WrongRecord(
                f"its XML is nested deeper than {self._depth_max} levels", "Save it again as .docx."
            )
        if self._mute or self._repeats(name):
            self._mute += 1
        elif known := self._begin.get(_named(name)):
            known(attributes)

    def _repeats(self, name: str) -> bool:
        """Whether the element says what stands elsewhere: another form of the same content, or where text was moved from."""
        return _named(name) == _MOVED_AWAY or (name in _BRANCHES and bool(self._said) and self._said[-1])

    def end(self, name: str) -> None:
        """An element closes."""
        self._depth -= 1
        name = _named(name)
        if self._mute:
            self._mute -= 1
        elif name == _EITHER:
            self._said.pop()
        elif name == _W + "t":
            self._hear(False)
        elif name == _W + "p":
            self._close()

    def say(self, text: str) -> None:
        """Characters."""
        if self._speaks and not self._mute:
            self._words.append(text)
            self._said = [True] * len(self._said)

    def _hear(self, speaks: bool) -> None:  # noqa: FBT001 - two states of one element
        self._speaks = speaks

    def _open(self, _attributes: dict[str, str]) -> None:
        self._close()

    def _style(self, attributes: dict[str, str]) -> None:
        style = attributes.get(_W + "val") or attributes.get(_STRICT + "val", "")
        found = _TITLE.search(style)
        self._level = int(found[1]) if found else int(style == "Title")

    def _close(self) -> None:
        line = "".join(self._words).strip()
        self._words.clear()
        if line:
            self._paragraph += 1
            if self._level:
                self._draft.heading(self._level, line)
            self._draft.add(line + "\n", f"paragraph {self._paragraph}")
        self._level = 0


def _named(name: str) -> str:
    return _W + name.removeprefix(_STRICT) if name.startswith(_STRICT) else name


def _refuse_doctype(*_: object) -> None:
    raise WrongRecord(
        "its XML declares a document type, which could make text out of nothing", "Save it again as .docx."
    )


def _bomb(what: str, setting: str, most: int) -> WrongRecord:
    return WrongRecord(
        f"{what}, and at most {most:,} are taken (setting {setting})",
        "Check where it comes from; raise the setting if it is sound.",
    )
