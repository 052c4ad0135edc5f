"""E-mail (RFC 5322, MIME): its head and its text; what is attached is named and not opened."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final, cast

from roadworthy._settings import Settings
from roadworthy.accept.decode import guess_charset
from roadworthy.accept.papers.draft import Draft
from roadworthy.accept.papers.markup import add_html
from roadworthy.accept.reason import WrongRecord

_HEAD: Final = ("From", "To", "Cc", "Date", "Subject")


def read_letter(path: Path, draft: Draft, settings: Settings) -> None:
    """An e-mail's head and body, the plain version where there are two.

    Raises:
        WrongRecord: parts nested deeper than `document_depth_max`, or nothing that is an e-mail.
    """
    raw = path.read_bytes()
    try:
        letter = email.message_from_bytes(raw, policy=email.policy.default)
    except RecursionError as error:
        raise _deep(settings.document_depth_max) from error
    if not letter.keys():
        raise WrongRecord("it has no e-mail header", "Save the message with its source, as .eml.")
    for name in _HEAD:
        for value in letter.get_all(name, ()):
            draft.add(f"{name}: {' '.join(str(value).split())}\n", name)
    draft.add("\n", "body")
    if not _read_part(letter, draft, settings.document_depth_max, 0):
        draft.note("no_text", "body", "", "")


def _read_part(part: EmailMessage, draft: Draft, depth_max: int, depth: int) -> bool:
    if depth > depth_max:
        raise _deep(depth_max)
    kind = part.get_content_type()
    if part.get_content_disposition() == "attachment" or kind == "message/rfc822":
        draft.attachment(part.get_filename() or kind)
        return False
    if part.is_multipart():
        parts = [cast("EmailMessage", inner) for inner in part.iter_parts()]
        if kind == "multipart/alternative":
            parts.sort(key=lambda inner: inner.get_content_type() != "text/plain")
            return any(_read_part(inner, draft, depth_max, depth + 1) for inner in parts)
        read = [_read_part(inner, draft, depth_max, depth + 1) for inner in parts]
        return any(read)
    if kind not in {"text/plain", "text/html"}:
        draft.attachment(part.get_filename() or kind)
        return False
    text = _decoded(part, draft)
    if kind == "text/html":
        add_html(text, draft)
    else:
        draft.add(text.replace("\r\n", "\n"), "body")
    return bool(text.strip())


def _decoded(part: EmailMessage, draft: Draft) -> str:
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    named = part.get_content_charset("utf-8")
    try:
        return raw.decode(named)
    except (LookupError, UnicodeDecodeError):
        guessed = guess_charset(raw)
        draft.note("encoding", "body", named, guessed)
        return raw.decode(guessed, "replace")


def _deep(depth_max: int) -> WrongRecord:
    return WrongRecord(
        f"its parts are nested deeper than {depth_max} levels",
        "Save the inner message, or raise the setting document_depth_max.",
    )
