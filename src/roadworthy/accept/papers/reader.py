"""Files become documents: each is judged by its size first and then parsed by a child process that may die."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any, Final, Self

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.long import LongText, Spool
from roadworthy.accept.passage import Document, Heading
from roadworthy.accept.reason import WrongRecord, shown
from roadworthy.accept.record import Cleaning

MEDIA_TYPES: Final = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".eml": "message/rfc822",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pdf": "application/pdf",
}
_HINTS: Final = {
    ".doc": "Save it as .docx.",
    ".msg": "Save it as .eml.",
    ".xlsx": "Give it as the input itself: each of its rows is a record.",
    ".zip": "Unpack it; archives are not opened.",
    ".gz": "Unpack it; archives are not opened.",
    ".tar": "Unpack it; archives are not opened.",
    ".7z": "Unpack it; archives are not opened.",
}
_WALL_FACTOR: Final = 5  # a child that waits for a slow disk is not killed for its processor time


class PaperReader:
    """Reads documents, one after the other; a context manager that ends its child process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, path: Path, key: str) -> Document:
        """The document in a file, with its whole text.

        Raises:
            WrongRecord: its kind is not known, it is beyond a limit, encrypted, damaged, a scan or empty.
            WrongUse: an extra is missing.
        """
        document, long = self.read_long(path, key)
        return document if long is None else replace(document, text=long.whole())

    def read_long(self, path: Path, key: str) -> tuple[Document, LongText | None]:
        """The document in a file; where its text is longer than `document_held_chars`, the text lies beside it.

        Raises:
            WrongRecord, WrongUse: as `read`.
        """
        ending = path.suffix.lower()
        if ending not in MEDIA_TYPES:
            raise WrongRecord(
                f"it ends with {shown(ending)}, which is no kind of document that is read",
                _HINTS.get(ending, f"Kinds: {', '.join(MEDIA_TYPES)}."),
            )
        try:
            size = path.stat().st_size
        except OSError as error:
            raise WrongRecord(f"it cannot be read: {error.strerror}", "Check its permissions.") from error
        if size > self._settings.document_bytes_max:
            raise WrongRecord(
                f"it has {size:,} bytes and at most {self._settings.document_bytes_max:,} are read",
                "Split it, or raise the setting document_bytes_max.",
            )
        if size == 0:
            raise WrongRecord("it is empty", "Leave it out.")
        return self._asked(path, key, MEDIA_TYPES[ending])

    def _asked(self, path: Path, key: str, kind: str) -> tuple[Document, LongText | None]:
        child = self._child = self._child or self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        question = {"path": str(path), "key": key, "kind": kind, "settings": asdict(self._settings)}
        watch = threading.Timer(_WALL_FACTOR * self._settings.document_cpu_s, child.kill)
        watch.daemon = True
        watch.start()
        text = _Text(self._settings.document_held_chars)
        try:
            child.stdin.write(json.dumps(question) + "\n")
            child.stdin.flush()
            line = text.taken(child.stdout)
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if not line.endswith("\n"):
            text.close()
            self._end()
            raise WrongRecord(
                f"reading it took more than {self._settings.document_cpu_s:g} s of processor time or "
                f"{self._settings.document_memory_bytes:,} bytes of memory",
                "Check where it comes from; raise document_cpu_s or document_memory_bytes if it is sound.",
            )
        try:
            document = _document(json.loads(line))
        except (WrongRecord, WrongUse):
            text.close()
            raise
        held, long = text.done()
        return replace(document, text=held), long

    def _started(self) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "roadworthy.accept.papers.child",
            str(self._settings.document_memory_bytes),
        ]
        return subprocess.Popen(  # noqa: S603 - our own module and a number
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()


class _Text:
    """The text of one document as it comes from the child: held while it is short, else taken down."""

    def __init__(self, held_max: int) -> None:
        self._held_max = held_max
        self._held: list[str] = []
        self._chars = 0
        self._spool: Spool | None = None

    def taken(self, lines: IO[str]) -> str:
        """Take pieces until something else comes: the line that it is; empty where the child died."""
        while (line := lines.readline()).startswith('"') and line.endswith("\n"):
            self._add(json.loads(line))
        return line

    def _add(self, piece: str) -> None:
        if self._spool is not None:
            self._spool.add(piece)
            return
        self._held.append(piece)
        self._chars += len(piece)
        if self._chars > self._held_max:
            self._spool = Spool()
            for held in self._held:
                self._spool.add(held)
            self._held.clear()

    def close(self) -> None:
        """Nothing comes of it."""
        if self._spool is not None:
            self._spool.close()

    def done(self) -> tuple[str, LongText | None]:
        """All of it: held, or beside."""
        return "".join(self._held), None if self._spool is None else self._spool.done()


def _document(answer: dict[str, Any]) -> Document:
    if found := answer.get("document"):
        for name in ("pages", "blank_pages", "attachments", "scans"):
            found[name] = tuple(found[name])
        found["headings"] = tuple(Heading(**one) for one in found["headings"])
        found["cleanings"] = tuple(Cleaning(**one) for one in found["cleanings"])
        return Document(**found)
    if wrong := answer.get("wrong"):
        raise WrongRecord(*wrong)
    raise WrongUse(str(answer["use"]))
