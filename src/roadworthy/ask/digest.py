"""The hash of several parts: questions are pinned by it, requests are found again by it."""

from __future__ import annotations

from hashlib import sha256


def digest(part: bytes, *, after: bytes = b"", before: bytes = b"") -> bytes:
    """SHA-256 over parts, each with its length, so that no two lists of parts run into one.

    Args:
        part: the one that differs from hash to hash.
        after: the parts before it, `measured` already: what many hashes have in common is written once.
        before: the parts behind it, likewise.
    """
    return sha256(after + len(part).to_bytes(8, "big") + part + before).digest()


def measured(*parts: bytes) -> bytes:
    """The parts, each with its length in eight bytes before it."""
    return b"".join([len(part).to_bytes(8, "big") + part for part in parts])
