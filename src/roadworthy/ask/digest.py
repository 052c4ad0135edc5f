"""The hash of several parts: questions are pinned by it, requests are found again by it."""

from __future__ import annotations

import hashlib


def digest(*parts: bytes) -> bytes:
    """SHA-256 over the parts, each with its length, so that no two lists of parts run into one."""
    measured = [piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)]
    return hashlib.sha256(b"".join(measured)).digest()
