"""Files become documents: each is judged by its size first and then parsed by a child process that may die."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
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
        """The document in a file.

        Raises:
            WrongRecord: its kind is not known, it is beyond a limit, encrypted, damaged, a scan or empty.
            WrongUse: an extra is missing.
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

    def _asked(self, path: Path, key: str, kind: str) -> Document:
        child = self._child = self._child or self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        question = {"path": str(path), "key": key, "kind": kind, "settings": asdict(self._settings)}
        watch = threading.Timer(_WALL_FACTOR * self._settings.document_cpu_s, child.kill)
        watch.daemon = True
        watch.start()
        try:
            child.stdin.write(json.dumps(question) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if not line.endswith("\n"):
            self._end()
            raise WrongRecord(
                f"reading it took more than {self._settings.document_cpu_s:g} s of processor time or "
                f"{self._settings.document_memory_bytes:,} bytes of memory",
                "Check where it comes from; raise document_cpu_s or document_memory_bytes if it is sound.",
            )
        return _document(json.loads(line))

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
