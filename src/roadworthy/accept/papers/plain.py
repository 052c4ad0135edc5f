"""Plain text and Markdown, line by line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from roadworthy._settings import Settings
from roadworthy.accept.decode import decode_lines
from roadworthy.accept.line import read_lines
from roadworthy.accept.papers.draft import Draft
from roadworthy.accept.reason import WrongRecord

_TITLE: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE: Final = re.compile(r" {0,3}(```|~~~)")


def read_text(path: Path, draft: Draft, settings: Settings, *, markdown: bool) -> None:
    """The text of a file, in whatever charset; a form feed begins a page, `#` a heading of Markdown.

    Raises:
        WrongRecord: a line longer than `document_chars_max`.
    """
    longest = min(settings.document_chars_max, settings.document_bytes_max)
    within = replace(settings, line_bytes_max=longest, file_bytes_max=settings.document_bytes_max)
    fenced = False
    with path.open("rb") as stream:
        for line in decode_lines(read_lines(stream, path.name, within)):
            if line.cut:
                raise WrongRecord(
                    f"line {line.number} is longer than {longest:,} bytes",
                    "Split it, or raise the setting document_chars_max.",
                )
            where = f"line {line.number}"
            text = line.text.replace("\r\n", "\n")
            draft.noted(line.cleanings, where)
            if markdown and _FENCE.match(text):
                fenced = not fenced
            if markdown and not fenced and (title := _TITLE.match(text.rstrip("\n"))):
                draft.heading(len(title[1]), title[2])
            draft.add(text, where)
