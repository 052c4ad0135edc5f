"""Operators on a whole file of one record per line: what exports, transfers and editors do to files."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from roadworthy.vet.road.mess.operator import FileOperator

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_DEPTH: Final = 5_000
_NEW: Final = b"\n"


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + _NEW for line in lines)


def _text(lines: Sequence[bytes]) -> str:
    return _joined(lines).decode("utf-8", "replace")


def _blank_lines(lines: Sequence[bytes], chance: random.Random) -> bytes:
    return b"".join(chance.choice((b"", b"\n", b"  \n")) + line + _NEW for line in lines) + _NEW


def _twice(lines: Sequence[bytes], chance: random.Random) -> bytes:
    again = chance.sample(list(lines), max(1, len(lines) // 5)) if lines else []
    return _joined([*lines, *again])


def _other_order(lines: Sequence[bytes], chance: random.Random) -> bytes:
    order = list(lines)
    chance.shuffle(order)
    return _joined(order)


def _cut_off(lines: Sequence[bytes], chance: random.Random) -> bytes:
    """In the middle of the last line."""
    last = lines[-1] if lines else b""
    return _joined(lines[:-1]) + last[: int(len(last) * chance.uniform(0.3, 0.9))]


def _with(lines: Sequence[bytes], chance: random.Random, bad: bytes) -> bytes:
    at = chance.randrange(len(lines) + 1)
    return _joined([*lines[:at], bad, *lines[at:]])


def _broken_bytes(lines: Sequence[bytes], chance: random.Random) -> bytes:
    """Bytes that are no UTF-8 in the middle of one line."""
    if not lines:
        return b"\xff\n"
    at = chance.randrange(len(lines))
    line = lines[at]
    middle = len(line) // 2
    return _joined([*lines[:at], line[:middle] + b"\xc3\x28\xff" + line[middle:], *lines[at + 1 :]])


_DEEP: Final = b'{"deep":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}"

KEEPING: Final = (
    FileOperator("byte-order-mark", "begins with a byte order mark", True, lambda lines, _: codecs.BOM_UTF8 + _joined(lines)),
    FileOperator("utf-16", "is in UTF-16", True, lambda lines, _: codecs.BOM_UTF16_LE + _text(lines).encode("utf-16-le")),
    FileOperator("crlf", "has its lines ended as on Windows", True, lambda lines, _: _joined(lines).replace(b"\n", b"\r\n")),
    FileOperator("blank-lines", "has blank lines between the others", True, _blank_lines),
    FileOperator("no-last-end", "has no end to its last line", True, lambda lines, _: _joined(lines)[:-1]),
    FileOperator("duplicates", "has some of its lines twice", True, _twice),
    FileOperator("other-order", "has its lines in another order", True, _other_order),
)  # fmt: skip
"""The same records can be read from the file."""

CHANGING: Final = (
    FileOperator("cut-off", "ends in the middle of its last line", False, _cut_off),
    FileOperator("windows-1252", "is in Windows-1252", False, lambda lines, _: _text(lines).encode("cp1252", "replace")),
    FileOperator("broken-bytes", "has bytes that are no UTF-8 in one line", False, _broken_bytes),
    FileOperator("not-json", "has a line that is not JSON", False, lambda lines, chance: _with(lines, chance, b'{"id": "x", "text": ')),
    FileOperator("array", "has a line that is an array", False, lambda lines, chance: _with(lines, chance, b"[1, 2, 3]")),
    FileOperator("number", "has a line that is a number", False, lambda lines, chance: _with(lines, chance, b"1e400")),
    FileOperator("no-fields", "has a line that is an empty object", False, lambda lines, chance: _with(lines, chance, b"{}")),
    FileOperator("deep", f"has a line nested {_DEPTH:,} deep", False, lambda lines, chance: _with(lines, chance, _DEEP)),
)  # fmt: skip
"""Some of its records cannot be read, or are others."""
