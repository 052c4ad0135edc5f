"""Which of many known texts occurs inside a message; the longest one wins.

A text of at least `width + stride - 1` characters that lies in a message covers one of the message's positions
0, stride, 2 * stride, ... with all `width` characters that begin there. So it is enough to know, for each text, the
`stride` pieces at its beginning, and to look at every `stride`-th position of the message (the sampling side of q-gram
indexes: Ukkonen, "Approximate string-matching with q-grams and maximal matches", 1992; exact matches here).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_PIECES_MAX: Final = 400_000
_STRIDE_MAX: Final = 8
_LONG: Final = 16


class _Tier:
    """Texts of one band of lengths, from `least` up to twice that (or without end for the last band)."""

    def __init__(self, least: int, texts: list[str]) -> None:
        stride = min(_STRIDE_MAX, least - least // 2)
        self.stride = max(1, min(stride, _PIECES_MAX // len(texts)))
        self.width = least - self.stride + 1
        self.longest = max(map(len, texts))
        self._offsets: dict[str, int] = {}
        heads: dict[str, set[int]] = {}
        for text in texts:
            heads.setdefault(text[: self.width], set()).add(len(text))
            for offset in range(self.stride):
                piece = text[offset : offset + self.width]
                self._offsets[piece] = self._offsets.get(piece, 0) | 1 << offset
        self._heads = {head: tuple(sorted(lengths, reverse=True)) for head, lengths in heads.items()}

    def candidates(self, message: str) -> list[tuple[int, int]]:
        """Positions in the message where a text may begin, each with a length that it would have."""
        width, offsets, heads = self.width, self._offsets, self._heads
        ends = range(0, len(message) - width + 1, self.stride)
        found = []
        for at in [at for at in ends if message[at : at + width] in offsets]:
            marks = offsets[message[at : at + width]]
            for start in (at - offset for offset in range(marks.bit_length()) if marks >> offset & 1):
                if start >= 0:
                    found += [(start, length) for length in heads.get(message[start : start + width], ())]
        return found


class TextIndex:
    """Finds the longest of many texts inside a message, in about one look-up for every eight characters.

    Args:
        texts: the texts to find; empty ones are never found.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = {text for text in texts if text}
        bands: dict[int, list[str]] = {}
        for text in self._texts:
            least = min(_LONG, 1 << (len(text).bit_length() - 1))
            bands.setdefault(least, []).append(text)
        self._tiers = [_Tier(least, bands[least]) for least in sorted(bands, reverse=True)]

    def find(self, message: str) -> str | None:
        """The longest text that occurs in `message` exactly; the earliest of equally long ones; None without any."""
        if message in self._texts:
            return message
        for tier in self._tiers:
            best = ""
            for start, length in tier.candidates(message):
                if length > len(best) and message[start : start + length] in self._texts:
                    best = message[start : start + length]
            if best:
                return best
        return None
