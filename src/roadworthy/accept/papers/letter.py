"""E-mail (RFC 5322, MIME): its head and its text; what is attached is named and not opened."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Final, cast

from roadworthy._settings import Settings
from roadworthy.accept.decode import guess_charset
from roadworthy.accept.line import UTF8
from roadworthy.accept.papers.draft import Draft
from roadworthy.accept.papers.markup import add_html, declared, larger
from roadworthy.accept.reason import WrongRecord

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_ASCII: Final = frozenset(("us-ascii", "ascii"))  # what says so and is not is UTF-8 more often than not
_HEAD: Final = ("From", "To", "Cc", "Date", "Subject")


def read_letter(path: Path, draft: Draft, settings: Settings) -> None:
    """An e-mail's head and body, the plain version where there are two.

    Raises:
        WrongRecord: parts nested deeper than `document_depth_max`, or nothing that is an e-mail.
    """
    raw = _with_head(path.read_bytes(), draft)
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
    if _is_attached(part):
        draft.attachment(part.get_filename() or kind)
        return False
    if part.is_multipart():
        parts = [cast("EmailMessage", inner) for inner in part.iter_parts()]
        if kind == "multipart/alternative":
            parts.sort(key=lambda inner: inner.get_content_type() != "text/plain")
            versions = iter(parts)
            is_read = any(_read_part(inner, draft, depth_max, depth + 1) for inner in versions)
            for unread in versions:
                _name_attached(unread, draft)
            return is_read
        read = [_read_part(inner, draft, depth_max, depth + 1) for inner in parts]
        return any(read)
    text = _decoded(part, draft)
    if kind == "text/html":
        add_html(text, draft)
    else:
        draft.add(text.replace("\r\n", "\n"), "body")
    return bool(text.strip())


def _is_attached(part: EmailMessage) -> bool:
    """Whether a part is named and not read."""
    kind = part.get_content_type()
    if part.get_content_disposition() == "attachment" or kind == "message/rfc822":
        return True
    return not part.is_multipart() and kind not in {"text/plain", "text/html"}


def _name_attached(version: EmailMessage, draft: Draft) -> None:
    """A version of the text that is not read may hold what no other one does: Apple Mail puts files beside the HTML alone."""
    waiting = [version]
    while waiting:
        part = waiting.pop()
        if _is_attached(part):
            draft.attachment(part.get_filename() or part.get_content_type())
        elif part.is_multipart():
            waiting += [cast("EmailMessage", inner) for inner in part.iter_parts()][::-1]


def _with_head(raw: bytes, draft: Draft) -> bytes:
    """The letter with its head in UTF-8 (RFC 6532), where programs of old wrote it in the charset of their place."""
    end = _HEAD_END.search(raw)
    head = raw[: end.start()] if end else raw
    try:
        head.decode(UTF8)
    except UnicodeDecodeError:
        charset = guess_charset(head)
        draft.note("encoding", "head", charset, UTF8)
        return head.decode(charset, "replace").encode() + raw[len(head) :]
    return raw


def _decoded(part: EmailMessage, draft: Draft) -> str:
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    named = part.get_content_charset()
    if named is None and part.get_content_type() == "text/html" and (found := declared(raw)):
        draft.note("encoding", "body", found[1], UTF8)
        return found[0]
    named = named or UTF8
    for charset in (named if named in _ASCII else _larger_of(named), named):
        try:
            return raw.decode(charset)
        except (LookupError, UnicodeError):
            continue
    try:
        text, charset = raw.decode(UTF8), UTF8
    except UnicodeDecodeError:
        charset = guess_charset(raw)
        text = raw.decode(charset, "replace")
    draft.note("encoding", "body", named, charset)
    return text


def _larger_of(named: str) -> str:
    try:
        return larger(named)
    except LookupError:
        return named


def _deep(depth_max: int) -> WrongRecord:
    return WrongRecord(
        f"its parts are nested deeper than {depth_max} levels",
        "Save the inner message, or raise the setting document_depth_max.",
    )
