"""The hash of several parts: questions are pinned by it, requests are found again by it."""

from __future__ import annotations

import hashlib


def digest(*parts: bytes, after: bytes = b"") -> bytes:
    """SHA-256 over the parts, each with its length, so that no two lists of parts run into one.

    Args:
        after: the first parts, `measured` already: what many hashes begin with is written once.
    """
    return hashlib.sha256(after + measured(*parts)).digest()


def measured(*parts: bytes) -> bytes:
    """The parts, each with its length in eight bytes before it."""
    text = b""
    for part in parts:
        text += len(part).to_bytes(8, "big") + part
    return text
