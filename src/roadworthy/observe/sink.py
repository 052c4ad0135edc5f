"""The one place that lines for people and machines pass on their way out: keys and passwords are struck out in it."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import traceback
from typing import Final, TextIO
from urllib.parse import quote, quote_plus

import orjson

from roadworthy._secret import known_secrets

_HEADERS: Final = "authorization|proxy-authorization|x-api-key|x-goog-api-key|api-key|x-amz-security-token|cookie|set-cookie"
_PATTERNS: Final = (
    (re.compile(rf"(?i)\b({_HEADERS})([\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic)\s+)?[^\s\"',;\\]+"), r"\1\2***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 ***"),
    (re.compile(r"(?i)([?&](?:key|api_key|apikey|token|access_token|sig|signature|password)=)[^&\s\"'\\]+"), r"\1***"),
    (re.compile(r"(\w://[^/\s:@\"'\\]*:)[^/\s\"'\\]+@"), r"\1***@"),
    (re.compile(r"(?i)\b(?:sk|pk|rk|gsk|xai|hf|nvapi|glpat|ghp|gho|xoxb)[-_][\w*.…-]{6,}"), "***"),
    (re.compile(r"\brw_[\w-]{20,}"), "***"),
    (re.compile(r"\bAIza[\w-]{10,}"), "***"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}"), "***"),
)  # fmt: skip


def redacted(text: str) -> str:
    """The text with secrets struck out: those this process holds, however they are written, and what looks like one."""
    for value in known_secrets():
        for shape in _shapes(value):
            if shape in text:
                text = text.replace(shape, "***")
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def _shapes(value: str) -> tuple[str, ...]:
    """A value as it is, and as it stands in a URL, in JSON and in base64."""
    plain = value.encode("utf-8", "surrogatepass")
    escaped = orjson.dumps(value).decode()[1:-1] if value.isprintable() else value
    encoded = base64.b64encode(plain).decode()
    return tuple(dict.fromkeys((value, quote(value, safe=""), quote_plus(value), escaped, encoded)))


class Sink:
    """Where lines go out.

    Args:
        out: standard error, as a rule.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def write(self, text: str) -> None:
        """Text as it stands, without secrets. A pipe whose reader is gone costs the line and nothing else."""
        try:
            self.out.write(redacted(text))
            self.out.flush()
        except (OSError, ValueError):
            return


def worded(error: BaseException) -> str:
    """An error without its words, which may quote a record: its kind, where it was raised, and a mark to know it by."""
    words = str(error).encode("utf-8", "surrogatepass")
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    mark = f"{len(words)} bytes, {hashlib.sha256(words).hexdigest()[:12]}"
    return f"{type(error).__name__} ({mark}) at {where or 'no frame'}"


class SinkHandler(logging.Handler):
    """What libraries log, through the sink: their own words on one line; of an error its kind and place alone."""

    def __init__(self, write: LibraryLine) -> None:
        super().__init__(logging.WARNING)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        error = record.exc_info[1] if record.exc_info else None
        self._write.library(
            record.levelname.lower(), record.name, record.getMessage(), worded(error) if error else ""
        )


class LibraryLine:
    """What takes a library's line."""

    def library(self, level: str, name: str, message: str, error: str) -> None:
        """One line of a library's log."""
        raise NotImplementedError


def capture_logging(to: LibraryLine) -> None:
    """From now on every library's warnings and errors go through `to`, and nowhere else."""
    root = logging.getLogger()
    root.handlers = [SinkHandler(to)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
