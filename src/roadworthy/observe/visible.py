"""Text from records and models made safe to print: what would steer a terminal is shown, not obeyed."""

from __future__ import annotations

import re

import orjson

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]"
)


def visible(text: str) -> str:
    r"""The text with control, escape, zero-width and direction characters written as `\x1b` or `\u202e`."""
    return _UNSAFE.sub(_escape, text)


def indented(text: str) -> str:
    """The same, so that it begins no line but the one it stands in: what follows a line break is set in."""
    return visible(text).replace("\n", "\n    ")


def in_line(text: str) -> str:
    """The same in one line."""
    return visible(" ".join(text.splitlines()))


def json_line(said: object) -> str:
    """Plain data as one line of JSON: what would steer a terminal is escaped as JSON escapes it, and a program reads the same."""
    return _UNSAFE.sub(_escape_in_json, orjson.dumps(said).decode())


def shortened(text: str, chars_max: int) -> str:
    """At most `chars_max` characters, saying how many are left out."""
    if len(text) <= chars_max:
        return text
    return f"{text[:chars_max]}… ({len(text) - chars_max} characters more)"


def _escape_in_json(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def _escape(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
