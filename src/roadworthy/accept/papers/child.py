"""The process that parses: one request a line on standard input; on standard output its text, piece by piece, then the rest.

It is started with limits on memory; before each file it sets its own limit of processor time. A document that makes it
die costs that document and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, TypeAlias

from roadworthy._edge import told_to
from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy._whence import kind_and_place
from roadworthy.accept.confined import allow_cpu, confine
from roadworthy.accept.papers.draft import Draft
from roadworthy.accept.papers.letter import read_letter
from roadworthy.accept.papers.markup import read_html
from roadworthy.accept.papers.pdf import read_pdf
from roadworthy.accept.papers.plain import read_text
from roadworthy.accept.papers.word import read_docx
from roadworthy.accept.passage import Document
from roadworthy.accept.reason import WrongRecord

_Reader: TypeAlias = Callable[[Path, Draft, Settings], None]


def _plain(path: Path, draft: Draft, settings: Settings) -> None:
    read_text(path, draft, settings, markdown=False)


def _markdown(path: Path, draft: Draft, settings: Settings) -> None:
    read_text(path, draft, settings, markdown=True)


READERS: Final[dict[str, _Reader]] = {
    "text/plain": _plain,
    "text/markdown": _markdown,
    "text/html": read_html,
    "message/rfc822": read_letter,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": read_docx,
    "application/pdf": read_pdf,
}


def read_here(
    path: Path, key: str, media_type: str, settings: Settings, send: Callable[[str], None] | None = None
) -> Document:
    """The document in a file, read in this process; where `send` takes its text, the document has none.

    Raises:
        WrongRecord: it cannot be used; says why.
        WrongUse: an extra is missing.
    """
    draft = Draft(settings, send)
    READERS[media_type](path, draft, settings)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    document = replace(draft.done(key, media_type), sha256=digest)
    if draft.is_blank and not document.scans:
        raise WrongRecord("it holds no text", "Leave it out, or check how it was made.")
    return document


def answer(line: str, send: Callable[[str], None]) -> dict[str, object]:
    """One request's answer: `document` without its text, which was sent, `wrong` (what, remedy) or `use` (words)."""
    asked = json.loads(line)
    settings = Settings(**asked["settings"])
    allow_cpu(settings.document_cpu_s)
    slips: list[BaseException] = []
    with told_to(slips.append):
        found = read_here(Path(asked["path"]), asked["key"], asked["kind"], settings, send)
        return {"document": asdict(found)}
    return _refused(slips[0])


def _refused(slip: BaseException) -> dict[str, object]:
    """The answer for a document that cannot be used; a parser's slip over it is its fate alone, with its place."""
    match slip:
        case WrongRecord():
            return {"wrong": [slip.what, slip.remedy]}
        case WrongUse():
            return {"use": str(slip)}
        case MemoryError() | RecursionError():
            what = "reading it takes more memory than is allowed"
            return {"wrong": [what, "Split it, or raise document_memory_bytes."]}
        case _:
            what = f"it cannot be read: {kind_and_place(slip)}: {slip}"
            return {"wrong": [what, "Save it again, or as plain text."]}


def main() -> None:
    """Answer until standard input ends."""
    confine(int(sys.argv[1]))
    for line in sys.stdin:
        _say(answer(line, _say))


def _say(found: object) -> None:
    """A line of JSON: a text, or the answer that ends it."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
